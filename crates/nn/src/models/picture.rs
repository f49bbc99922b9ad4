//! Pictures of models: Keras's `plot_model`, drawn here, without Graphviz.

use std::io::Write as _;
use std::path::Path;

use cornet_archive::atomic_write;
use cornet_error::{Result, err};
use cornet_plot::{Canvas, Color, Stroke, Style, TextStyle};

use super::dot::{Plot, PlotBox, PlotOptions, model_to_dot, plot};
use super::layout::{Layout, layout};
use super::model::Model;

const MARGIN: f64 = 16.0;
const PADDING: f64 = 10.0;
const TITLE: f64 = 14.0;
const TEXT: f64 = 12.0;
const LINE: f64 = 18.0;
/// Between boxes of a rank, and between ranks.
const GAPS: (f64, f64) = (28.0, 36.0);
/// Boxes beyond this make a picture that nobody can read.
const BOXES_MAX: usize = 5000;

/// Draws a model into a file: `.svg`, `.png` or, in Graphviz's language, `.dot`.
///
/// ```
/// use cornet_nn::layers::{Dense, Input};
/// use cornet_nn::models::{Model, PlotOptions, Sequential, plot_model};
/// let model = Sequential::new().add(Input::new([4])).add(Dense::new(3));
/// let path = std::env::temp_dir().join("cornet_plot_model.svg");
/// plot_model(&model, &path, &PlotOptions { show_shapes: true, ..Default::default() })?;
/// assert!(std::fs::read_to_string(&path).unwrap().contains("(None, 3)"));
/// # Ok::<(), cornet_error::Error>(())
/// ```
///
/// # Errors
/// `invalid_state` for a model that is not built; `unsupported_format` for another ending; `io` and its likes.
pub fn plot_model(model: &dyn Model, path: impl AsRef<Path>, options: &PlotOptions) -> Result<()> {
    let path = path.as_ref();
    match path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("dot" | "gv") => {
            let text = model_to_dot(model, options)?;
            atomic_write(path, |file| file.write_all(text.as_bytes()))
        }
        Some("svg") => model_picture(model, options)?.save(path),
        Some("png") => {
            let png = model_picture(model, options)?.to_png(options.dpi as f64 / 96.0)?;
            atomic_write(path, |file| file.write_all(&png))
        }
        _ => Err(err!(
            UnsupportedFormat,
            "plot_model: expected a name ending in .svg, .png or .dot, found {}",
            path.display()
        )),
    }
}

/// The picture of a model.
///
/// # Errors
/// `invalid_state` for a model that is not built; `limit_exceeded` for one of too many layers.
pub fn model_picture(model: &dyn Model, options: &PlotOptions) -> Result<Canvas> {
    let plot = plot(model, options)?;
    if plot.boxes.len() > BOXES_MAX {
        return Err(err!(LimitExceeded, "plot_model: expected at most {BOXES_MAX} layers, found {}", plot.boxes.len()));
    }
    let is_sideways = options.rankdir.eq_ignore_ascii_case("LR");
    let sizes: Vec<(f64, f64)> = plot.boxes.iter().map(size).collect();
    let turned = |(a, b): (f64, f64)| if is_sideways { (b, a) } else { (a, b) };
    let laid = layout(&sizes.iter().map(|&s| turned(s)).collect::<Vec<_>>(), &plot.edges, GAPS);
    let laid = Layout {
        boxes: laid.boxes.into_iter().map(turned).collect(),
        edges: laid.edges.into_iter().map(|edge| edge.into_iter().map(turned).collect()).collect(),
        size: turned(laid.size),
    };
    Ok(draw(&plot, &sizes, &laid))
}

fn title_style() -> TextStyle {
    TextStyle::new(TITLE).color(Color::WHITE).bold().centered()
}

fn text_style() -> TextStyle {
    TextStyle::new(TEXT).centered()
}

/// Width and height of a box.
fn size(own: &PlotBox) -> (f64, f64) {
    let lines = own.lines.iter().map(|line| Canvas::text_width(line, &text_style()));
    let width = lines.fold(Canvas::text_width(&own.title, &title_style()), f64::max);
    let rows = own.lines.len() + usize::from(own.trainable.is_some());
    (width.max(60.0) + 2.0 * PADDING, 26.0 + if rows > 0 { rows as f64 * LINE + 8.0 } else { 0.0 })
}

fn draw(plot: &Plot, sizes: &[(f64, f64)], laid: &Layout) -> Canvas {
    let mut canvas = Canvas::new(laid.size.0 + 2.0 * MARGIN, laid.size.1 + 2.0 * MARGIN);
    let at = |(x, y): (f64, f64)| (x + MARGIN, y + MARGIN);
    for frame in &plot.frames {
        let corners = frame.boxes.iter().map(|&b| (at(laid.boxes[b]), sizes[b]));
        let (mut low, mut high) = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
        for ((x, y), (w, h)) in corners {
            low = (low.0.min(x - w / 2.0), low.1.min(y - h / 2.0));
            high = (high.0.max(x + w / 2.0), high.1.max(y + h / 2.0));
        }
        if low.0 > high.0 {
            continue;
        }
        let style = Style::filled(Color::PALE).stroke(Stroke::new(Color::GRAY, 1.0).dashed(5.0, 3.0)).radius(4.0);
        canvas.rectangle(low.0 - 8.0, low.1 - 16.0, high.0 - low.0 + 16.0, high.1 - low.1 + 24.0, &style);
        canvas.text(low.0 - 3.0, low.1 - 5.0, &frame.title, &TextStyle::new(10.0).color(Color::GRAY));
    }
    for edge in &laid.edges {
        let points: Vec<(f64, f64)> = edge.iter().map(|&p| at(p)).collect();
        canvas.arrow(&points, &Stroke::new(Color::rgb(70, 70, 70), 1.5));
    }
    for ((own, &center), &(width, height)) in plot.boxes.iter().zip(&laid.boxes).zip(sizes) {
        draw_box(&mut canvas, own, at(center), (width, height));
    }
    canvas
}

fn draw_box(canvas: &mut Canvas, own: &PlotBox, (x, y): (f64, f64), (width, height): (f64, f64)) {
    let (left, top) = (x - width / 2.0, y - height / 2.0);
    let dark = Color::rgb(38, 50, 71);
    canvas.rectangle(left, top, width, height, &Style::filled(Color::WHITE).stroke(Stroke::new(dark, 1.2)).radius(4.0));
    canvas.rectangle(left, top, width, 26.0, &Style::filled(dark).radius(4.0));
    canvas.text(x, top + 13.0, &own.title, &title_style());
    let mut row = top + 26.0 + 4.0 + LINE / 2.0;
    for line in &own.lines {
        canvas.text(x, row, line, &text_style());
        row += LINE;
    }
    if let Some(trainable) = own.trainable {
        let (text, color) = match trainable {
            true => ("Trainable", Color::rgb(34, 120, 34)),
            false => ("Non-trainable", Color::rgb(165, 42, 42)),
        };
        canvas.text(x, row, text, &text_style().color(color).bold());
    }
}
