//! Where boxes stand: whole numbers out of rows and columns, and out of how wide texts are.

use super::layers::{Graph, Part, Spot};
use crate::render::page::{clean, cut_middle};
use crate::render::picture::Frame;

/// Of the font, in tenths of a pixel.
const LETTER_TENTHS: i32 = 69;
/// Letters of a line in a box.
const LETTERS: usize = 40;
/// Between rows, and between boxes in a row.
const ROW_GAP: i32 = 52;
pub(super) const BOX_GAP: i32 = 28;

#[derive(Clone, Copy, Default)]
pub(super) struct Area {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) w: i32,
    pub(super) h: i32,
}

impl Area {
    pub(super) fn middle(self) -> i32 {
        self.x + self.w / 2
    }

    pub(super) fn height(self) -> i32 {
        self.y + self.h / 2
    }

    /// With rows for columns.
    pub(super) fn turned(self) -> Area {
        Area { x: self.y, y: self.x, w: self.h, h: self.w }
    }
}

pub(super) fn around(a: Area, b: Area) -> Area {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    Area { x, y, w: (a.x + a.w).max(b.x + b.w) - x, h: (a.y + a.h).max(b.y + b.h) - y }
}

/// Gives boxes of known sizes their places: rows one below the other, each centred over what it points at.
pub(super) fn arrange(frame: &Frame, graph: &Graph, part: &Part, turned: bool, areas: &mut [Area]) {
    let texts = || frame.arrows.iter().map(|arrow| wide(&short(&arrow.text)));
    let mut plan = Plan { frame, graph, part, turned, gap: BOX_GAP / 2, areas };
    let row_gap = match turned {
        true => texts().max().map_or(ROW_GAP, |widest| widest + 40),
        false => ROW_GAP,
    };
    if !turned {
        plan.gap = BOX_GAP.max(plan.text_beside());
    }
    let mut y = 0;
    for row in 0..part.rows() {
        let spots = plan.row(row);
        let tallest = spots.iter().map(|spot| plan.areas[spot.node].h).max().unwrap_or(0);
        for spot in &spots {
            let area = &mut plan.areas[spot.node];
            area.y = y + (tallest - area.h) / 2;
        }
        y += tallest + row_gap;
    }
    for row in (0..part.rows()).rev() {
        let (ring, others): (Vec<Spot>, Vec<Spot>) =
            plan.row(row).into_iter().partition(|spot| graph.is_in_circle((spot.node, spot.node)));
        if ring.is_empty() {
            plan.centred(others);
        } else {
            plan.straight(&ring, &others);
        }
    }
}

struct Plan<'p> {
    frame: &'p Frame,
    graph: &'p Graph,
    part: &'p Part,
    turned: bool,
    /// Between boxes in a row.
    gap: i32,
    areas: &'p mut [Area],
}

