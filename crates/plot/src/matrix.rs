use crate::canvas::Canvas;
use crate::{Align, Baseline, Color, Style, TextStyle};

/// A table of numbers whose cells are the darker the larger the number: a confusion matrix, attention weights.
///
/// ```
/// use cornet_plot::Matrix;
/// let matrix = Matrix::new("confusion", vec![vec![8.0, 2.0], vec![1.0, 9.0]])
///     .labels(["cat", "dog"])
///     .y_label("true")
///     .x_label("predicted");
/// assert!(matrix.canvas().to_svg().contains("predicted"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    title: String,
    rows: Vec<Vec<f64>>,
    row_labels: Vec<String>,
    column_labels: Vec<String>,
    x_label: String,
    y_label: String,
    shades: Option<Vec<Vec<f64>>>,
    decimals: Option<usize>,
}

/// Tables of more columns show no numbers.
const NUMBERED_COLUMNS: usize = 30;

impl Matrix {
    /// A table of rows.
    pub fn new(title: impl Into<String>, rows: Vec<Vec<f64>>) -> Self {
        let (row_labels, column_labels) = (Vec::new(), Vec::new());
        let (x_label, y_label) = (String::new(), String::new());
        let title = title.into();
        Self { title, rows, row_labels, column_labels, x_label, y_label, shades: None, decimals: None }
    }

    /// With names of rows and columns alike, such as those of classes.
    #[must_use]
    pub fn labels<S: Into<String>>(mut self, labels: impl IntoIterator<Item = S>) -> Self {
        self.row_labels = labels.into_iter().map(Into::into).collect();
        self.column_labels = self.row_labels.clone();
        self
    }

    /// With names of the columns.
    #[must_use]
    pub fn column_labels<S: Into<String>>(mut self, labels: impl IntoIterator<Item = S>) -> Self {
        self.column_labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// With names of the rows.
    #[must_use]
    pub fn row_labels<S: Into<String>>(mut self, labels: impl IntoIterator<Item = S>) -> Self {
        self.row_labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// With a name of what the columns are.
    #[must_use]
    pub fn x_label(mut self, label: impl Into<String>) -> Self {
        self.x_label = label.into();
        self
    }

    /// With a name of what the rows are.
    #[must_use]
    pub fn y_label(mut self, label: impl Into<String>) -> Self {
        self.y_label = label.into();
        self
    }

    /// With shades from 0 to 1 that are not those of the numbers: shares of each row, say, beside counts.
    #[must_use]
    pub fn shades(mut self, shades: Vec<Vec<f64>>) -> Self {
        self.shades = Some(shades);
        self
    }

    /// With so many decimals; by default none for whole numbers and two for others.
    #[must_use]
    pub fn decimals(mut self, decimals: usize) -> Self {
        self.decimals = Some(decimals);
        self
    }

    fn text(&self, value: f64) -> String {
        let whole = || self.rows.iter().flatten().all(|v| v.fract() == 0.0);
        format!("{value:.*}", self.decimals.unwrap_or_else(|| if whole() { 0 } else { 2 }))
    }

    /// Draws it.
    pub fn canvas(&self) -> Canvas {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let (small, name) = (TextStyle::new(11.0).color(Color::GRAY), TextStyle::new(12.0).align(Align::Middle));
        let widest = |texts: &mut dyn Iterator<Item = &String>| {
            texts.map(|text| Canvas::text_width(text, &small)).fold(0.0, f64::max)
        };
        let numbers: Vec<String> = self.rows.iter().flatten().map(|&v| self.text(v)).collect();
        let numbered = columns <= NUMBERED_COLUMNS;
        let names = widest(&mut self.column_labels.iter());
        let cell = if numbered { (widest(&mut numbers.iter()) + 12.0).max(34.0) } else { 12.0 };
        let turned = names > cell - 4.0;
        let left = widest(&mut self.row_labels.iter()) + if self.y_label.is_empty() { 20.0 } else { 42.0 };
        let top = 42.0;
        let below = if turned { names + 14.0 } else { 24.0 } + if self.x_label.is_empty() { 6.0 } else { 24.0 };
        let (table_width, table_height) = (cell * columns as f64, cell * self.rows.len() as f64);
        let title = TextStyle::new(14.0).bold().align(Align::Middle).baseline(Baseline::Top);
        let width = (left + table_width + 20.0).max(Canvas::text_width(&self.title, &title) + 20.0);
        let mut canvas = Canvas::new(width, top + table_height + below);
        canvas.text(canvas.width / 2.0, 14.0, &self.title, &title);
        let finite = || self.rows.iter().flatten().copied().filter(|v| v.is_finite());
        let (low, high) = (finite().fold(0.0, f64::min), finite().fold(0.0, f64::max));
        for (r, row) in self.rows.iter().enumerate() {
            for (c, &value) in row.iter().enumerate() {
                let shade = self.shades.as_ref().and_then(|s| s.get(r)?.get(c).copied());
                let color = Color::blues(shade.unwrap_or((value - low) / (high - low).max(f64::MIN_POSITIVE)));
                let (x, y) = (left + c as f64 * cell, top + r as f64 * cell);
                canvas.rectangle(x, y, cell - 1.0, cell - 1.0, &Style::filled(color));
                if numbered {
                    let ink = if color.brightness() > 0.55 { Color::BLACK } else { Color::WHITE };
                    let style = TextStyle::new(11.0).centered().color(ink);
                    canvas.text(x + cell / 2.0, y + cell / 2.0, &self.text(value), &style);
                }
            }
        }
        for (r, label) in self.row_labels.iter().enumerate().take(self.rows.len()) {
            let y = top + (r as f64 + 0.5) * cell;
            canvas.text(left - 8.0, y, label, &small.clone().align(Align::End).baseline(Baseline::Middle));
        }
        let under = top + table_height + 8.0;
        for (c, label) in self.column_labels.iter().enumerate().take(columns) {
            let x = left + (c as f64 + 0.5) * cell;
            match turned {
                true => {
                    let style = small.clone().vertical().align(Align::End).baseline(Baseline::Middle);
                    canvas.text(x, under, label, &style);
                }
                false => canvas.text(x, under, label, &small.clone().align(Align::Middle).baseline(Baseline::Top)),
            }
        }
        canvas.text(left + table_width / 2.0, canvas.height - 10.0, &self.x_label, &name);
        canvas.text(16.0, top + table_height / 2.0, &self.y_label, &name.vertical());
        canvas
    }
}
