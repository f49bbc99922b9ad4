//! The two fonts that are part of the program: DejaVu Sans, regular and bold, with Latin, Greek and Cyrillic letters.

use std::sync::LazyLock;

use ttf_parser::{Face, GlyphId, OutlineBuilder};

use crate::canvas::Point;

/// The name under which SVG files ask for the font, and what they take where it is missing.
pub(crate) const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";
/// The height of capital letters, as a share of the size.
pub(crate) const CAPITALS: f64 = 0.729;

static REGULAR: LazyLock<Option<Face<'static>>> =
    LazyLock::new(|| Face::parse(include_bytes!("../fonts/DejaVuSans-subset.ttf"), 0).ok());
static BOLD: LazyLock<Option<Face<'static>>> =
    LazyLock::new(|| Face::parse(include_bytes!("../fonts/DejaVuSans-Bold-subset.ttf"), 0).ok());

fn face(bold: bool) -> Option<&'static Face<'static>> {
    if bold { BOLD.as_ref() } else { REGULAR.as_ref() }
}

/// The glyph of a letter; the one that stands for unknown letters where the font has none.
fn glyph(face: &Face<'_>, letter: char) -> GlyphId {
    face.glyph_index(letter).or_else(|| face.glyph_index('\u{fffd}')).unwrap_or_default()
}

fn advance(face: &Face<'_>, letter: char) -> f64 {
    f64::from(face.glyph_hor_advance(glyph(face, letter)).unwrap_or(0)) / f64::from(face.units_per_em())
}

/// The width of a text in the regular or the bold font of a size.
pub fn text_width(text: &str, size: f64, bold: bool) -> f64 {
    face(bold).map_or(0.0, |face| text.chars().map(|letter| advance(face, letter)).sum::<f64>() * size)
}

/// The outlines of a text that begins at the origin, with y downwards.
pub(crate) fn outlines(text: &str, size: f64, bold: bool) -> Vec<Vec<Point>> {
    let Some(face) = face(bold) else { return Vec::new() };
    let scale = size / f64::from(face.units_per_em());
    let mut outline = Outline { scale, left: 0.0, at: (0.0, 0.0), contours: Vec::new() };
    for letter in text.chars() {
        face.outline_glyph(glyph(face, letter), &mut outline);
        outline.left += advance(face, letter) * size;
    }
    outline.contours
}

/// Lines in place of curves.
struct Outline {
    scale: f64,
    left: f64,
    at: Point,
    contours: Vec<Vec<Point>>,
}

/// Into how many lines a curve is cut.
const CURVE_LINES: usize = 6;

impl Outline {
    fn place(&self, x: f32, y: f32) -> Point {
        (self.left + f64::from(x) * self.scale, -f64::from(y) * self.scale)
    }

    fn push(&mut self, point: Point) {
        self.at = point;
        if let Some(contour) = self.contours.last_mut() {
            contour.push(point);
        }
    }

    fn curve(&mut self, at: impl Fn(f64) -> Point) {
        for i in 1..=CURVE_LINES {
            self.push(at(i as f64 / CURVE_LINES as f64));
        }
    }
}

impl OutlineBuilder for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        self.contours.push(Vec::new());
        self.push(self.place(x, y));
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.push(self.place(x, y));
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let (a, b, c) = (self.at, self.place(x1, y1), self.place(x, y));
        let mix = |t: f64, a: f64, b: f64, c: f64| (1.0 - t) * (1.0 - t) * a + 2.0 * t * (1.0 - t) * b + t * t * c;
        self.curve(|t| (mix(t, a.0, b.0, c.0), mix(t, a.1, b.1, c.1)));
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let (a, b, c, d) = (self.at, self.place(x1, y1), self.place(x2, y2), self.place(x, y));
        let mix = |t: f64, p: [f64; 4]| {
            let s = 1.0 - t;
            s * s * s * p[0] + 3.0 * s * s * t * p[1] + 3.0 * s * t * t * p[2] + t * t * t * p[3]
        };
        self.curve(|t| (mix(t, [a.0, b.0, c.0, d.0]), mix(t, [a.1, b.1, c.1, d.1])));
    }

    fn close(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_font() {
        // DejaVu Sans: 'i' 569, 'm' 1995, 'A' 1401 of 2048 units.
        assert!((text_width("imA", 2048.0, false) - (569.0 + 1995.0 + 1401.0)).abs() < 1e-9);
        assert!(text_width("imA", 10.0, true) > text_width("imA", 10.0, false));
    }

    #[test]
    fn letters_that_the_font_lacks_are_shown_as_such() {
        assert_eq!(text_width("字", 10.0, false), text_width("\u{fffd}", 10.0, false));
        assert!(!outlines("字", 10.0, false).is_empty());
    }
}
