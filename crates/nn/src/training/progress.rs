//! The progress display of `fit`, `evaluate` and `predict`, as Keras prints it.
//!
//! [`Progbar`] turns steps and metrics into text and knows neither clock nor output; [`Progress`] adds both and the
//! protocol of the training loop (epochs, steps, end).
//!
//! On a terminal the bar rewrites its line, with Keras's own bytes. Elsewhere (a file, a pipe, a log) only the finished
//! line of each epoch is written, without control characters.
//!
//! ```text
//! Epoch 1/5
//! 1875/1875 ━━━━━━━━━━━━━━━━━━━━ 2s 1ms/step - accuracy: 0.9128 - loss: 0.3105 - val_accuracy: 0.9500
//! ```
//!
//! Source: Keras 3.15.1, `keras.utils.Progbar` and `keras.callbacks.ProgbarLogger`.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Instant;

/// How much is printed: Keras's `verbose`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbose {
    /// 0: nothing.
    Silent,
    /// 1 (and `"auto"`): a bar.
    #[default]
    Bar,
    /// 2: one line an epoch.
    Line,
}

impl Verbose {
    /// The verbosity that Keras writes as this number; none for a number other than 0, 1 and 2.
    pub const fn from_number(n: u8) -> Option<Self> {
        match n {
            0 => Some(Self::Silent),
            1 => Some(Self::Bar),
            2 => Some(Self::Line),
            _ => None,
        }
    }
}

/// Which values a bar averages over its steps, and which it shows as given.
///
/// The training loop gives running means, so [`Progress`] uses [`Averaging::Nothing`]; Keras's bare `Progbar` averages
/// all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Averaging {
    /// Show every value as given (`stateless_metrics=[]`).
    #[default]
    Nothing,
    /// Average all but these (`stateful_metrics`).
    AllBut(Vec<String>),
    /// Average these (`stateless_metrics`).
    Only(Vec<String>),
}

impl Averaging {
    fn applies(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::AllBut(names) => !names.iter().any(|n| n == name),
            Self::Only(names) => names.iter().any(|n| n == name),
        }
    }
}

/// The settings of a [`Progbar`].
#[derive(Clone, Debug, PartialEq)]
pub struct ProgbarOptions {
    /// How much is printed.
    pub verbose: Verbose,
    /// Cells of the bar itself; Keras has 20.
    pub width: usize,
    /// Seconds between two updates of the line; Keras has 0.05.
    pub interval_s: f64,
    /// What is counted: `step` or `sample`.
    pub unit: String,
    /// Which values are averaged over the steps.
    pub averaging: Averaging,
    /// Whether the line is rewritten in place, as on a terminal. Otherwise only the finished line is written.
    pub dynamic: bool,
    /// Whether ANSI colours are used. Keras uses them always.
    pub color: bool,
    /// Columns of the terminal, where known: an unfinished line is cut to fit, since a wrapped one cannot be rewritten.
    pub columns: Option<usize>,
}

impl Default for ProgbarOptions {
    fn default() -> Self {
        Self {
            verbose: Verbose::Bar,
            width: 20,
            interval_s: 0.05,
            unit: "step".into(),
            averaging: Averaging::Nothing,
            dynamic: true,
            color: true,
            columns: None,
        }
    }
}

impl ProgbarOptions {
    /// The options that fit an output: in place and coloured on a terminal, plain elsewhere; no colours where the
    /// environment variable `NO_COLOR` is set and not empty.
    pub fn for_output(verbose: Verbose, is_terminal: bool) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Self { verbose, dynamic: is_terminal, color: is_terminal && !no_color, ..Self::default() }
    }
}

#[derive(Clone, Debug)]
struct Value {
    name: String,
    sum: f64,
    count: u64,
}

impl Value {
    fn mean(&self) -> f64 {
        self.sum / self.count.max(1) as f64
    }
}

