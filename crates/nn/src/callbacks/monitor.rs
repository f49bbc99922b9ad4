//! Whether a number that is followed has become better.

use cornet_error::{Error, Result, err};
use serde_json::Value;

use super::{CallbackState, Run};
use crate::arg::{Arg, Choice, unknown};
use crate::training::Logs;

/// Which direction is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The one that the metric is known for: less loss, more accuracy.
    #[default]
    Auto,
    /// Less.
    Min,
    /// More.
    Max,
}

impl Choice for Mode {
    fn parse(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "min" => Ok(Self::Min),
            "max" => Ok(Self::Max),
            _ => Err(unknown("mode", name, &["auto", "min", "max"])),
        }
    }
}

/// How often something is saved: Keras's `save_freq`, a number of steps or the word `epoch`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SaveFreq {
    /// After every epoch.
    #[default]
    Epoch,
    /// After so many steps each, counted over the epochs.
    Steps(usize),
}

impl Choice for SaveFreq {
    fn parse(name: &str) -> Result<Self> {
        if name == "epoch" { Ok(Self::Epoch) } else { Err(unknown("save_freq", name, &["epoch", "a number of steps"])) }
    }
}

impl From<usize> for Arg<SaveFreq> {
    fn from(steps: usize) -> Self {
        let zero = || err!(InvalidArgument, "save_freq: expected 'epoch' or at least 1 step, found 0");
        Self(if steps == 0 { Err(zero()) } else { Ok(SaveFreq::Steps(steps)) })
    }
}

/// Classes of metrics of which more is better, in Keras.
const UP: &[&str] = &[
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "IoU",
    "MeanIoU",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "TopKCategoricalAccuracy",
];

/// Classes of metrics of which it cannot be said.
const NEITHER: &[&str] = &[
    "FalseNegatives",
    "FalsePositives",
    "Mean",
    "MeanMetricWrapper",
    "Metric",
    "Sum",
    "TrueNegatives",
    "TruePositives",
];

/// Which direction is better for the metric of a class; metrics that are losses go down.
fn direction(class: &str) -> Option<Mode> {
    match class {
        class if UP.contains(&class) => Some(Mode::Max),
        class if NEITHER.contains(&class) => None,
        _ => Some(Mode::Min),
    }
}

/// A number among the logs, and the best that it has been.
#[derive(Clone, Debug)]
pub(super) struct Monitor {
    /// The callback, for messages.
    owner: &'static str,
    pub name: String,
    mode: Mode,
    pub min_delta: f64,
    pub best: Option<f64>,
    /// The direction, once the metrics are known.
    found: Option<Mode>,
    wrong: Option<Error>,
}

impl Monitor {
    pub fn new(owner: &'static str) -> Self {
        let name = "val_loss".into();
        Self { owner, name, mode: Mode::Auto, min_delta: 0.0, best: None, found: None, wrong: None }
    }

    pub fn set_mode(&mut self, mode: Arg<Mode>) {
        match mode.0 {
            Ok(mode) => self.mode = mode,
            Err(error) => self.refuse(error),
        }
    }

    /// Keeps the error of a wrong argument for the beginning of the training.
    pub fn refuse(&mut self, error: Error) {
        self.wrong.get_or_insert(error);
    }

    /// Fails if an argument was wrong.
    pub fn check(&self) -> Result<()> {
        self.wrong.clone().map_or(Ok(()), |error| Err(error.within(self.owner)))
    }

    /// Which direction is better.
    fn direction(&mut self, run: &Run<'_>) -> Result<Mode> {
        if let Some(mode) = self.found {
            return Ok(mode);
        }
        let mode = match self.mode {
            Mode::Auto => self.known_direction(run).ok_or_else(|| {
                err!(InvalidArgument, "{}: cannot tell whether more or less of '{}' is better", self.owner, self.name)
                    .help("say so: mode(\"max\") or mode(\"min\")")
            })?,
            mode => mode,
        };
        self.found = Some(mode);
        Ok(mode)
    }

    fn known_direction(&self, run: &Run<'_>) -> Option<Mode> {
        let name = self.name.strip_prefix("val_").unwrap_or(&self.name);
        let compiled = run.model().trainer().compiled();
        let metric = compiled.as_ref().and_then(|compiled| compiled.named_metrics().find(|(known, _)| *known == name));
        match metric {
            Some((_, metric)) => direction(metric.class_name()),
            None if name == "loss" || name.ends_with("_loss") => Some(Mode::Min),
            None => None,
        }
    }

