use std::path::Path;

use cornet_archive::atomic_write;
use cornet_error::{Result, fail};
use std::io::Write;

use crate::{Color, Stroke, Style, TextStyle, font, png, raster, svg};

/// A place: to the right, and down.
pub type Point = (f64, f64);

/// How many pixels a PNG may have.
const PIXELS_MAX: f64 = (1u64 << 28) as f64;

/// A picture of lines, areas and texts, each over those drawn before. Sizes are in CSS pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Canvas {
    /// The width.
    pub width: f64,
    /// The height.
    pub height: f64,
    pub(crate) background: Color,
    pub(crate) items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Line { points: Vec<Point>, stroke: Stroke },
    Polygon { points: Vec<Point>, style: Style },
    Rectangle { corner: Point, size: (f64, f64), style: Style },
    Circle { center: Point, radius: f64, style: Style },
    Text { at: Point, text: String, style: TextStyle },
}

impl Canvas {
    /// A white canvas.
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, background: Color::WHITE, items: Vec::new() }
    }

    /// With another background.
    #[must_use]
    pub fn background(mut self, color: Color) -> Self {
        self.background = color;
        self
    }

    /// Draws a line.
    pub fn line(&mut self, from: Point, to: Point, stroke: &Stroke) {
        self.polyline(&[from, to], stroke);
    }

    /// Draws a line through points.
    pub fn polyline(&mut self, points: &[Point], stroke: &Stroke) {
        self.items.push(Item::Line { points: points.to_vec(), stroke: stroke.clone() });
    }

    /// Draws a line through points that ends in an arrowhead.
    pub fn arrow(&mut self, points: &[Point], stroke: &Stroke) {
        let (Some(&tip), Some(&before)) = (points.last(), points.iter().rev().nth(1)) else { return };
        let (dx, dy) = (tip.0 - before.0, tip.1 - before.1);
        let length = dx.hypot(dy).max(f64::MIN_POSITIVE);
        let (dx, dy) = (dx / length, dy / length);
        let head = 4.0 + 2.5 * stroke.width;
        let base = (tip.0 - dx * head, tip.1 - dy * head);
        let side = |sign: f64| (base.0 - sign * dy * head * 0.42, base.1 + sign * dx * head * 0.42);
        let mut line = points.to_vec();
        if let Some(last) = line.last_mut() {
            *last = base;
        }
        self.polyline(&line, stroke);
        self.polygon(&[tip, side(1.0), side(-1.0)], &Style::filled(stroke.color));
    }

    /// Draws an area between points.
    pub fn polygon(&mut self, points: &[Point], style: &Style) {
        self.items.push(Item::Polygon { points: points.to_vec(), style: style.clone() });
    }

    /// Draws a rectangle whose upper left corner is at `x`, `y`.
    pub fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, style: &Style) {
        self.items.push(Item::Rectangle { corner: (x, y), size: (width, height), style: style.clone() });
    }

    /// Draws a circle.
    pub fn circle(&mut self, center: Point, radius: f64, style: &Style) {
        self.items.push(Item::Circle { center, radius, style: style.clone() });
    }

    /// Writes a text of one line.
    pub fn text(&mut self, x: f64, y: f64, text: &str, style: &TextStyle) {
        self.items.push(Item::Text { at: (x, y), text: text.to_owned(), style: style.clone() });
    }

    /// Draws another canvas, with its background, so that its upper left corner is at `x`, `y`.
    pub fn draw(&mut self, x: f64, y: f64, other: &Self) {
        self.rectangle(x, y, other.width, other.height, &Style::filled(other.background));
        let to = |p: &Point| (p.0 + x, p.1 + y);
        self.items.extend(other.items.iter().map(|item| match item.clone() {
            Item::Line { points, stroke } => Item::Line { points: points.iter().map(to).collect(), stroke },
            Item::Polygon { points, style } => Item::Polygon { points: points.iter().map(to).collect(), style },
            Item::Rectangle { corner, size, style } => Item::Rectangle { corner: to(&corner), size, style },
            Item::Circle { center, radius, style } => Item::Circle { center: to(&center), radius, style },
            Item::Text { at, text, style } => Item::Text { at: to(&at), text, style },
        }));
    }

    /// The width that a text takes.
    pub fn text_width(text: &str, style: &TextStyle) -> f64 {
        font::text_width(text, style.size, style.bold)
    }

    /// The picture as SVG, whose texts stay texts.
    pub fn to_svg(&self) -> String {
        svg::write(self)
    }

    /// The picture as PNG, with `scale` pixels for a unit of the canvas: 2 for screens of today.
    ///
    /// # Errors
    /// `invalid_argument` for a size that is not positive; `limit_exceeded` beyond 2²⁸ pixels.
    pub fn to_png(&self, scale: f64) -> Result<Vec<u8>> {
        let (width, height) = ((self.width * scale).ceil(), (self.height * scale).ceil());
        if !(width >= 1.0 && height >= 1.0) {
            fail!(InvalidArgument, "picture: expected a size of at least one pixel, found {width} x {height}");
        }
        if width * height > PIXELS_MAX {
            fail!(LimitExceeded, "picture: expected at most {PIXELS_MAX} pixels, found {width} x {height}");
        }
        let (width, height) = (width as usize, height as usize);
        png::encode_png(width, height, 3, &raster::pixels(self, width, height, scale))
    }

    /// Saves the picture in the format that the name ends in, `.svg` or `.png`, in one step or not at all.
    ///
    /// # Errors
    /// `unsupported_format` for another ending; `io` and its likes.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        let bytes = match ending.as_deref() {
            Some("svg") => self.to_svg().into_bytes(),
            Some("png") => self.to_png(2.0)?,
            _ => {
                fail!(UnsupportedFormat, "picture: expected a name that ends in .svg or .png, found {}", path.display())
            }
        };
        atomic_write(path, |file| file.write_all(&bytes))
    }
}