/// The text of one progress bar: steps, times and metrics in, what to print out.
///
/// Times are seconds since the bar began.
#[derive(Clone, Debug)]
pub struct Progbar {
    options: ProgbarOptions,
    target: Option<u64>,
    values: Vec<Value>,
    seen: u64,
    last_update_s: Option<f64>,
    first_step_s: Option<f64>,
    shown: usize,
    message: String,
}

impl Progbar {
    /// A bar of `target` steps, or of an unknown number.
    pub fn new(target: Option<u64>, options: ProgbarOptions) -> Self {
        Self {
            options,
            target,
            values: Vec::new(),
            seen: 0,
            last_update_s: None,
            first_step_s: None,
            shown: 0,
            message: String::new(),
        }
    }

    /// Sets the number of steps, once it is known.
    pub fn set_target(&mut self, target: u64) {
        self.target = Some(target);
    }

    /// Reports that `current` steps are done, with the metrics so far; returns what to print, often nothing.
    ///
    /// `finalize` ends the line; `None` means: when `current` reaches the target.
    pub fn update(&mut self, now_s: f64, current: u64, values: &[(&str, f64)], finalize: Option<bool>) -> &str {
        let finalize = finalize.unwrap_or(self.target.is_some_and(|target| current >= target));
        for &(name, value) in values {
            self.record(name, value, current, finalize);
        }
        self.seen = current;
        self.message.clear();
        let per_unit_s = self.estimate_unit(current, now_s);
        match self.options.verbose {
            Verbose::Silent => {}
            Verbose::Bar => {
                let early = self.last_update_s.is_some_and(|last| now_s - last < self.options.interval_s);
                if !finalize && (early || !self.options.dynamic) {
                    return "";
                }
                self.write_bar(now_s, current, per_unit_s, finalize);
            }
            Verbose::Line => {
                if finalize && let Some(target) = self.target.filter(|&t| t > 0) {
                    self.write_line(now_s, current, target, per_unit_s);
                }
            }
        }
        self.last_update_s = Some(now_s);
        &self.message
    }

    fn record(&mut self, name: &str, value: f64, current: u64, finalize: bool) {
        let index = self.values.iter().position(|v| v.name == name).unwrap_or_else(|| {
            self.values.push(Value { name: name.to_string(), sum: 0.0, count: 0 });
            self.values.len() - 1
        });
        let slot = &mut self.values[index];
        if self.options.averaging.applies(name) && !finalize {
            let steps = current.saturating_sub(self.seen).max(1);
            slot.sum += value * steps as f64;
            slot.count += steps;
        } else {
            slot.sum = value;
            slot.count = 1;
        }
    }

    /// Seconds a step, without the first one (it compiles and warms up) once there are more.
    fn estimate_unit(&mut self, current: u64, now_s: f64) -> f64 {
        if current == 0 {
            return 0.0;
        }
        let estimate = match self.first_step_s {
            Some(first) if current > 1 => (now_s - first) / (current - 1) as f64,
            _ => now_s / current as f64,
        };
        if current == 1 {
            self.first_step_s = Some(now_s);
        }
        estimate
    }

    fn write_bar(&mut self, now_s: f64, current: u64, per_unit_s: f64, finalize: bool) {
        let color = self.options.color;
        let mut line = Line { text: String::new(), color, visible: 0, room: usize::MAX };
        if let (false, Some(columns)) = (finalize, self.options.columns) {
            line.room = columns.saturating_sub(1);
        }
        match self.target.filter(|&t| t > 0) {
            Some(target) => {
                line.put("\x1b[1m", &counted(current, target));
                line.put("", " ");
                let filled = (self.options.width as f64 * (current as f64 / target as f64)) as usize;
                if filled > 0 {
                    line.put("\x1b[32m", &"━".repeat(filled));
                }
                line.put("\x1b[37m", &"━".repeat(self.options.width.saturating_sub(filled)));
            }
            None => line.put("", &format!("{current:7}/Unknown")),
        }
        line.put("", " ");
        match self.target.filter(|&t| t > 0 && !finalize) {
            Some(target) => line.put("\x1b[1m", &eta(per_unit_s * target.saturating_sub(current) as f64)),
            None => line.put("\x1b[1m", &format!("{now_s:.0}s")),
        }
        line.put("", &unit_time(per_unit_s, &self.options.unit));
        for value in &self.values {
            let mean = value.mean();
            line.put("", &format!(" - {}: {}", value.name, number(mean, mean.abs() > 1e-3)));
        }
        if self.options.dynamic {
            self.message.extend(std::iter::repeat_n('\u{8}', self.shown));
            self.message.push('\r');
        }
        self.message.push_str(&line.text);
        if self.options.dynamic {
            self.message.extend(std::iter::repeat_n(' ', self.shown.saturating_sub(line.visible)));
        }
        if finalize {
            self.message.push('\n');
        }
        self.shown = line.visible;
    }

