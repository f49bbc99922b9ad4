//! The canvas as pixels: the share of each pixel that an area covers decides how much of its colour it takes.

use crate::canvas::{Canvas, Item, Point};
use crate::font::{self, CAPITALS};
use crate::style::{Align, Baseline, Stroke, Style, TextStyle};
use crate::{Color, text_width};

/// Red, green and blue of all pixels.
pub(crate) fn pixels(canvas: &Canvas, width: usize, height: usize, scale: f64) -> Vec<u8> {
    let background = Color::WHITE.mix(canvas.background, f64::from(canvas.background.opacity) / 255.0);
    let mut image = Image { width, height, pixels: background.rgb.repeat(width * height) };
    let up = |p: &Point| (p.0 * scale, p.1 * scale);
    let all = |points: &[Point]| points.iter().map(up).collect::<Vec<_>>();
    for item in &canvas.items {
        match item {
            Item::Line { points, stroke } => image.stroke(&all(points), stroke, scale, false),
            Item::Polygon { points, style } => image.area(&all(points), style, scale),
            Item::Rectangle { corner, size, style } => {
                image.area(&all(&rectangle(*corner, *size, style.radius)), style, scale);
            }
            Item::Circle { center, radius, style } => image.area(&all(&circle(*center, *radius)), style, scale),
            Item::Text { at, text, style } => image.text(*at, text, style, scale),
        }
    }
    image.pixels
}

/// An arc around a center, from one angle to another.
fn arc(center: Point, radius: f64, from: f64, to: f64, points: usize) -> impl Iterator<Item = Point> {
    (0..=points).map(move |i| {
        let angle = from + (to - from) * i as f64 / points as f64;
        (center.0 + radius * angle.cos(), center.1 + radius * angle.sin())
    })
}

fn circle(center: Point, radius: f64) -> Vec<Point> {
    arc(center, radius, 0.0, std::f64::consts::TAU, 32).collect()
}

fn rectangle(corner: Point, (width, height): (f64, f64), radius: f64) -> Vec<Point> {
    let (left, top, right, bottom) = (corner.0, corner.1, corner.0 + width, corner.1 + height);
    let r = radius.min(width / 2.0).min(height / 2.0);
    if r <= 0.0 {
        return vec![(left, top), (right, top), (right, bottom), (left, bottom)];
    }
    let quarter = std::f64::consts::FRAC_PI_2;
    let corners = [
        (right - r, top + r, -1.0),
        (right - r, bottom - r, 0.0),
        (left + r, bottom - r, 1.0),
        (left + r, top + r, 2.0),
    ];
    corners.iter().flat_map(|&(x, y, turn)| arc((x, y), r, turn * quarter, (turn + 1.0) * quarter, 8)).collect()
}

struct Image {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Image {
    fn area(&mut self, points: &[Point], style: &Style, scale: f64) {
        if let Some(color) = style.fill {
            self.fill(&[&[points]], color);
        }
        if let Some(stroke) = &style.stroke {
            self.stroke(points, stroke, scale, true);
        }
    }

    fn stroke(&mut self, points: &[Point], stroke: &Stroke, scale: f64, closed: bool) {
        let mut points = points.to_vec();
        if let (true, Some(&first)) = (closed, points.first()) {
            points.push(first);
        }
        let half = (stroke.width * scale / 2.0).max(0.25);
        let dash: Vec<f64> = stroke.dash.iter().map(|d| d * scale).collect();
        let mut pieces = Vec::new();
        for line in dashes(&points, &dash) {
            for pair in line.windows(2) {
                let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
                let length = (x1 - x0).hypot(y1 - y0);
                if length > 0.0 && length.is_finite() {
                    let (dx, dy) = ((x1 - x0) / length * half, (y1 - y0) / length * half);
                    pieces.push(vec![(x0 - dy, y0 + dx), (x0 + dy, y0 - dx), (x1 + dy, y1 - dx), (x1 - dy, y1 + dx)]);
                }
            }
            let joints = if closed && dash.is_empty() { 0..line.len() } else { 1..line.len().saturating_sub(1) };
            if half > 0.4 {
                pieces.extend(line[joints.start..joints.end.max(joints.start)].iter().map(|&p| circle(p, half)));
            }
        }
        let pieces: Vec<[&[Point]; 1]> = pieces.iter().map(|piece| [piece.as_slice()]).collect();
        self.fill(&pieces.iter().map(|piece| &piece[..]).collect::<Vec<_>>(), stroke.color);
    }

    fn text(&mut self, at: Point, text: &str, style: &TextStyle, scale: f64) {
        let size = style.size * scale;
        let width = text_width(text, size, style.bold);
        let left = match style.align {
            Align::Start => 0.0,
            Align::Middle => -width / 2.0,
            Align::End => -width,
        };
        let down = match style.baseline {
            Baseline::Letters => 0.0,
            Baseline::Middle => CAPITALS / 2.0 * size,
            Baseline::Top => CAPITALS * size,
        };
        let (x, y) = (at.0 * scale, at.1 * scale);
        let place = |p: Point| match (p.0 + left, p.1 + down) {
            (along, across) if style.vertical => (x + across, y - along),
            (along, across) => (x + along, y + across),
        };
        let contours = font::outlines(text, size, style.bold);
        let contours: Vec<Vec<Point>> = contours.into_iter().map(|c| c.into_iter().map(place).collect()).collect();
        self.fill(&[&contours.iter().map(Vec::as_slice).collect::<Vec<_>>()], style.color);
    }

