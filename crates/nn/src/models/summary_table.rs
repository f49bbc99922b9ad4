//! The table of `model.summary()`, as Keras prints it.
//!
//! [`Summary`] holds plain rows; whoever knows the layers fills it in. Output is plain text without colours.
//!
//! ```text
//! Model: "sequential"
//! ┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
//! ┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
//! ┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
//! │ dense (Dense)                   │ (None, 128)            │       100,480 │
//! └─────────────────────────────────┴────────────────────────┴───────────────┘
//!  Total params: 100,480 (392.50 KB)
//! ```
//!
//! Source: Keras 3.15.1, `keras.src.utils.summary_utils`, whose tables are laid out by rich 15.

use cornet_error::{Result, err};

/// One layer of the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SummaryRow {
    /// The layer's name.
    pub name: String,
    /// Its class, such as `Dense`.
    pub class: String,
    /// Its output shape as text: see [`shape_text`]; `?` where it is not known.
    pub output_shape: String,
    /// The number of its parameters; `None` where it is not built yet.
    pub params: Option<u64>,
    /// Where its inputs come from; read only where [`Summary::connected`] is set.
    pub inputs: Vec<Connection>,
    /// Whether it is trained; `None` for a layer without weights. Read only where [`Summary::show_trainable`] is set.
    pub trainable: Option<bool>,
    /// How many models it is nested in, with `expand_nested`; 0 at the top.
    pub depth: usize,
}

/// One input of a layer in a functional model, printed as `name[node][tensor]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// The layer it comes from.
    pub layer: String,
    /// Which call of that layer.
    pub node: usize,
    /// Which output of that call.
    pub tensor: usize,
}

/// A number of parameters and the bytes they take.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WeightCount {
    /// Parameters.
    pub params: u64,
    /// Bytes; a fraction where weights are smaller than a byte.
    pub bytes: f64,
}

/// What `model.summary()` shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The model's name.
    pub model: String,
    /// Its layers, in order; nested ones behind their model.
    pub rows: Vec<SummaryRow>,
    /// Whether the column `Connected to` is shown: for models that are not a plain sequence of layers.
    pub connected: bool,
    /// Whether the column `Trainable` is shown.
    pub show_trainable: bool,
    /// The weights that are trained.
    pub trainable: WeightCount,
    /// The weights that are not.
    pub non_trainable: WeightCount,
    /// The optimizer's variables, once it is built.
    pub optimizer: Option<WeightCount>,
}

/// The width of the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SummaryLayout {
    /// Columns of the terminal; `None` counts as 80, which Keras assumes where there is none.
    pub columns: Option<usize>,
    /// Width of the table (`line_length`); by default 88, 108 with `Connected to`, 12 more with `Trainable`, and never
    /// more than the terminal less 4.
    pub line_length: Option<usize>,
    /// Right ends of the columns, as fractions of the width (`positions`), without the column `Trainable`.
    pub positions: Option<Vec<f64>>,
}

#[derive(Clone, Copy)]
enum Align {
    Left,
    Right,
    Center,
}

struct Column {
    title: &'static str,
    align: Align,
    /// Cells of text, without the blank on either side.
    width: usize,
}

impl Summary {
    /// The text, with a newline after each line.
    ///
    /// # Errors
    /// `invalid_argument` when the table is too narrow for its columns, or `positions` has another number of entries
    /// than the table has columns.
    pub fn render(&self, layout: &SummaryLayout) -> Result<String> {
        let columns = self.columns(layout)?;
        let mut out = format!("Model: \"{}\"\n", self.model);
        rule(&mut out, &columns, "┏━┳┓");
        let titles: Vec<String> = columns.iter().map(|c| c.title.to_string()).collect();
        cells(&mut out, &columns, &titles, '┃', true);
        rule(&mut out, &columns, if self.rows.is_empty() { "┗━┻┛" } else { "┡━╇┩" });
        for (i, row) in self.rows.iter().enumerate() {
            cells(&mut out, &columns, &self.fields(row), '│', false);
            rule(&mut out, &columns, if i + 1 == self.rows.len() { "└─┴┘" } else { "├─┼┤" });
        }
        let optimizer = self.optimizer.unwrap_or_default();
        let total = WeightCount {
            params: self.trainable.params + self.non_trainable.params + optimizer.params,
            bytes: self.trainable.bytes + self.non_trainable.bytes + optimizer.bytes,
        };
        count(&mut out, "Total", total);
        count(&mut out, "Trainable", self.trainable);
        count(&mut out, "Non-trainable", self.non_trainable);
        if self.optimizer.is_some() {
            count(&mut out, "Optimizer", optimizer);
        }
        Ok(out)
    }