    /// The number among the logs of an epoch; none in an epoch that was not validated though others are.
    ///
    /// # Errors
    /// `not_found` with the names there are, when it can never be there.
    pub fn value(&self, run: &Run<'_>, logs: &Logs) -> Result<Option<f64>> {
        if let Some(value) = logs.get(&self.name) {
            return Ok(Some(value));
        }
        let was_validated = logs.iter().any(|(name, _)| name.starts_with("val_"));
        if self.name.starts_with("val_") && run.is_validated() && !was_validated {
            return Ok(None);
        }
        Err(self.missing(logs))
    }

    pub fn missing(&self, logs: &Logs) -> Error {
        let names: Vec<&str> = logs.iter().map(|(name, _)| name).collect();
        let help = match self.name.starts_with("val_") && !names.iter().any(|name| name.starts_with("val_")) {
            true => "give fit validation_data or validation_split, or monitor a number of the training",
            false => "monitor one of these, or add the metric to compile",
        };
        let (owner, names) = (self.owner, names.join(", "));
        err!(NotFound, "{owner}: expected a monitored number among {names}, found no '{}'", self.name).help(help)
    }

    /// Whether a value is better than another by `min_delta`, in single precision, as the logs are.
    pub fn is_better(&mut self, run: &Run<'_>, value: f64, than: Option<f64>) -> Result<bool> {
        let mode = self.direction(run)?;
        let Some(than) = than else { return Ok(true) };
        Ok(match mode {
            Mode::Max => ((value - self.min_delta) as f32) > than as f32,
            _ => ((value + self.min_delta) as f32) < than as f32,
        })
    }
}

/// The builder methods of callbacks that follow a number.
macro_rules! monitor_arguments {
    () => {
        /// What is followed; by default `val_loss`.
        #[must_use]
        pub fn monitor(mut self, name: impl Into<String>) -> Self {
            self.monitor.name = name.into();
            self
        }

        /// Whether more or less is better: `auto`, `min`, `max`.
        #[must_use]
        pub fn mode(mut self, mode: impl Into<crate::arg::Arg<super::monitor::Mode>>) -> Self {
            self.monitor.set_mode(mode.into());
            self
        }

        /// Whether it says what it does; by default it does not.
        #[must_use]
        pub fn verbose(mut self, verbose: bool) -> Self {
            self.verbose = verbose;
            self
        }
    };
    (min_delta $default:literal) => {
        monitor_arguments!();

        #[doc = concat!("By how much an epoch must be better to count; by default ", $default, ".")]
        #[must_use]
        pub fn min_delta(mut self, delta: f64) -> Self {
            self.monitor.min_delta = delta.abs();
            self
        }
    };
}
pub(super) use monitor_arguments;

impl CallbackState {
    /// Keeps a number exactly, whatever it is.
    pub(super) fn set_number(&mut self, key: &str, value: Option<f64>) {
        self.values.insert(key.into(), value.map(f64::to_bits).into());
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<f64>> {
        match self.values.get(key) {
            Some(Value::Null) => Ok(None),
            Some(value) if value.is_u64() => Ok(value.as_u64().map(f64::from_bits)),
            _ => Err(err!(Corrupt, "state: expected a number '{key}'")),
        }
    }

    pub(super) fn set_count(&mut self, key: &str, value: usize) {
        self.values.insert(key.into(), value.into());
    }

    pub(super) fn count(&self, key: &str) -> Result<usize> {
        let count = self.values.get(key).and_then(Value::as_u64);
        count.map(|n| n as usize).ok_or_else(|| err!(Corrupt, "state: expected a count '{key}'"))
    }
}

/// Counts steps over epochs, and says when so many have been taken that it is time to save.
#[derive(Clone, Debug, Default)]
pub(super) struct StepCounter {
    seen: usize,
}

impl StepCounter {
    /// Counts a step. Whether it is the last of those to wait for.
    pub fn is_due(&mut self, frequency: SaveFreq) -> bool {
        let SaveFreq::Steps(steps) = frequency else { return false };
        self.seen += 1;
        if self.seen >= steps {
            self.seen = 0;
            return true;
        }
        false
    }

    pub fn seen(&self) -> usize {
        self.seen
    }

    pub fn set(&mut self, seen: usize) {
        self.seen = seen;
    }
}