    /// Fills the union of areas, each of one or more outlines.
    fn fill(&mut self, areas: &[&[&[Point]]], color: Color) {
        let all = || areas.iter().flat_map(|area| area.iter().copied().flatten());
        let Some(bounds) = Bounds::of(all(), self.width, self.height) else { return };
        let mut mask = vec![0.0_f32; bounds.width() * bounds.height()];
        for area in areas {
            let Some(own) = Bounds::of(area.iter().copied().flatten(), self.width, self.height) else { continue };
            let mut coverage = Coverage::new(own);
            area.iter().for_each(|outline| coverage.add(outline));
            coverage.each(|x, y, share| {
                let place = (y - bounds.top) * bounds.width() + x - bounds.left;
                if let Some(known) = mask.get_mut(place) {
                    *known = known.max(share);
                }
            });
        }
        let opacity = f32::from(color.opacity) / 255.0;
        for (place, share) in mask.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            let (x, y) = (bounds.left + place % bounds.width(), bounds.top + place / bounds.width());
            let start = (y * self.width + x) * 3;
            for (channel, &value) in self.pixels[start..start + 3].iter_mut().zip(&color.rgb) {
                let (old, share) = (f32::from(*channel), share * opacity);
                *channel = (old + (f32::from(value) - old) * share).round() as u8;
            }
        }
    }
}

/// Whole pixels of the image: from `left` and `top` to before `right` and `bottom`.
#[derive(Clone, Copy)]
struct Bounds {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Bounds {
    /// Those that points span within an image, if there are any.
    fn of<'p>(points: impl Iterator<Item = &'p Point>, width: usize, height: usize) -> Option<Self> {
        let (mut low, mut high) = ((f64::INFINITY, f64::INFINITY), (f64::NEG_INFINITY, f64::NEG_INFINITY));
        for point in points.filter(|p| p.0.is_finite() && p.1.is_finite()) {
            low = (low.0.min(point.0), low.1.min(point.1));
            high = (high.0.max(point.0), high.1.max(point.1));
        }
        let whole = |x: f64, most: usize| x.clamp(0.0, most as f64) as usize;
        let bounds = Self {
            left: whole(low.0.floor(), width),
            top: whole(low.1.floor(), height),
            right: whole(high.0.ceil(), width),
            bottom: whole(high.1.ceil(), height),
        };
        (bounds.left < bounds.right && bounds.top < bounds.bottom).then_some(bounds)
    }

    fn width(&self) -> usize {
        self.right - self.left
    }

    fn height(&self) -> usize {
        self.bottom - self.top
    }
}

/// How much of each pixel is covered, as differences along each row: every edge adds, to the pixels that it crosses
/// and to all on their right, the height that it crosses them by.
struct Coverage {
    bounds: Bounds,
    cells: Vec<f32>,
}

impl Coverage {
    fn new(bounds: Bounds) -> Self {
        Self { bounds, cells: vec![0.0; (bounds.width() + 2) * bounds.height()] }
    }

    fn add(&mut self, outline: &[Point]) {
        let next = outline.iter().cycle().skip(1);
        for (&from, &to) in outline.iter().zip(next) {
            if [from.0, from.1, to.0, to.1].iter().all(|x| x.is_finite()) {
                self.edge(from, to);
            }
        }
    }

    fn edge(&mut self, from: Point, to: Point) {
        let shift = |p: Point| (p.0 - self.bounds.left as f64, p.1 - self.bounds.top as f64);
        let (from, to) = (shift(from), shift(to));
        let (top, bottom, sign) = if from.1 < to.1 { (from, to, 1.0) } else { (to, from, -1.0) };
        let slope = (bottom.0 - top.0) / (bottom.1 - top.1);
        let height = self.bounds.height();
        let first = top.1.max(0.0);
        let last = bottom.1.min(height as f64);
        if !slope.is_finite() || first >= last {
            return;
        }
        for row in first as usize..(last.ceil() as usize).min(height) {
            let (y0, y1) = (first.max(row as f64), last.min(row as f64 + 1.0));
            if y1 > y0 {
                let at = |y: f64| top.0 + (y - top.1) * slope;
                self.span(row, at(y0), at(y1), sign * (y1 - y0));
            }
        }
    }

