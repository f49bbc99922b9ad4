use crate::axis::Axis;
use crate::canvas::{Canvas, Point};
use crate::{Align, Baseline, Color, Stroke, Style, TextStyle};

/// A curve of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the legend calls it.
    pub name: String,
    /// Its points. Those that are not finite interrupt it.
    pub points: Vec<Point>,
    /// Its colour; by default that of its place in the chart.
    pub color: Option<Color>,
    /// Whether it is dashed.
    pub dashed: bool,
}

impl Series {
    /// A solid curve.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = Point>) -> Self {
        Self { name: name.into(), points: points.into_iter().collect(), color: None, dashed: false }
    }

    /// In this colour.
    #[must_use]
    pub fn color(mut self, color: Color) -> Self {
        self.color = Some(color);
        self
    }

    /// Dashed.
    #[must_use]
    pub fn dashed(mut self) -> Self {
        self.dashed = true;
        self
    }
}

/// Curves over two axes.
///
/// ```
/// use cornet_plot::{Chart, Series};
/// let chart = Chart::new("loss")
///     .x_label("epoch")
///     .whole_x()
///     .series(Series::new("training", [(1.0, 0.9), (2.0, 0.5), (3.0, 0.3)]))
///     .series(Series::new("validation", [(1.0, 0.8), (2.0, 0.6), (3.0, 0.5)]));
/// assert!(chart.canvas().to_svg().contains("validation"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    pub(crate) title: String,
    x_label: String,
    y_label: String,
    size: (f64, f64),
    whole_x: bool,
    log_y: bool,
    pub(crate) series: Vec<Series>,
}

/// Curves of at most so many points show each of them.
const MARKED_POINTS: usize = 40;

impl Chart {
    /// An empty chart of 560 times 360.
    pub fn new(title: impl Into<String>) -> Self {
        let (x_label, y_label) = (String::new(), String::new());
        let title = title.into();
        Self { title, x_label, y_label, size: (560.0, 360.0), whole_x: false, log_y: false, series: Vec::new() }
    }

    /// With a name of the horizontal axis.
    #[must_use]
    pub fn x_label(mut self, label: impl Into<String>) -> Self {
        self.x_label = label.into();
        self
    }

    /// With a name of the vertical axis.
    #[must_use]
    pub fn y_label(mut self, label: impl Into<String>) -> Self {
        self.y_label = label.into();
        self
    }

    /// Of this size.
    #[must_use]
    pub fn size(mut self, width: f64, height: f64) -> Self {
        self.size = (width, height);
        self
    }

    /// With whole numbers along the horizontal axis, such as epochs.
    #[must_use]
    pub fn whole_x(mut self) -> Self {
        self.whole_x = true;
        self
    }

    /// With a logarithmic vertical axis, if all values are positive.
    #[must_use]
    pub fn log_y(mut self) -> Self {
        self.log_y = true;
        self
    }

    /// With a curve, over those given before.
    #[must_use]
    pub fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// Dashes the curves from this one on, for outputs without colours.
    pub fn dash_from(&mut self, first: usize) {
        self.series.iter_mut().skip(first).for_each(|series| series.dashed = true);
    }

    /// The axes that hold all finite points, with about so many ticks; none if there are no such points.
    pub(crate) fn axes(&self, x_ticks: usize, y_ticks: usize) -> Option<(Axis, Axis)> {
        let finite = |p: &&Point| p.0.is_finite() && p.1.is_finite();
        let points: Vec<&Point> = self.series.iter().flat_map(|s| &s.points).filter(finite).collect();
        let range = |of: fn(&Point) -> f64| {
            let values = points.iter().map(|p| of(p));
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
        };
        let ((x0, x1), (y0, y1)) = (range(|p| p.0), range(|p| p.1));
        let x = Axis::new(x0, x1, x_ticks, self.whole_x);
        let y = if self.log_y && y0 > 0.0 { Axis::log(y0, y1) } else { Axis::rounded(y0, y1, y_ticks) };
        (!points.is_empty()).then_some((x, y))
    }

    /// Draws it.
    pub fn canvas(&self) -> Canvas {
        let (width, height) = self.size;
        let mut canvas = Canvas::new(width, height);
        canvas.text(
            width / 2.0,
            14.0,
            &self.title,
            &TextStyle::new(14.0).bold().align(Align::Middle).baseline(Baseline::Top),
        );
        let Some((x, y)) = self.axes((width / 80.0) as usize, ((height - 90.0) / 45.0).max(2.0) as usize) else {
            canvas.text(
                width / 2.0,
                height / 2.0,
                "no finite values",
                &TextStyle::new(12.0).color(Color::GRAY).centered(),
            );
            return canvas;
        };
        let label = TextStyle::new(11.0).color(Color::GRAY);
        let widest = y.ticks.iter().map(|&t| Canvas::text_width(&y.text(t), &label)).fold(0.0, f64::max);
        let left = widest + if self.y_label.is_empty() { 18.0 } else { 38.0 };
        let bottom = height - if self.x_label.is_empty() { 26.0 } else { 44.0 };
        let frame = Frame { left, top: 36.0 + self.legend(&mut canvas, left, 40.0), right: width - 18.0, bottom };
        self.draw_axes(&mut canvas, &frame, &x, &y);
        for (index, series) in self.series.iter().enumerate() {
            self.draw_series(&mut canvas, series, index, |p| frame.place(x.place(p.0), y.place(p.1)));
        }
        canvas
    }

