//! A finding's wait-for picture as SVG: tasks are boxes, objects ellipses; dashed arrows wait, solid ones
//! lead to the holder; what is in a circle is red.
//!
//! Invariants:
//! 1. Whole numbers only: the same picture has the same bytes everywhere.
//! 2. Nothing is drawn outside of what the picture says to be its size.
//! 3. Looks come from the page's style sheet by classes; no ids, no styles of its own.

use super::arrange::{Area, BOX_GAP, around, arrange, short, whole, wide};
use super::layers::{Graph, Part};
use super::markup::Markup;
use crate::render::picture::{Frame, Kind, Means, Node};

/// Of a line of text.
const LINE: i32 = 16;
const PAD: i32 = 12;
const MARGIN: i32 = 12;
/// Parts go on below when they would be wider together.
const WIDEST: i32 = 820;

/// Whether there is a circle in it.
pub(super) fn has_circle(frame: &Frame) -> bool {
    let graph = Graph::of(frame);
    graph.arrows.iter().any(|arrow| graph.is_in_circle(*arrow))
}

/// A picture as an `svg` element.
pub(super) fn draw(markup: &mut Markup, frame: &Frame) {
    let graph = Graph::of(frame);
    let mut areas: Vec<Area> = frame.nodes.iter().map(size).collect();
    let mut lines: Vec<Line> = Vec::new();
    let (mut x, mut y, mut tallest, mut width) = (MARGIN, MARGIN, 0, 0);
    for part in graph.parts() {
        // Many that wait for the same stand one below the other, or the picture would be too wide; a long
        // chain would be so.
        let turned = !part.is_ring && part.columns() > 2 && part.rows() <= 3;
        let turn = |areas: &mut [Area]| {
            for spot in part.nodes.iter().filter(|_| turned) {
                areas[spot.node] = areas[spot.node].turned();
            }
        };
        turn(&mut areas);
        arrange(frame, &graph, &part, turned, &mut areas);
        let mut own = routed(frame, &graph, &part, &areas);
        turn(&mut areas);
        own.iter_mut().filter(|_| turned).for_each(Line::turn);
        let boxes = part.nodes.iter().map(|spot| areas[spot.node]);
        let all = boxes.chain(own.iter().map(Line::area));
        let around = all.reduce(around).unwrap_or_default();
        if x > MARGIN && x + around.w > WIDEST {
            (x, y, tallest) = (MARGIN, y + tallest + BOX_GAP, 0);
        }
        let (right, down) = (x - around.x, y - around.y);
        for spot in &part.nodes {
            let area = &mut areas[spot.node];
            (area.x, area.y) = (area.x + right, area.y + down);
        }
        own.iter_mut().for_each(|line| line.shift(right, down));
        lines.extend(own);
        x += around.w;
        width = width.max(x);
        x += BOX_GAP;
        tallest = tallest.max(around.h);
    }
    let (width, height) = (width + MARGIN, y + tallest + MARGIN);
    let label = format!("Who waits for whom: {}", frame.title);
    markup.open(
        "svg",
        &[
            ("xmlns", "http://www.w3.org/2000/svg"),
            ("class", "waits"),
            ("role", "img"),
            ("aria-label", &label),
            ("width", &width.to_string()),
            ("height", &height.to_string()),
            ("viewBox", &format!("0 0 {width} {height}")),
        ],
    );
    lines.iter().for_each(|line| line.draw(markup));
    for (node, area) in frame.nodes.iter().zip(&areas) {
        boxed(markup, node, *area);
    }
    lines.iter().for_each(|line| line.label(markup));
    markup.close();
}

fn size(node: &Node) -> Area {
    let widest = node.lines.iter().map(|line| wide(&short(line))).max().unwrap_or(0);
    let lines = whole(node.lines.len());
    let (w, h) = (widest + 2 * PAD, lines * LINE + PAD);
    match node.kind {
        // The corners of a text are nearer to an ellipse than to a box.
        Kind::Object => Area { w: (w * 5 / 4).max(90), h: h * 3 / 2, ..Area::default() },
        Kind::Task | Kind::Stuck | Kind::Behind => Area { w: w.max(70), h, ..Area::default() },
    }
}

/// An arrow: a curve of four points, and its text.
struct Line {
    class: String,
    points: [(i32, i32); 4],
    text: String,
    /// Where the text begins, or its middle.
    at: (i32, i32),
    is_centred: bool,
}