    fn write_line(&mut self, now_s: f64, current: u64, target: u64, per_unit_s: f64) {
        let per_unit = unit_time(per_unit_s, &self.options.unit);
        // Writing into a String cannot fail.
        let _ = write!(self.message, "{} - {now_s:.0}s -{per_unit}", counted(current, target));
        for value in &self.values {
            // Keras tests without the sign here, so negative means are in scientific notation.
            let mean = value.mean();
            let _ = write!(self.message, " - {}: {}", value.name, number(mean, mean > 1e-3));
        }
        self.message.push('\n');
    }
}

/// A line under construction, with its visible length.
struct Line {
    text: String,
    color: bool,
    visible: usize,
    room: usize,
}

impl Line {
    /// Adds text in the style of an escape sequence (or none), as far as there is room.
    fn put(&mut self, style: &str, text: &str) {
        let styled = self.color && !style.is_empty();
        if styled {
            self.text.push_str(style);
        }
        for c in text.chars().take(self.room.saturating_sub(self.visible)) {
            self.text.push(c);
            self.visible += 1;
        }
        if styled {
            self.text.push_str("\x1b[0m");
        }
    }
}

/// `  50/1875`: the count padded to the digits of the target.
fn counted(current: u64, target: u64) -> String {
    let digits = target.max(1).ilog10() as usize + 1;
    format!("{current:digits$}/{target}")
}

/// `9s`, `15:37` or `27:45:00`.
fn eta(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    if seconds > 3600.0 {
        format!("{}:{:02}:{:02}", whole / 3600, whole % 3600 / 60, whole % 60)
    } else if seconds > 60.0 {
        format!("{}:{:02}", whole / 60, whole % 60)
    } else {
        format!("{whole}s")
    }
}

/// ` 1ms/step`, with its leading space.
fn unit_time(seconds: f64, unit: &str) -> String {
    if seconds >= 1.0 || seconds == 0.0 {
        format!(" {seconds:.0}s/{unit}")
    } else if seconds >= 1e-3 {
        format!(" {:.0}ms/{unit}", seconds * 1e3)
    } else {
        format!(" {:.0}us/{unit}", seconds * 1e6)
    }
}

/// Four decimals, or scientific notation with Python's two-digit exponent.
fn number(x: f64, fixed: bool) -> String {
    if x.is_nan() {
        return "nan".into();
    }
    if fixed || x.is_infinite() {
        return format!("{x:.4}");
    }
    let text = format!("{x:.4e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
            format!("{mantissa}e{sign}{digits:0>2}")
        }
        None => text,
    }
}

/// The display of a training, evaluation or prediction loop: writes to any output, with its own clock.
///
/// ```
/// use cornet_nn::training::progress::{Progress, ProgbarOptions, Verbose};
/// # fn main() -> std::io::Result<()> {
/// let mut out = Vec::new();
/// let options = ProgbarOptions::for_output(Verbose::Bar, false);
/// let mut progress = Progress::new(&mut out, options, 1, Some(2));
/// progress.begin_epoch(0)?;
/// progress.step(1, &[("loss", 0.5)])?;
/// progress.step(2, &[("loss", 0.25)])?;
/// progress.end(&[("loss", 0.25), ("val_loss", 0.5)])?;
/// assert!(String::from_utf8_lossy(&out).ends_with(" - loss: 0.2500 - val_loss: 0.5000\n"));
/// # Ok(())
/// # }
/// ```
pub struct Progress<W> {
    out: W,
    options: ProgbarOptions,
    epochs: usize,
    target: Option<u64>,
    bar: Progbar,
    seen: u64,
    clock: Box<dyn FnMut() -> f64 + Send>,
    begun_s: f64,
}

