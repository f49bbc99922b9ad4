use cornet_error::{Result, err};

use super::monitor::{Monitor, monitor_arguments};
use super::text::python_float;
use super::{Callback, CallbackState, Run, log_rates, rated};
use crate::training::Logs;

/// Reduces the learning rate when a number has stopped becoming better: `rate = max(rate · factor, min_lr)`.
///
/// After a reduction, `cooldown` epochs pass before it counts again. The rate is logged as `learning_rate`.
///
/// # Errors
/// `invalid_argument` for a factor of 1 or more; `not_found` at the end of the first epoch, with the names there are, if
/// the monitored number is not logged, where Keras warns.
/// # Source
/// Keras 3 `keras.callbacks.ReduceLROnPlateau`.
#[derive(Clone, Debug)]
pub struct ReduceLROnPlateau {
    monitor: Monitor,
    factor: f64,
    patience: usize,
    verbose: bool,
    cooldown: usize,
    min_lr: f64,
    cooldown_counter: usize,
    wait: usize,
}

impl Default for ReduceLROnPlateau {
    fn default() -> Self {
        let mut monitor = Monitor::new("ReduceLROnPlateau");
        monitor.min_delta = 1e-4;
        let (cooldown_counter, wait) = (0, 0);
        Self { monitor, factor: 0.1, patience: 10, verbose: false, cooldown: 0, min_lr: 0.0, cooldown_counter, wait }
    }
}

impl ReduceLROnPlateau {
    /// Keras's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    monitor_arguments!(min_delta "1e-4");

    /// What the rate is multiplied by; by default 0.1.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        if factor.is_nan() || factor >= 1.0 {
            self.monitor.refuse(err!(InvalidArgument, "factor: expected below 1, found {factor}"));
        }
        self.factor = factor;
        self
    }

    /// After how many epochs without becoming better the rate falls; by default 10.
    #[must_use]
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = epochs;
        self
    }

    /// How many epochs pass after a reduction before it counts again; by default 0.
    #[must_use]
    pub fn cooldown(mut self, epochs: usize) -> Self {
        self.cooldown = epochs;
        self
    }

    /// The least rate; by default 0.
    #[must_use]
    pub fn min_lr(mut self, rate: f64) -> Self {
        self.min_lr = rate;
        self
    }

    fn reduce(&mut self, run: &Run<'_>, epoch: usize) -> Result<()> {
        let all = rated(run)?;
        let mut is_reduced = false;
        for (_, optimizer) in &all {
            let old = optimizer.learning_rate()?;
            if old <= f64::from(self.min_lr as f32) {
                continue;
            }
            let new = (old * self.factor).max(self.min_lr);
            optimizer.set_learning_rate(new)?;
            is_reduced = true;
            if self.verbose {
                let (epoch, rate) = (epoch + 1, python_float(new));
                let name = if all.len() > 1 { format!(" {}", optimizer.base().name()) } else { String::new() };
                run.say(format!("\nEpoch {epoch}: ReduceLROnPlateau reducing{name} learning rate to {rate}."));
            }
        }
        if is_reduced {
            (self.cooldown_counter, self.wait) = (self.cooldown, 0);
        }
        Ok(())
    }
}

impl Callback for ReduceLROnPlateau {
    fn on_train_begin(&mut self, _run: &Run<'_>) -> Result<()> {
        self.monitor.check()?;
        (self.monitor.best, self.cooldown_counter, self.wait) = (None, 0, 0);
        Ok(())
    }

    fn on_epoch_end(&mut self, run: &Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        log_rates(run, logs)?;
        let Some(current) = self.monitor.value(run, logs)? else { return Ok(()) };
        if self.cooldown_counter > 0 {
            self.cooldown_counter -= 1;
            self.wait = 0;
        }
        if self.monitor.is_better(run, current, self.monitor.best)? {
            (self.monitor.best, self.wait) = (Some(current), 0);
        } else if self.cooldown_counter == 0 {
            self.wait += 1;
            if self.wait >= self.patience {
                self.reduce(run, epoch)?;
            }
        }
        Ok(())
    }

    fn state(&self) -> Option<CallbackState> {
        let mut state = CallbackState::default();
        state.set_count("wait", self.wait);
        state.set_count("cooldown", self.cooldown_counter);
        state.set_number("best", self.monitor.best);
        Some(state)
    }

    fn set_state(&mut self, state: CallbackState) -> Result<()> {
        (self.wait, self.cooldown_counter) = (state.count("wait")?, state.count("cooldown")?);
        self.monitor.best = state.number("best")?;
        Ok(())
    }
}
