//! What a program does while a model is trained.
//!
//! Source: Keras 3.15.1, `keras.callbacks`.

use std::sync::atomic::{AtomicBool, Ordering};

use cornet_error::Result;

use crate::models::Model;
use crate::training::{Compiled, Logs};

/// Called at the milestones of `fit`. Every method does nothing by default; an error ends the training with it.
pub trait Callback: Send {
    /// Before the first epoch.
    ///
    /// # Errors
    /// Whatever shall end the training; so too below.
    fn on_train_begin(&mut self, _run: &Run<'_>) -> Result<()> {
        Ok(())
    }

    /// After the last epoch.
    #[allow(missing_docs)]
    fn on_train_end(&mut self, _run: &Run<'_>, _logs: &Logs) -> Result<()> {
        Ok(())
    }

    /// Before an epoch, counted from 0.
    #[allow(missing_docs)]
    fn on_epoch_begin(&mut self, _run: &Run<'_>, _epoch: usize) -> Result<()> {
        Ok(())
    }

    /// After an epoch and its validation. What is set in the logs reaches later callbacks, the display and the history.
    #[allow(missing_docs)]
    fn on_epoch_end(&mut self, _run: &Run<'_>, _epoch: usize, _logs: &mut Logs) -> Result<()> {
        Ok(())
    }

    /// Before a step, counted from 0 in each epoch.
    #[allow(missing_docs)]
    fn on_train_batch_begin(&mut self, _run: &Run<'_>, _step: usize) -> Result<()> {
        Ok(())
    }

    /// After a step.
    #[allow(missing_docs)]
    fn on_train_batch_end(&mut self, _run: &Run<'_>, _step: usize, _logs: &BatchLogs<'_>) -> Result<()> {
        Ok(())
    }

    /// Before the validation of an epoch.
    #[allow(missing_docs)]
    fn on_test_begin(&mut self, _run: &Run<'_>) -> Result<()> {
        Ok(())
    }

    /// After the validation of an epoch.
    #[allow(missing_docs)]
    fn on_test_end(&mut self, _run: &Run<'_>, _logs: &Logs) -> Result<()> {
        Ok(())
    }

    /// After a step of the validation.
    #[allow(missing_docs)]
    fn on_test_batch_end(&mut self, _run: &Run<'_>, _step: usize, _logs: &BatchLogs<'_>) -> Result<()> {
        Ok(())
    }
}

/// A training that goes on.
pub struct Run<'a> {
    model: &'a dyn Model,
    epochs: usize,
    steps: usize,
    stop: AtomicBool,
}

impl<'a> Run<'a> {
    pub(crate) fn new(model: &'a dyn Model, epochs: usize, steps: usize) -> Self {
        Self { model, epochs, steps, stop: AtomicBool::new(false) }
    }

    /// The model.
    pub fn model(&self) -> &dyn Model {
        self.model
    }

    /// The number of epochs.
    pub fn epochs(&self) -> usize {
        self.epochs
    }

    /// The number of steps of an epoch.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Ends the training after this step; the epoch is still validated and logged.
    pub fn stop_training(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether the training is to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Loss and metrics since the epoch began, read when asked for.
pub struct BatchLogs<'a>(pub(crate) &'a Compiled);

impl BatchLogs<'_> {
    /// The numbers.
    ///
    /// # Errors
    /// None that an input can cause.
    pub fn read(&self) -> Result<Logs> {
        self.0.logs()
    }
}
