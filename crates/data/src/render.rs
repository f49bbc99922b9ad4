//! Small grayscale images as text.
//!
//! On a terminal two pixels share a cell: the half block `▀` in the colour of the upper one, on the colour of the lower
//! one. Elsewhere a pixel is two characters of a ramp from blank to `@`, so that it is about as high as wide.

use std::fmt::Write as _;

use cornet_error::{Result, err, fail};
use cornet_tensor::{Array, DType};

/// How a gray value is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Palette {
    /// Characters alone, from blank to `@`.
    #[default]
    Ascii,
    /// The 24 grays of the 256-colour palette.
    Ansi256,
    /// Every gray, in 24-bit colour.
    TrueColor,
}

impl Palette {
    /// What an output can show: characters alone unless it is a terminal, `NO_COLOR` is empty or unset, and `TERM` is not
    /// `dumb`; every gray where `COLORTERM` says `truecolor` or `24bit`.
    pub fn for_output(is_terminal: bool) -> Self {
        let var = |name: &str| std::env::var(name).unwrap_or_default();
        Self::choose(is_terminal, &var("NO_COLOR"), &var("TERM"), &var("COLORTERM"))
    }

    fn choose(is_terminal: bool, no_color: &str, term: &str, colorterm: &str) -> Self {
        if !is_terminal || !no_color.is_empty() || term == "dumb" {
            Self::Ascii
        } else if ["truecolor", "24bit"].contains(&colorterm) {
            Self::TrueColor
        } else {
            Self::Ansi256
        }
    }

    /// The colour code of a gray from 0 to 1, without the leading 38 or 48.
    fn gray(self, value: f32) -> String {
        match self {
            Self::TrueColor => {
                let v = (value * 255.0).round() as u8;
                format!("2;{v};{v};{v}")
            }
            // 16 is black, 232 to 255 are grays, 231 is white.
            _ => match (value * 25.0).round() as u8 {
                0 => "5;16".into(),
                v @ 1..25 => format!("5;{}", 231 + v),
                _ => "5;231".into(),
            },
        }
    }
}

/// A grayscale image and the words beneath it.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    rows: usize,
    columns: usize,
    /// From 0 to 1.
    pixels: Vec<f32>,
    /// The words beneath.
    pub caption: String,
}

impl Picture {
    /// The image `index` of `images` `[examples, rows, columns]`, whose values go from 0 to `max`.
    ///
    /// # Errors
    /// `rank_mismatch` and `dtype_mismatch` for another array than uint8 or float32 of that rank (a last axis of size 1 is
    /// ignored); `out_of_range` for an index beyond the examples.
    ///
    /// ```
    /// use cornet_data::render::{Palette, Picture, draw};
    /// let (images, labels) = cornet_data::digits()?;
    /// let zero = Picture::from_images(&images, 0, 16.0)?.captioned("a zero");
    /// assert!(draw(&[zero], 80, Palette::Ascii).contains("%%"));
    /// # Ok::<(), cornet_data::Error>(())
    /// ```
    pub fn from_images(images: &Array, index: usize, max: f32) -> Result<Self> {
        let dims = images.shape().as_slice();
        let (&[examples, rows, columns] | &[examples, rows, columns, 1]) = dims else {
            return Err(err!(RankMismatch, "images: expected [examples, rows, columns], found {}", images.shape()));
        };
        if index >= examples {
            fail!(OutOfRange, "index of an image: expected less than {examples}, found {index}");
        }
        let range = index * rows * columns..(index + 1) * rows * columns;
        let scale = |v: f32| if max > 0.0 && v.is_finite() { (v / max).clamp(0.0, 1.0) } else { 0.0 };
        let pixels = match images.dtype() {
            DType::U8 => images.as_slice::<u8>()?[range].iter().map(|&v| scale(f32::from(v))).collect(),
            DType::F32 => images.as_slice::<f32>()?[range].iter().map(|&v| scale(v)).collect(),
            other => fail!(DtypeMismatch, "images: expected uint8 or float32, found {other}"),
        };
        Ok(Self { rows, columns, pixels, caption: String::new() })
    }

