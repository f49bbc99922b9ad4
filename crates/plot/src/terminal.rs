//! Curves in a terminal, of Braille dots.

use std::fmt::Write;

use crate::canvas::Point;
use crate::chart::Chart;

/// How a chart is written to a terminal.
///
/// ```
/// use cornet_plot::{Chart, Series, TerminalPlot};
/// let chart = Chart::new("loss").series(Series::new("training", [(1.0, 0.9), (2.0, 0.5), (3.0, 0.3)]));
/// let text = TerminalPlot::new(40, 8).color(false).write(&chart);
/// assert!(text.starts_with("loss"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalPlot {
    columns: usize,
    rows: usize,
    color: bool,
}

/// ANSI colours of the curves.
const COLORS: [u8; 6] = [36, 33, 32, 35, 34, 31];
/// The bits of the two times four dots of a Braille letter.
const DOTS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
/// The most columns and rows.
const SIZE_MAX: usize = 1000;

impl TerminalPlot {
    /// Curves of so many columns and rows, with axes around them.
    pub fn new(columns: usize, rows: usize) -> Self {
        Self { columns: columns.clamp(2, SIZE_MAX), rows: rows.clamp(2, SIZE_MAX), color: true }
    }

    /// Whether curves have colours; without them they are told apart by being dashed alone.
    #[must_use]
    pub fn color(mut self, color: bool) -> Self {
        self.color = color;
        self
    }

    /// The chart as lines of text.
    pub fn write(&self, chart: &Chart) -> String {
        let Some((x, y)) = chart.axes((self.columns / 12).max(1), (self.rows / 2).max(1)) else {
            return format!("{}\n  no finite values\n", chart.title);
        };
        let mut cells = vec![(0_u8, 0_usize); self.columns * self.rows];
        for (index, series) in chart.series.iter().enumerate() {
            for piece in series.points.split(|p| !(p.0.is_finite() && p.1.is_finite())) {
                let points: Vec<Point> = piece.iter().map(|p| self.dot(x.place(p.0), y.place(p.1))).collect();
                self.trace(&points, series.dashed, |cell, dot| {
                    if let Some(known) = cells.get_mut(cell) {
                        *known = (known.0 | dot, index);
                    }
                });
            }
        }
        let mut labels = vec![String::new(); self.rows];
        for &tick in &y.ticks {
            let row = (1.0 - y.place(tick)) * (self.rows - 1) as f64;
            if let Some(label) = labels.get_mut(row.round() as usize) {
                *label = y.text(tick);
            }
        }
        let margin = labels.iter().map(|l| l.chars().count()).max().unwrap_or(0);
        let mut out = self.heading(chart);
        for (row, label) in cells.chunks(self.columns).zip(&labels) {
            let _ = write!(out, "{label:>margin$} {}", if label.is_empty() { '│' } else { '┤' });
            self.write_row(&mut out, row);
            out.push('\n');
        }
        let (marks, numbers) = self.bottom(&x);
        let _ = write!(out, "{:margin$} └{marks}\n{:margin$}  {}\n", "", "", numbers.trim_end());
        out
    }

    /// The title, and what each curve is.
    fn heading(&self, chart: &Chart) -> String {
        let mut out = chart.title.clone();
        for (index, series) in chart.series.iter().enumerate() {
            let line = if series.dashed { "╌╌" } else { "──" };
            let _ = match self.color {
                true => write!(out, "  \x1b[{}m{line}\x1b[0m {}", COLORS[index % COLORS.len()], series.name),
                false => write!(out, "  {line} {}", series.name),
            };
        }
        out.push('\n');
        out
    }

    fn write_row(&self, out: &mut String, row: &[(u8, usize)]) {
        for &(dots, index) in row {
            let letter = char::from_u32(0x2800 + u32::from(dots)).filter(|_| dots != 0).unwrap_or(' ');
            let _ = match self.color && dots != 0 {
                true => write!(out, "\x1b[{}m{letter}\x1b[0m", COLORS[index % COLORS.len()]),
                false => write!(out, "{letter}"),
            };
        }
        if !self.color {
            out.truncate(out.trim_end_matches(' ').len());
        }
    }

    /// The line of the horizontal axis, and its numbers.
    fn bottom(&self, x: &crate::axis::Axis) -> (String, String) {
        let mut marks = vec!['─'; self.columns];
        let mut numbers = vec![' '; self.columns + 8];
        let mut free = 0;
        for &tick in &x.ticks {
            let text = x.text(tick);
            let column = (x.place(tick) * (self.columns - 1) as f64).round() as usize;
            let start = column.saturating_sub(text.chars().count() / 2);
            if start < free || start + text.chars().count() > numbers.len() {
                continue;
            }
            if let Some(mark) = marks.get_mut(column) {
                *mark = '┬';
            }
            numbers.iter_mut().skip(start).zip(text.chars()).for_each(|(place, letter)| *place = letter);
            free = start + text.chars().count() + 1;
        }
        (marks.into_iter().collect(), numbers.into_iter().collect())
    }

    /// The dot of a place from 0 to 1, in dots.
    fn dot(&self, x: f64, y: f64) -> Point {
        (x * (self.columns * 2 - 1) as f64, (1.0 - y) * (self.rows * 4 - 1) as f64)
    }

    /// The dots of a line: the place of their letters and their bits.
    fn trace(&self, points: &[Point], dashed: bool, mut set: impl FnMut(usize, u8)) {
        let mut place = |at: Point, count: usize| {
            let (x, y) = (at.0.round().max(0.0) as usize, at.1.round().max(0.0) as usize);
            if x / 2 < self.columns && (!dashed || count % 4 < 2) {
                set(y / 4 * self.columns + x / 2, DOTS[y % 4][x % 2]);
            }
        };
        if let [only] = points {
            place(*only, 0);
        }
        let mut count = 0;
        for pair in points.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).round().max(1.0);
            for step in 0..=steps as usize {
                let share = step as f64 / steps;
                place((from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share), count);
                count += usize::from(step > 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Series;

    #[test]
    fn a_line_goes_from_corner_to_corner() {
        let chart = Chart::new("y").series(Series::new("s", [(0.0, 0.0), (1.0, 1.0)]));
        let text = TerminalPlot::new(6, 3).color(false).write(&chart);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "y  ── s");
        assert_eq!(lines[1].chars().last(), Some('⠊'), "{text}");
        assert!(lines[3].ends_with("┤⡠⠊") || lines[3].contains("┤⡠"), "{text}");
        assert!(lines[4].contains("└"), "{text}");
    }

    #[test]
    fn values_that_are_not_finite_leave_gaps() {
        let chart = Chart::new("y").series(Series::new("s", [(0.0, f64::NAN), (1.0, f64::INFINITY)]));
        assert!(TerminalPlot::new(6, 3).write(&chart).contains("no finite values"));
    }
}