    /// A piece of an edge within a row, from one x to another, that crosses the row by `height`.
    fn span(&mut self, row: usize, a: f64, b: f64, height: f64) {
        let width = self.bounds.width();
        let (low, high) = (a.min(b), a.max(b));
        let cells = &mut self.cells[row * (width + 2)..][..width + 2];
        // What is left of the bounds covers all of them, what is right of them none.
        let whole = |x: f64| x.clamp(0.0, width as f64);
        let extent = high - low;
        let share = |from: f64, to: f64| if extent > 0.0 { (to - from).max(0.0) / extent } else { 1.0 };
        if low < 0.0 {
            cells[0] += (height * share(low, high.min(0.0))) as f32;
            if high <= 0.0 {
                return;
            }
        }
        let (start, end) = (whole(low), whole(high));
        for cell in start as usize..=(end as usize).min(width) {
            let (from, to) = (start.max(cell as f64), end.min(cell as f64 + 1.0));
            if to > from || extent == 0.0 {
                let crossed = height * share(from, to);
                let right = (from + to) / 2.0 - cell as f64;
                cells[cell] += (crossed * (1.0 - right)) as f32;
                cells[cell + 1] += (crossed * right) as f32;
            }
        }
    }

    /// The pixels that are covered, and how much of each.
    fn each(&self, mut take: impl FnMut(usize, usize, f32)) {
        let width = self.bounds.width();
        for (row, cells) in self.cells.chunks_exact(width + 2).enumerate() {
            let mut sum = 0.0_f32;
            for (column, cell) in cells[..width].iter().enumerate() {
                sum += cell;
                let share = sum.abs().min(1.0);
                if share > 1e-3 {
                    take(self.bounds.left + column, self.bounds.top + row, share);
                }
            }
        }
    }
}

/// How many dashes a line may have; a finer one is drawn solid.
const DASHES_MAX: f64 = 1e5;

/// The pieces of a line that are drawn.
fn dashes(points: &[Point], dash: &[f64]) -> Vec<Vec<Point>> {
    let period: f64 = dash.iter().sum();
    let length: f64 = points.windows(2).map(|p| (p[1].0 - p[0].0).hypot(p[1].1 - p[0].1)).sum();
    if dash.iter().any(|d| d.is_nan() || *d <= 0.0)
        || period <= 0.0
        || length / period > DASHES_MAX
        || !length.is_finite()
    {
        return vec![points.to_vec()];
    }
    let Some(&first) = points.first() else { return Vec::new() };
    let (mut pieces, mut piece) = (Vec::new(), vec![first]);
    let (mut index, mut left) = (0, dash[0]);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        let mut rest = (to.0 - from.0).hypot(to.1 - from.1);
        while rest > left {
            let share = left / rest;
            from = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            rest -= left;
            piece.push(from);
            if index % 2 == 0 {
                pieces.push(std::mem::take(&mut piece));
            }
            piece = vec![from];
            index += 1;
            left = dash[index % dash.len()];
        }
        left -= rest;
        piece.push(to);
    }
    if index % 2 == 0 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(draw: impl FnOnce(&mut Canvas)) -> Vec<u8> {
        let mut canvas = Canvas::new(4.0, 3.0);
        draw(&mut canvas);
        pixels(&canvas, 4, 3, 1.0).chunks(3).map(|p| p[0]).collect()
    }

    #[test]
    fn a_pixel_takes_the_share_that_is_covered() {
        let gray = drawn(|c| c.rectangle(1.0, 1.0, 1.5, 1.0, &Style::filled(Color::BLACK)));
        assert_eq!(gray, [255, 255, 255, 255, 255, 0, 128, 255, 255, 255, 255, 255]);
        let triangle = drawn(|c| c.polygon(&[(0.0, 0.0), (2.0, 0.0), (0.0, 2.0)], &Style::filled(Color::BLACK)));
        assert_eq!(triangle, [0, 128, 255, 255, 128, 255, 255, 255, 255, 255, 255, 255]);
    }

    #[test]
    fn what_is_outside_is_cut_off() {
        let all = drawn(|c| c.rectangle(-10.0, -10.0, 30.0, 30.0, &Style::filled(Color::BLACK)));
        assert_eq!(all, [0; 12]);
        let diagonal = drawn(|c| c.line((-50.0, -50.0), (60.0, 60.0), &Stroke::new(Color::BLACK, 1.0)));
        assert!(diagonal[0] < 100 && diagonal[5] < 100 && diagonal[10] < 100 && diagonal[3] == 255);
        let nowhere = drawn(|c| c.line((f64::NAN, 0.0), (60.0, f64::INFINITY), &Stroke::new(Color::BLACK, 1.0)));
        assert_eq!(nowhere, [255; 12]);
    }

    #[test]
    fn strokes_that_meet_do_not_darken_each_other() {
        let line = [(0.0, 1.5), (2.0, 1.5), (4.0, 1.5)];
        let gray = drawn(|c| c.polyline(&line, &Stroke::new(Color::BLACK.with_opacity(0.5), 1.0)));
        assert_eq!(gray[4..8], [127; 4]);
    }

    #[test]
    fn dashes_leave_gaps() {
        let pieces = dashes(&[(0.0, 0.0), (10.0, 0.0)], &[3.0, 2.0]);
        assert_eq!(pieces, [vec![(0.0, 0.0), (3.0, 0.0)], vec![(5.0, 0.0), (8.0, 0.0)]]);
    }
}
