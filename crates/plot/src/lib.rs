//! Drawing without system fonts and without C: a canvas of lines, shapes and text that becomes SVG or PNG, charts of
//! curves, tables of coloured cells, and curves in a terminal.
//!
//! ```
//! use cornet_plot::{Canvas, Color, Stroke, Style, TextStyle};
//! let mut canvas = Canvas::new(200.0, 100.0);
//! canvas.rectangle(10.0, 10.0, 180.0, 80.0, &Style::filled(Color::rgb(230, 240, 250)).radius(6.0));
//! canvas.line((20.0, 80.0), (180.0, 80.0), &Stroke::new(Color::BLACK, 1.5));
//! canvas.text(100.0, 50.0, "Dense", &TextStyle::new(14.0).centered().bold());
//! assert!(canvas.to_svg().starts_with("<svg"));
//! assert_eq!(canvas.to_png(2.0)?[1..4], *b"PNG");
//! # Ok::<(), cornet_error::Error>(())
//! ```

mod axis;
mod canvas;
mod chart;
mod color;
mod font;
mod matrix;
mod png;
mod raster;
mod style;
mod svg;
mod terminal;

pub use canvas::{Canvas, Point};
pub use chart::{Chart, Series, grid};
pub use color::Color;
pub use font::text_width;
pub use matrix::Matrix;
pub use png::encode_png;
pub use style::{Align, Baseline, Stroke, Style, TextStyle};
pub use terminal::TerminalPlot;