    fn fields(&self, row: &SummaryRow) -> Vec<String> {
        let nesting = if row.depth > 0 { format!("{}└ ", "   ".repeat(row.depth)) } else { String::new() };
        let params = row.params.map_or("0 (unbuilt)".to_string(), thousands);
        let mut fields = vec![format!("{nesting}{} ({})", row.name, row.class), row.output_shape.clone(), params];
        if self.connected {
            let inputs = row.inputs.iter().map(|c| format!("{}[{}][{}]", c.layer, c.node, c.tensor));
            let text = inputs.collect::<Vec<_>>().join(", ");
            fields.push(if text.is_empty() { "-".into() } else { text });
        }
        if self.show_trainable {
            fields.push(row.trainable.map_or("-", |t| if t { "Y" } else { "N" }).into());
        }
        fields
    }

    fn columns(&self, layout: &SummaryLayout) -> Result<Vec<Column>> {
        let mut heads = vec![("Layer (type)", Align::Left), ("Output Shape", Align::Left), ("Param #", Align::Right)];
        let (mut default_length, mut positions) = (88, vec![0.45, 0.80, 1.0]);
        if self.connected {
            (default_length, positions) = (108, vec![0.3, 0.56, 0.74, 1.0]);
            heads.push(("Connected to", Align::Left));
        }
        if let Some(given) = &layout.positions {
            if given.len() != heads.len() {
                let (expected, found) = (heads.len(), given.len());
                return Err(err!(InvalidArgument, "positions of the summary: expected {expected}, found {found}"));
            }
            positions.clone_from(given);
        }
        if self.show_trainable {
            default_length += 12;
            positions.iter_mut().for_each(|p| *p *= 0.90);
            positions.push(1.0);
            heads.push(("Trainable", Align::Center));
        }
        let terminal = layout.columns.unwrap_or(80).saturating_sub(4);
        let length = layout.line_length.unwrap_or(default_length.min(terminal));
        let mut asked = Vec::new();
        let mut end = 0;
        for position in positions {
            let width = ((position * length as f64) as usize).saturating_sub(end);
            if width < 4 {
                return Err(err!(InvalidArgument, "width of the summary: expected at least 4 a column, found {width}")
                    .operand("line_length", length)
                    .help("widen the terminal, or give a larger line_length"));
            }
            asked.push(width + 2);
            end += width;
        }
        let widths = fit(asked, length.saturating_sub(heads.len() + 1));
        let column =
            |((title, align), width): ((&'static str, Align), usize)| Column { title, align, width: width - 2 };
        Ok(heads.into_iter().zip(widths).map(column).collect())
    }
}

/// Takes what is too much from all columns alike, or gives what is missing in proportion, so that they fill `room`.
fn fit(mut widths: Vec<usize>, room: usize) -> Vec<usize> {
    let total: usize = widths.iter().sum();
    if total > room {
        let mut excess = total - room;
        let mut left = widths.len();
        for width in &mut widths {
            let share = (excess as f64 / left as f64).round_ties_even() as usize;
            let share = share.min(width.saturating_sub(3));
            *width -= share;
            excess -= share;
            left -= 1;
        }
    } else {
        let (mut missing, mut left) = (room - total, total);
        for width in &mut widths {
            let share = (*width * missing).div_ceil(left.max(1)).min(missing);
            left -= *width;
            *width += share;
            missing -= share;
        }
    }
    widths
}

/// A horizontal line: `ends` are its left end, stroke, crossing and right end.
fn rule(out: &mut String, columns: &[Column], ends: &str) {
    let mut ends = ends.chars();
    let mut next = || ends.next().unwrap_or(' ');
    let (left, stroke, cross, right) = (next(), next(), next(), next());
    for (i, column) in columns.iter().enumerate() {
        out.push(if i == 0 { left } else { cross });
        out.extend(std::iter::repeat_n(stroke, column.width + 2));
    }
    out.push(right);
    out.push('\n');
}

/// One row of cells, each wrapped in its column; short ones at the bottom (the heading) or at the top.
fn cells(out: &mut String, columns: &[Column], texts: &[String], edge: char, bottom: bool) {
    let wrapped: Vec<Vec<String>> = columns.iter().zip(texts).map(|(c, text)| wrap(text, c.width)).collect();
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
    for y in 0..height {
        for (column, lines) in columns.iter().zip(&wrapped) {
            let skip = if bottom { height - lines.len() } else { 0 };
            let text = y.checked_sub(skip).and_then(|i| lines.get(i)).map_or("", String::as_str);
            let blank = column.width.saturating_sub(text.chars().count());
            let before = match column.align {
                Align::Left => 0,
                Align::Right => blank,
                Align::Center => blank / 2,
            };
            let (before, after) = (" ".repeat(before), " ".repeat(blank - before));
            out.extend([edge, ' ']);
            out.extend([before.as_str(), text, after.as_str(), " "]);
        }
        out.push(edge);
        out.push('\n');
    }
}

/// Breaks a text at blanks into lines of at most `width`; a word that is longer is cut and ends in `…`.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let indent = text.len() - text.trim_start().len();
    for (i, word) in text[indent..].split_whitespace().enumerate() {
        let line = lines.last_mut().map_or("", |l| l.as_str());
        let used = line.chars().count();
        if i == 0 {
            lines = vec![format!("{}{word}", &text[..indent])];
        } else if used + 1 + word.chars().count() <= width {
            lines.last_mut().into_iter().for_each(|l| l.extend([" ", word]));
        } else {
            lines.push(word.to_string());
        }
    }
    for line in &mut lines {
        if line.chars().count() > width {
            *line = line.chars().take(width.saturating_sub(1)).collect::<String>() + "…";
        }
    }
    lines
}

fn count(out: &mut String, what: &str, weights: WeightCount) {
    out.push_str(&format!(" {what} params: {} ({})\n", thousands(weights.params), memory_size(weights.bytes)));
}

/// `101770` as `101,770`.
fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of bytes in units of 1024: `397.54 KB`.
///
/// ```
/// assert_eq!(cornet_nn::models::summary_table::memory_size(407_080.0), "397.54 KB");
/// ```
pub fn memory_size(mut bytes: f64) -> String {
    for unit in ["B", "KB", "MB", "GB", "TB"] {
        if bytes < 1024.0 {
            return format!("{bytes:.2} {unit}");
        }
        bytes /= 1024.0;
    }
    format!("{bytes:.2} PB")
}

/// The output shapes of a layer as Keras prints them: `(None, 128)`, or `[(None, 3), (None, 3)]` for several outputs.
///
/// ```
/// use cornet_nn::models::summary_table::shape_text;
/// assert_eq!(shape_text(&[vec![None, Some(128)]]), "(None, 128)");
/// ```
pub fn shape_text(outputs: &[Vec<Option<usize>>]) -> String {
    let one = |shape: &Vec<Option<usize>>| {
        let axes: Vec<String> = shape.iter().map(|axis| axis.map_or("None".into(), |n| n.to_string())).collect();
        format!("({})", axes.join(", "))
    };
    match outputs {
        [] => "?".into(),
        [shape] => one(shape),
        several => format!("[{}]", several.iter().map(one).collect::<Vec<_>>().join(", ")),
    }
}