    /// The same with words beneath.
    #[must_use]
    pub fn captioned(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    fn cell_width(&self, palette: Palette) -> usize {
        if palette == Palette::Ascii { self.columns * 2 } else { self.columns }
    }

    /// The value of a pixel; 0 outside the image.
    fn at(&self, row: usize, column: usize) -> f32 {
        if row < self.rows && column < self.columns { self.pixels[row * self.columns + column] } else { 0.0 }
    }

    /// One line of text, without the caption.
    fn line(&self, y: usize, palette: Palette) -> String {
        const RAMP: [char; 10] = [' ', '.', ':', '-', '=', '+', '*', '#', '%', '@'];
        let mut line = String::new();
        for column in 0..self.columns {
            if palette == Palette::Ascii {
                let c = RAMP[(self.at(y, column) * 9.0).round() as usize];
                line.extend([c, c]);
            } else {
                let (upper, lower) = (palette.gray(self.at(2 * y, column)), palette.gray(self.at(2 * y + 1, column)));
                // Writing into a String cannot fail.
                let _ = write!(line, "\x1b[38;{upper};48;{lower}m▀");
            }
        }
        if palette != Palette::Ascii {
            line.push_str("\x1b[0m");
        }
        line
    }

    fn height(&self, palette: Palette) -> usize {
        if palette == Palette::Ascii { self.rows } else { self.rows.div_ceil(2) }
    }
}

/// Draws pictures side by side, as many as fit into `columns` of text, in as many rows as that takes, captions beneath.
pub fn draw(pictures: &[Picture], columns: usize, palette: Palette) -> String {
    const GAP: usize = 2;
    let width_of = |p: &Picture| p.cell_width(palette).max(p.caption.chars().count());
    let width = pictures.iter().map(width_of).max().unwrap_or(0);
    let per_row = ((columns + GAP) / (width + GAP)).max(1);
    let mut out = String::new();
    for row in pictures.chunks(per_row) {
        let height = row.iter().map(|p| p.height(palette)).max().unwrap_or(0);
        for y in 0..height {
            let cells = row.iter().map(|p| {
                let (text, used) = if y < p.height(palette) {
                    (p.line(y, palette), p.cell_width(palette))
                } else {
                    (String::new(), 0)
                };
                text + &" ".repeat(width - used)
            });
            push_line(&mut out, cells, GAP);
        }
        if row.iter().any(|p| !p.caption.is_empty()) {
            push_line(&mut out, row.iter().map(|p| format!("{:<width$}", p.caption)), GAP);
        }
    }
    out
}

fn push_line(out: &mut String, cells: impl Iterator<Item = String>, gap: usize) {
    let line = cells.collect::<Vec<_>>().join(&" ".repeat(gap));
    out.push_str(line.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use cornet_error::Code;

    fn two() -> Array {
        Array::from_vec(vec![0_u8, 16, 16, 0, 8, 8, 8, 8], [2, 2, 2]).unwrap()
    }

    #[test]
    fn ascii_has_two_characters_a_pixel_and_captions() {
        let pictures: Vec<Picture> =
            (0..2).map(|i| Picture::from_images(&two(), i, 16.0).unwrap().captioned(format!("no {i}"))).collect();
        assert_eq!(draw(&pictures, 80, Palette::Ascii), "  @@  ++++\n@@    ++++\nno 0  no 1\n");
        assert_eq!(draw(&pictures, 5, Palette::Ascii), "  @@\n@@\nno 0\n++++\n++++\nno 1\n");
    }

    #[test]
    fn half_blocks_hold_two_rows() {
        let picture = Picture::from_images(&two(), 0, 16.0).unwrap();
        let black = "2;0;0;0";
        let white = "2;255;255;255";
        let expected = format!("\x1b[38;{black};48;{white}m▀\x1b[38;{white};48;{black}m▀\x1b[0m\n");
        assert_eq!(draw(std::slice::from_ref(&picture), 80, Palette::TrueColor), expected);
        let expected = "\x1b[38;5;16;48;5;231m▀\x1b[38;5;231;48;5;16m▀\x1b[0m\n";
        assert_eq!(draw(&[picture], 80, Palette::Ansi256), expected);
    }

    #[test]
    fn the_256_grays_rise() {
        let codes: Vec<String> = (0..=25).map(|v| Palette::Ansi256.gray(v as f32 / 25.0)).collect();
        assert_eq!((codes[0].as_str(), codes[1].as_str(), codes[24].as_str()), ("5;16", "5;232", "5;255"));
        assert_eq!(codes[25], "5;231");
    }

    #[test]
    fn floats_outside_their_range_and_nan_are_clamped() {
        let images = Array::from_vec(vec![-1.0_f32, 2.0, f32::NAN, 0.5], [1, 2, 2, 1]).unwrap();
        let picture = Picture::from_images(&images, 0, 1.0).unwrap();
        assert_eq!(draw(&[picture], 80, Palette::Ascii), "  @@\n  ++\n");
    }

    #[test]
    fn wrong_arrays_are_errors() {
        let code = |array: &Array, index| Picture::from_images(array, index, 1.0).unwrap_err().code();
        assert_eq!(code(&two(), 2), Code::OutOfRange);
        assert_eq!(code(&Array::zeros(DType::U8, [4, 4]), 0), Code::RankMismatch);
        assert_eq!(code(&Array::zeros(DType::I32, [1, 4, 4]), 0), Code::DtypeMismatch);
    }

    #[test]
    fn the_palette_follows_the_environment() {
        assert_eq!(Palette::choose(true, "", "xterm-256color", ""), Palette::Ansi256);
        assert_eq!(Palette::choose(true, "", "xterm-256color", "truecolor"), Palette::TrueColor);
        for (terminal, no_color, term) in [(false, "", "xterm"), (true, "1", "xterm"), (true, "", "dumb")] {
            assert_eq!(Palette::choose(terminal, no_color, term, "truecolor"), Palette::Ascii);
        }
        assert_eq!(draw(&[], 80, Palette::Ascii), "");
    }
}
