//! Tables that read well as plain text and as Markdown, and numbers in them.

/// A table with the first column to the left and the others to the right.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|it| it.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(&widths).enumerate().map(|(at, (cell, &width))| match at {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule: Vec<String> = widths.iter().enumerate().map(|(at, &width)| rule(at, width)).collect();
    let head: Vec<String> = head.iter().map(|it| (*it).to_owned()).collect();
    let mut lines = vec![line(&head), line(&rule)];
    lines.extend(rows.iter().map(|row| line(row)));
    lines.join("\n")
}

fn rule(at: usize, width: usize) -> String {
    match at {
        0 => "-".repeat(width),
        _ => format!("{}:", "-".repeat(width.saturating_sub(1))),
    }
}

/// Three digits at least; thousands apart.
pub(crate) fn number(value: f64) -> String {
    if value.abs() < 99.95 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", &*digits), |rest| ("-", rest));
    let mut spaced = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            spaced.push(' ');
        }
        spaced.push(digit);
    }
    format!("{sign}{spaced}")
}

#[cfg(test)]
mod tests {
    use super::{number, table};

    #[test]
    fn numbers_keep_three_digits() {
        let texts = [0.0, 3.06, 99.94, 99.96, 999.5, 1234.4, 1_234_567.0, -1234.0].map(number);
        assert_eq!(texts, ["0.0", "3.1", "99.9", "100", "1 000", "1 234", "1 234 567", "-1 234"]);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest() {
        let rows = [["long name", "1"], ["b", "1 000"]].map(|row| row.map(str::to_owned).to_vec());
        let expected = "\
| work      |     n |
| --------- | ----: |
| long name |     1 |
| b         | 1 000 |";
        assert_eq!(table(&["work", "n"], &rows), expected);
    }
}
