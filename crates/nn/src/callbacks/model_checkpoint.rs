use std::path::Path;

use cornet_error::{Error, Result, err};

use super::monitor::{Monitor, SaveFreq, StepCounter, monitor_arguments};
use super::text::fill;
use super::{BatchLogs, Callback, CallbackState, Run};
use crate::arg::Arg;
use crate::saving;
use crate::training::Logs;

/// Saves the model, or its weights, after every epoch or after so many steps; all of them or the best alone.
///
/// The path may have fields, filled as Python's `str.format` does: `epoch` and, with `save_freq` in steps, `batch`, both
/// counted from 1, and the names of the logs: `{epoch:02d}-{val_loss:.2f}.keras`. Folders are made; files are replaced
/// in one step or not at all.
///
/// # Errors
/// `invalid_argument` for a path that ends neither in `.keras` nor, with `save_weights_only`, in `.weights.h5`, or whose
/// fields are no logs; `unsupported` for whole models in `.h5` files; `not_found` when `save_best_only` monitors what is
/// not logged, where Keras warns and saves every time; `io` and its likes.
/// # Source
/// Keras 3 `keras.callbacks.ModelCheckpoint`.
///
/// ```
/// use cornet_nn::callbacks::ModelCheckpoint;
/// let best = ModelCheckpoint::new("best.keras").monitor("val_accuracy").save_best_only(true);
/// let all = ModelCheckpoint::new("all/{epoch:02d}-{loss:.3f}.weights.h5").save_weights_only(true);
/// ```
#[derive(Clone, Debug)]
pub struct ModelCheckpoint {
    filepath: String,
    monitor: Monitor,
    verbose: bool,
    save_best_only: bool,
    save_weights_only: bool,
    save_freq: SaveFreq,
    counter: StepCounter,
    epoch: usize,
}

impl ModelCheckpoint {
    /// To this path.
    pub fn new(filepath: impl AsRef<Path>) -> Self {
        Self {
            filepath: filepath.as_ref().to_string_lossy().into_owned(),
            monitor: Monitor::new("ModelCheckpoint"),
            verbose: false,
            save_best_only: false,
            save_weights_only: false,
            save_freq: SaveFreq::Epoch,
            counter: StepCounter::default(),
            epoch: 0,
        }
    }

    monitor_arguments!();

    /// Whether it saves only what is better than all before; by default it saves every time.
    #[must_use]
    pub fn save_best_only(mut self, best_only: bool) -> Self {
        self.save_best_only = best_only;
        self
    }

    /// Whether it saves the weights alone; by default the whole model.
    #[must_use]
    pub fn save_weights_only(mut self, weights_only: bool) -> Self {
        self.save_weights_only = weights_only;
        self
    }

    /// When it saves: after every `epoch`, or after a number of steps each.
    #[must_use]
    pub fn save_freq(mut self, frequency: impl Into<Arg<SaveFreq>>) -> Self {
        match frequency.into().0 {
            Ok(frequency) => self.save_freq = frequency,
            Err(error) => self.monitor.refuse(error),
        }
        self
    }

    /// What has to be beaten for the first file.
    #[must_use]
    pub fn initial_value_threshold(mut self, threshold: f64) -> Self {
        self.monitor.best = Some(threshold);
        self
    }

    /// The best value so far.
    pub fn best(&self) -> Option<f64> {
        self.monitor.best
    }

    fn check(&self) -> Result<()> {
        self.monitor.check()?;
        let path = &self.filepath;
        let error: Error = match self.save_weights_only {
            true if path.ends_with(".weights.h5") => return Ok(()),
            true => err!(InvalidArgument, "filepath of weights: expected one that ends in .weights.h5, found {path}"),
            false if path.ends_with(".keras") || path.ends_with(".h5") => return Ok(()),
            false => err!(InvalidArgument, "filepath: expected one that ends in .keras or .h5, found {path}"),
        };
        Err(error.within("ModelCheckpoint"))
    }

    /// Whether to save with these logs; what it says about it.
    fn is_wanted(&mut self, run: &Run<'_>, logs: &Logs, epoch: usize, path: &str) -> Result<bool> {
        if !self.save_best_only {
            self.say(run, || format!("\nEpoch {epoch}: saving model to {path}"));
            return Ok(true);
        }
        let name = self.monitor.name.clone();
        let current = match self.save_freq {
            SaveFreq::Epoch => self.monitor.value(run, logs)?,
            SaveFreq::Steps(_) => Some(logs.get(&name).ok_or_else(|| self.monitor.missing(logs))?),
        };
        let Some(current) = current else { return Ok(false) };
        let best = self.monitor.best.map_or("None".into(), |best| format!("{best:.5}"));
        let is_better = self.monitor.is_better(run, current, self.monitor.best)?;
        self.say(run, || match is_better {
            true => format!("\nEpoch {epoch}: {name} improved from {best} to {current:.5}, saving model to {path}"),
            false => format!("\nEpoch {epoch}: {name} did not improve from {best}"),
        });
        if is_better {
            self.monitor.best = Some(current);
        }
        Ok(is_better)
    }

    fn say(&self, run: &Run<'_>, message: impl FnOnce() -> String) {
        if self.verbose {
            run.say(message());
        }
    }

    fn save(&mut self, run: &Run<'_>, epoch: usize, batch: Option<usize>, logs: &Logs) -> Result<()> {
        let filled = fill(&self.filepath, epoch + 1, batch.map(|b| b + 1), logs);
        let path = filled.map_err(|e| e.within("ModelCheckpoint"))?;
        if !self.is_wanted(run, logs, epoch + 1, &path)? {
            return Ok(());
        }
        let file = Path::new(&path);
        if file.is_dir() {
            return Err(err!(InvalidArgument, "ModelCheckpoint: expected a path of a file, found the folder {path}"));
        }
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|e| Error::io("make", folder, &e))?;
        }
        match self.save_weights_only {
            true => saving::save_weights(run.model(), file)?,
            false => saving::save_model(run.model(), file)?,
        }
        self.say(run, || format!("\nEpoch {}: finished saving model to {path}", epoch + 1));
        Ok(())
    }
}

impl Callback for ModelCheckpoint {
    fn on_train_begin(&mut self, _run: &Run<'_>) -> Result<()> {
        self.check()
    }

    fn on_epoch_begin(&mut self, _run: &Run<'_>, epoch: usize) -> Result<()> {
        self.epoch = epoch;
        Ok(())
    }

    fn on_train_batch_end(&mut self, run: &Run<'_>, step: usize, logs: &BatchLogs<'_>) -> Result<()> {
        match self.counter.is_due(self.save_freq) {
            true => self.save(run, self.epoch, Some(step), &logs.read()?),
            false => Ok(()),
        }
    }

    fn on_epoch_end(&mut self, run: &Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        if self.save_freq == SaveFreq::Epoch { self.save(run, epoch, None, logs) } else { Ok(()) }
    }

    fn state(&self) -> Option<CallbackState> {
        let mut state = CallbackState::default();
        state.set_count("steps", self.counter.seen());
        state.set_number("best", self.monitor.best);
        Some(state)
    }

    fn set_state(&mut self, state: CallbackState) -> Result<()> {
        self.counter.set(state.count("steps")?);
        self.monitor.best = state.number("best")?;
        Ok(())
    }
}