impl<W: Write> Progress<W> {
    /// A display of `epochs` epochs (1 for evaluation and prediction) of `steps` steps each, or of an unknown number.
    pub fn new(out: W, options: ProgbarOptions, epochs: usize, steps: Option<u64>) -> Self {
        let start = Instant::now();
        Self::with_clock(out, options, epochs, steps, move || start.elapsed().as_secs_f64())
    }

    /// The same with a clock that counts seconds from any moment.
    pub fn with_clock(
        out: W,
        options: ProgbarOptions,
        epochs: usize,
        steps: Option<u64>,
        mut clock: impl FnMut() -> f64 + Send + 'static,
    ) -> Self {
        let begun_s = clock();
        let bar = Progbar::new(steps, options.clone());
        Self { out, options, epochs, target: steps, bar, seen: 0, clock: Box::new(clock), begun_s }
    }

    /// Begins an evaluation or prediction.
    pub fn begin(&mut self) {
        self.bar = Progbar::new(self.target, self.options.clone());
        self.seen = 0;
        self.begun_s = (self.clock)();
    }

    /// Begins an epoch, counted from 0: prints `Epoch 1/5` where there are several.
    ///
    /// # Errors
    /// Whatever the output reports; a display that fails is no reason to stop training.
    pub fn begin_epoch(&mut self, epoch: usize) -> io::Result<()> {
        self.begin();
        if self.options.verbose != Verbose::Silent && self.epochs > 1 {
            writeln!(self.out, "Epoch {}/{}", epoch + 1, self.epochs)?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Reports that `done` steps of this epoch are done, with the metrics so far.
    ///
    /// # Errors
    /// Whatever the output reports.
    pub fn step(&mut self, done: u64, metrics: &[(&str, f64)]) -> io::Result<()> {
        self.seen = done;
        if self.options.verbose == Verbose::Bar { self.show(done, metrics, false) } else { Ok(()) }
    }

    /// Whether [`Progress::step`] would print if it were called now. Asking costs little, so that metrics are read only
    /// when they are shown.
    pub fn is_due(&mut self) -> bool {
        let options = &self.options;
        if options.verbose != Verbose::Bar || !options.dynamic {
            return false;
        }
        let now_s = (self.clock)() - self.begun_s;
        self.bar.last_update_s.is_none_or(|last| now_s - last >= options.interval_s)
    }

    /// Ends the epoch, the evaluation or the prediction, with its final metrics.
    ///
    /// # Errors
    /// Whatever the output reports.
    pub fn end(&mut self, metrics: &[(&str, f64)]) -> io::Result<()> {
        let target = *self.target.get_or_insert(self.seen);
        self.bar.set_target(target);
        self.show(target, metrics, true)
    }

    /// Writes a line of its own, such as what a callback says, and goes on below it.
    ///
    /// # Errors
    /// Whatever the output reports.
    pub fn message(&mut self, message: &str) -> io::Result<()> {
        writeln!(self.out, "{message}")?;
        self.out.flush()
    }

    /// Gives the output back.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn show(&mut self, done: u64, metrics: &[(&str, f64)], finalize: bool) -> io::Result<()> {
        let now_s = (self.clock)() - self.begun_s;
        let message = self.bar.update(now_s, done, metrics, Some(finalize));
        if message.is_empty() {
            return Ok(());
        }
        self.out.write_all(message.as_bytes())?;
        self.out.flush()
    }
}