    /// The names of the curves in a row; the height that it takes.
    fn legend(&self, canvas: &mut Canvas, left: f64, top: f64) -> f64 {
        if self.series.len() < 2 && self.series.iter().all(|s| s.name.is_empty() || s.name == self.title) {
            return 0.0;
        }
        let style = TextStyle::new(11.0).baseline(Baseline::Middle);
        let (mut x, mut y) = (left, top + 5.0);
        for (index, series) in self.series.iter().enumerate() {
            let wide = 30.0 + Canvas::text_width(&series.name, &style) + 18.0;
            if x > left && x + wide > self.size.0 - 18.0 {
                (x, y) = (left, y + 16.0);
            }
            canvas.line((x, y), (x + 24.0, y), &stroke(series, index));
            canvas.text(x + 30.0, y, &series.name, &style);
            x += wide;
        }
        y + 17.0 - top
    }

    fn draw_axes(&self, canvas: &mut Canvas, frame: &Frame, x: &Axis, y: &Axis) {
        let (grid, line) = (Stroke::new(Color::PALE, 1.0), Stroke::new(Color::GRAY, 1.0));
        let label = TextStyle::new(11.0).color(Color::GRAY);
        for &tick in &y.ticks {
            let at = frame.place(0.0, y.place(tick)).1;
            canvas.line((frame.left, at), (frame.right, at), &grid);
            canvas.text(
                frame.left - 8.0,
                at,
                &y.text(tick),
                &label.clone().align(Align::End).baseline(Baseline::Middle),
            );
        }
        for &tick in &x.ticks {
            let at = frame.place(x.place(tick), 0.0).0;
            canvas.line((at, frame.bottom), (at, frame.bottom + 4.0), &line);
            let style = label.clone().align(Align::Middle).baseline(Baseline::Top);
            canvas.text(at, frame.bottom + 9.0, &x.text(tick), &style);
        }
        canvas.line((frame.left, frame.bottom), (frame.right, frame.bottom), &line);
        let name = TextStyle::new(12.0).align(Align::Middle);
        canvas.text((frame.left + frame.right) / 2.0, self.size.1 - 10.0, &self.x_label, &name);
        canvas.text(16.0, (frame.top + frame.bottom) / 2.0, &self.y_label, &name.vertical());
    }

    fn draw_series(&self, canvas: &mut Canvas, series: &Series, index: usize, place: impl Fn(&Point) -> Point) {
        let stroke = stroke(series, index);
        let marked = series.points.len() <= MARKED_POINTS;
        for piece in series.points.split(|p| !(p.0.is_finite() && p.1.is_finite())) {
            let points: Vec<Point> = piece.iter().map(&place).collect();
            if points.len() > 1 {
                canvas.polyline(&points, &stroke);
            }
            if marked || points.len() == 1 {
                let dot = Style::filled(stroke.color);
                points.iter().for_each(|&point| canvas.circle(point, 2.6, &dot));
            }
        }
    }
}

fn stroke(series: &Series, index: usize) -> Stroke {
    let stroke = Stroke::new(series.color.unwrap_or(Color::series(index)), 1.8);
    if series.dashed { stroke.dashed(6.0, 4.0) } else { stroke }
}

/// Where the curves are.
struct Frame {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Frame {
    fn place(&self, x: f64, y: f64) -> Point {
        (self.left + x * (self.right - self.left), self.bottom - y * (self.bottom - self.top))
    }
}

/// Pictures side by side, `columns` in a row.
pub fn grid(pictures: &[Canvas], columns: usize) -> Canvas {
    let columns = columns.clamp(1, pictures.len().max(1));
    let rows: Vec<&[Canvas]> = pictures.chunks(columns).collect();
    let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.width).fold(0.0, f64::max);
    let widths: Vec<f64> = (0..columns).map(widest).collect();
    let heights: Vec<f64> = rows.iter().map(|row| row.iter().map(|c| c.height).fold(0.0, f64::max)).collect();
    let mut canvas = Canvas::new(widths.iter().sum::<f64>().max(1.0), heights.iter().sum::<f64>().max(1.0));
    let mut y = 0.0;
    for (row, height) in rows.iter().zip(&heights) {
        let mut x = 0.0;
        for (picture, width) in row.iter().zip(&widths) {
            canvas.draw(x, y, picture);
            x += width;
        }
        y += height;
    }
    canvas
}