fn routed(frame: &Frame, graph: &Graph, part: &Part, areas: &[Area]) -> Vec<Line> {
    let row_of = |at: usize| part.nodes.iter().find(|spot| spot.node == at).map(|spot| spot.row);
    let right = part.nodes.iter().map(|spot| areas[spot.node]).map(|it| it.x + it.w).max();
    let mut lines = Vec::new();
    for (&(from, to), arrow) in graph.arrows.iter().zip(&frame.arrows) {
        let (Some(above), Some(below)) = (row_of(from), row_of(to)) else { continue };
        let (a, b) = (areas[from], areas[to]);
        let back = from != to && graph.arrows.contains(&(to, from));
        let aside = if !back {
            0
        } else if from < to {
            -9
        } else {
            9
        };
        let steps = whole(above.abs_diff(below));
        let (points, at, is_centred) = if from == to || steps > 1 {
            let bow = right.unwrap_or(0) + 24 + 10 * whole(lines.len());
            let (y, end) = (a.height() - 6, b.height() + if from == to { 6 } else { 0 });
            let points = [(a.x + a.w, y), (bow, y), (bow, end), (b.x + b.w, end)];
            (points, (bow - 4, (y + end) / 2 + 4), false)
        } else if steps == 0 {
            let y = a.height().midpoint(b.height()) + aside;
            let (start, end) = if a.x < b.x { (a.x + a.w, b.x) } else { (a.x, b.x + b.w) };
            let middle = start.midpoint(end);
            let up = if aside > 0 { 16 } else { -6 };
            ([(start, y), (middle, y), (middle, y), (end, y)], (middle, y + up), true)
        } else {
            let (start, end) = if above < below { (a.y + a.h, b.y) } else { (a.y, b.y + b.h) };
            // A circle comes and goes in the middle.
            let joins = graph.is_in_circle((to, to)) && !graph.is_in_circle((from, to));
            let beside = if joins { (a.middle() - b.middle()).signum() * b.w / 4 } else { 0 };
            let (x, to_x) = (a.middle() + aside, b.middle() + aside + beside);
            let middle = start.midpoint(end);
            // Where several come together there is room at their starts only.
            let near = if (to_x - x).abs() < 20 { middle } else { (start * 2 + middle) / 3 };
            ([(x, start), (x, middle), (to_x, middle), (to_x, end)], (x + 8, near + 4), false)
        };
        let means = match arrow.means {
            Means::Wants => "wants",
            Means::HeldBy => "held",
        };
        let circle = if graph.is_in_circle((from, to)) { " circle" } else { "" };
        let text = short(&arrow.text);
        lines.push(Line { class: format!("{means}{circle}"), points, text, at, is_centred });
    }
    lines
}

impl Line {
    fn area(&self) -> Area {
        let ends = self.points.iter().map(|&(x, y)| Area { x, y, w: 0, h: 0 });
        let w = wide(&self.text);
        let x = if self.is_centred { self.at.0 - w / 2 } else { self.at.0 };
        let text = Area { x, y: self.at.1 - LINE, w, h: LINE + 4 };
        ends.fold(text, around)
    }

    fn shift(&mut self, right: i32, down: i32) {
        for (x, y) in self.points.iter_mut().chain(std::iter::once(&mut self.at)) {
            (*x, *y) = (*x + right, *y + down);
        }
    }

    /// With rows for columns: its text is then over its start.
    fn turn(&mut self) {
        self.points = self.points.map(|(x, y)| (y, x));
        let [start, ..] = self.points;
        (self.at, self.is_centred) = ((start.0 + 8, start.1 - 6), false);
    }

    fn draw(&self, markup: &mut Markup) {
        let [start, leave, arrive, end] = self.points.map(|(x, y)| format!("{x} {y}"));
        let path = format!("M{start} C{leave} {arrive} {end}");
        markup.empty("path", &[("class", &self.class), ("d", &path)]);
        let (to, from) = (self.points[3], self.points[2]);
        // It arrives straight down, up or sideways.
        let (dx, dy) = ((to.0 - from.0).signum(), (to.1 - from.1).signum());
        let (x, y) = (to.0 - dx * 9, to.1 - dy * 9);
        let (side_x, side_y) = (dy * 5, dx * 5);
        let tip = format!(
            "{},{} {},{} {},{}",
            to.0,
            to.1,
            x + side_x,
            y + side_y,
            x - side_x,
            y - side_y
        );
        markup.empty("polygon", &[("class", &self.class), ("points", &tip)]);
    }

    fn label(&self, markup: &mut Markup) {
        let class = if self.is_centred { "on middle" } else { "on" };
        let (x, y) = (self.at.0.to_string(), self.at.1.to_string());
        markup.element("text", &[("class", class), ("x", &x), ("y", &y)], &self.text);
    }
}

fn boxed(markup: &mut Markup, node: &Node, area: Area) {
    let class = match node.kind {
        Kind::Task => "task",
        Kind::Stuck => "stuck",
        Kind::Object => "object",
        Kind::Behind => "behind",
    };
    let Area { x, y, w, h } = area;
    markup.open("g", &[("class", class)]);
    if node.kind == Kind::Object {
        let [cx, cy, rx, ry] =
            [area.middle(), area.height(), w / 2, h / 2].map(|it| it.to_string());
        markup.empty("ellipse", &[("cx", &cx), ("cy", &cy), ("rx", &rx), ("ry", &ry)]);
    } else {
        let [x, y, w, h] = [x, y, w, h].map(|it| it.to_string());
        let corners = [("x", &*x), ("y", &*y), ("width", &*w), ("height", &*h), ("rx", "4")];
        markup.empty("rect", &corners);
    }
    let first = area.height() - whole(node.lines.len()) * LINE / 2 + LINE - 4;
    for (number, line) in node.lines.iter().enumerate() {
        let (x, y) = (area.middle().to_string(), (first + whole(number) * LINE).to_string());
        let class = if number == 0 { "who" } else { "what" };
        markup.element("text", &[("class", class), ("x", &x), ("y", &y)], &short(line));
    }
    markup.close();
}
