use cornet_error::Result;
use cornet_tensor::Array;

use super::monitor::{Monitor, monitor_arguments};
use super::{Callback, CallbackState, Run};
use crate::training::Logs;

/// Ends the training when a number has stopped becoming better.
///
/// An epoch is better if it beats the best so far by more than `min_delta`, and the baseline too if there is one. After
/// `patience` epochs that are not, the training ends.
///
/// # Errors
/// `not_found` at the end of the first epoch, with the names there are, if the monitored number is not logged. Keras
/// warns and goes on for ever; who asks for early stopping wants to know.
/// # Source
/// Keras 3 `keras.callbacks.EarlyStopping`.
///
/// ```
/// use cornet_nn::callbacks::EarlyStopping;
/// let stop = EarlyStopping::new().monitor("val_accuracy").patience(3).restore_best_weights(true);
/// ```
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    monitor: Monitor,
    patience: usize,
    verbose: bool,
    baseline: Option<f64>,
    restore_best_weights: bool,
    start_from_epoch: usize,
    wait: usize,
    stopped_epoch: usize,
    best_epoch: usize,
    best_weights: Option<Vec<Array>>,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self {
            monitor: Monitor::new("EarlyStopping"),
            patience: 0,
            verbose: false,
            baseline: None,
            restore_best_weights: false,
            start_from_epoch: 0,
            wait: 0,
            stopped_epoch: 0,
            best_epoch: 0,
            best_weights: None,
        }
    }
}

impl EarlyStopping {
    /// Keras's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    monitor_arguments!(min_delta "0");

    /// After how many epochs without becoming better it ends; by default 0, so at the first one.
    #[must_use]
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = epochs;
        self
    }

    /// What has to be beaten from the beginning.
    #[must_use]
    pub fn baseline(mut self, baseline: f64) -> Self {
        self.baseline = Some(baseline);
        self
    }

    /// Whether the model gets the weights of the best epoch back; by default it keeps those of the last one.
    #[must_use]
    pub fn restore_best_weights(mut self, restore: bool) -> Self {
        self.restore_best_weights = restore;
        self
    }

    /// The first epoch, counted from 0, that counts; by default 0.
    #[must_use]
    pub fn start_from_epoch(mut self, epoch: usize) -> Self {
        self.start_from_epoch = epoch;
        self
    }

    /// The epoch, counted from 0, after which it ended the training; 0 if it did not.
    pub fn stopped_epoch(&self) -> usize {
        self.stopped_epoch
    }

    /// The best value so far.
    pub fn best(&self) -> Option<f64> {
        self.monitor.best
    }

    /// The epoch of the best value, counted from 0.
    pub fn best_epoch(&self) -> usize {
        self.best_epoch
    }
}

impl Callback for EarlyStopping {
    fn on_train_begin(&mut self, _run: &Run<'_>) -> Result<()> {
        self.monitor.check()?;
        (self.wait, self.stopped_epoch, self.best_epoch) = (0, 0, 0);
        (self.monitor.best, self.best_weights) = (None, None);
        Ok(())
    }

    fn on_epoch_end(&mut self, run: &Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        let Some(current) = self.monitor.value(run, logs)? else { return Ok(()) };
        if epoch < self.start_from_epoch {
            return Ok(());
        }
        if self.restore_best_weights && self.best_weights.is_none() {
            self.best_weights = Some(run.model().get_weights()?);
            self.best_epoch = epoch;
        }
        self.wait += 1;
        if self.monitor.is_better(run, current, self.monitor.best)? {
            (self.monitor.best, self.best_epoch) = (Some(current), epoch);
            if self.restore_best_weights {
                self.best_weights = Some(run.model().get_weights()?);
            }
            if self.monitor.is_better(run, current, self.baseline)? {
                self.wait = 0;
            }
        } else if self.wait >= self.patience && epoch > 0 {
            self.stopped_epoch = epoch;
            run.stop_training();
        }
        Ok(())
    }

    fn on_train_end(&mut self, run: &Run<'_>, _logs: &Logs) -> Result<()> {
        if self.stopped_epoch > 0 && self.verbose {
            run.say(format!("Epoch {}: early stopping", self.stopped_epoch + 1));
        }
        if let Some(weights) = &self.best_weights {
            if self.verbose {
                let epoch = self.best_epoch + 1;
                run.say(format!("Restoring model weights from the end of the best epoch: {epoch}."));
            }
            run.model().set_weights(weights)?;
        }
        Ok(())
    }

    fn state(&self) -> Option<CallbackState> {
        let mut state = CallbackState { arrays: self.best_weights.clone().unwrap_or_default(), ..Default::default() };
        state.set_count("wait", self.wait);
        state.set_count("stopped_epoch", self.stopped_epoch);
        state.set_count("best_epoch", self.best_epoch);
        state.set_number("best", self.monitor.best);
        Some(state)
    }

    fn set_state(&mut self, state: CallbackState) -> Result<()> {
        self.wait = state.count("wait")?;
        self.stopped_epoch = state.count("stopped_epoch")?;
        self.best_epoch = state.count("best_epoch")?;
        self.monitor.best = state.number("best")?;
        self.best_weights = (self.restore_best_weights && !state.arrays.is_empty()).then_some(state.arrays);
        Ok(())
    }
}