impl Plan<'_> {
    fn row(&self, row: usize) -> Vec<Spot> {
        let spots = self.part.nodes.iter().copied().filter(|spot| spot.row == row);
        let mut spots: Vec<Spot> = spots.collect();
        spots.sort_by_key(|spot| spot.column);
        spots
    }

    fn row_of(&self, node: usize) -> Option<usize> {
        self.part.nodes.iter().find(|spot| spot.node == node).map(|spot| spot.row)
    }

    /// The widest text of an arrow that is wanted by this.
    fn widest(&self, is_wanted: impl Fn((usize, usize)) -> bool) -> i32 {
        let arrows = self.graph.arrows.iter().zip(&self.frame.arrows);
        let texts = arrows.filter(|(ends, _)| is_wanted(**ends)).map(|(_, arrow)| &arrow.text);
        texts.map(|text| wide(&short(text)) + 16).max().unwrap_or(0)
    }

    /// Room for arrows between boxes of one row.
    fn text_beside(&self) -> i32 {
        self.widest(|(from, to)| {
            let row = self.row_of(from);
            from != to && row.is_some() && row == self.row_of(to)
        }) + 8
    }

    /// Over or under what it is wanted from below.
    fn centre(&self, spot: &Spot) -> i32 {
        let below = |to: usize| self.row_of(to).is_some_and(|other| other > spot.row);
        let own = self.graph.arrows.iter().filter(|it| it.0 == spot.node && below(it.1));
        let centres: Vec<i32> = own.map(|it| self.areas[it.1].middle()).collect();
        centres.iter().sum::<i32>() / whole(centres.len()).max(1)
    }

    /// Those of a circle in its two columns, which stand straight; others beside them, each on the side of
    /// what it waits for.
    fn straight(&mut self, ring: &[Spot], others: &[Spot]) {
        let width = |column: usize| {
            let spots = self.part.nodes.iter().filter(|spot| spot.column == column);
            spots.map(|spot| self.areas[spot.node].w).max().unwrap_or(0)
        };
        let (first, second) = (width(0), width(1));
        for spot in ring {
            let (start, width) =
                if spot.column == 0 { (0, first) } else { (first + self.gap, second) };
            let area = &mut self.areas[spot.node];
            area.x = start + (width - area.w) / 2;
        }
        // Room for the texts of arrows that go up and down.
        let (mut left, mut right) = (-3 * BOX_GAP, first + self.gap + second + 3 * BOX_GAP);
        for spot in others {
            let w = self.areas[spot.node].w.max(self.widest(|(from, _)| from == spot.node));
            if self.centre(spot) <= first {
                left -= w;
                self.areas[spot.node].x = left;
                left -= BOX_GAP;
            } else {
                self.areas[spot.node].x = right;
                right += w + BOX_GAP;
            }
        }
    }

    /// One row over what it points at.
    fn centred(&mut self, mut spots: Vec<Spot>) {
        spots.sort_by_cached_key(|spot| self.centre(spot));
        let gaps: Vec<i32> =
            spots.windows(2).map(|pair| self.between(&pair[0], &pair[1])).collect();
        let boxes: i32 = spots.iter().map(|spot| self.areas[spot.node].w).sum();
        let middle = spots.iter().map(|spot| self.centre(spot)).sum::<i32>();
        let middle = middle / whole(spots.len()).max(1);
        let mut x = middle - (boxes + gaps.iter().sum::<i32>()) / 2;
        for (at, spot) in spots.iter().enumerate() {
            self.areas[spot.node].x = x;
            x += self.areas[spot.node].w + gaps.get(at).copied().unwrap_or(0);
        }
    }

    /// From the middle of one to that of the next there is room for the text of the first one's arrow.
    fn between(&self, one: &Spot, next: &Spot) -> i32 {
        if self.turned {
            return self.gap;
        }
        let halves = self.areas[one.node].w / 2 + self.areas[next.node].w / 2;
        self.gap.max(self.widest(|(from, _)| from == one.node) - halves)
    }
}

/// As much as there is room for. Of a place the end says most: the file and its line.
pub(super) fn short(text: &str) -> String {
    let text = clean(text);
    let length = text.chars().count();
    match text.split_once(" at ") {
        Some((what, place)) if length > LETTERS && what.len() < LETTERS / 2 => {
            let room = LETTERS - what.chars().count() - " at ..".len();
            let tail: Vec<char> = place.chars().rev().take(room).collect();
            format!("{what} at ..{}", tail.iter().rev().collect::<String>())
        }
        _ => cut_middle(&text, LETTERS),
    }
}

pub(super) fn wide(text: &str) -> i32 {
    // Letters of some scripts take two columns.
    let columns = text.chars().map(|letter| if letter >= '\u{1100}' { 2 } else { 1 }).sum::<i32>();
    (columns * LETTER_TENTHS).div_euclid(10) + 1
}

pub(super) fn whole(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{LETTERS, short};

    #[test]
    fn of_a_place_the_end_is_kept() {
        let text = "spawned at a/very/long/way/to/the/file/of/it.rs:1234";
        assert!(short(text).len() <= LETTERS && short(text).ends_with("of/it.rs:1234"));
        assert_eq!(short("wanted at src/bank.rs:31"), "wanted at src/bank.rs:31");
    }
}
