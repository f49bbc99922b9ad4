use cornet_error::{Result, fail};

use super::text::python_float;
use super::{Callback, Run, log_rates, rated};
use crate::training::Logs;

/// Sets the learning rate before each epoch to what a function of the epoch, counted from 0, and of the rate until then
/// gives. The rate is logged as `learning_rate`.
///
/// # Errors
/// `invalid_argument` for a rate that is not finite.
/// # Source
/// Keras 3 `keras.callbacks.LearningRateScheduler`.
///
/// ```
/// use cornet_nn::callbacks::LearningRateScheduler;
/// let halve = LearningRateScheduler::new(|epoch, rate| if epoch < 10 { rate } else { rate * 0.5 });
/// ```
pub struct LearningRateScheduler<F> {
    schedule: F,
    verbose: bool,
}

impl<F: FnMut(usize, f64) -> f64 + Send> LearningRateScheduler<F> {
    /// With this function.
    pub fn new(schedule: F) -> Self {
        Self { schedule, verbose: false }
    }

    /// Whether it says what it does; by default it does not.
    #[must_use]
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }
}

impl<F: FnMut(usize, f64) -> f64 + Send> Callback for LearningRateScheduler<F> {
    fn on_epoch_begin(&mut self, run: &Run<'_>, epoch: usize) -> Result<()> {
        // An epoch that goes on in the middle has its rate already.
        if run.moment().step > 0 {
            return Ok(());
        }
        let all = rated(run)?;
        for (_, optimizer) in &all {
            let rate = (self.schedule)(epoch, optimizer.learning_rate()?);
            if !rate.is_finite() {
                let epoch = epoch + 1;
                fail!(InvalidArgument, "LearningRateScheduler, epoch {epoch}: expected a finite rate, found {rate}");
            }
            optimizer.set_learning_rate(rate)?;
            if self.verbose {
                let (epoch, rate) = (epoch + 1, python_float(rate));
                let name = if all.len() > 1 { format!("{} ", optimizer.base().name()) } else { String::new() };
                run.say(format!("\nEpoch {epoch}: LearningRateScheduler setting {name}learning rate to {rate}."));
            }
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, run: &Run<'_>, _epoch: usize, logs: &mut Logs) -> Result<()> {
        log_rates(run, logs)
    }
}
