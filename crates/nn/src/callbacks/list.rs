//! Several callbacks as one.

use cornet_error::Result;

use super::{BatchLogs, Callback, CallbackState, Moment, Run};
use crate::training::Logs;

/// Callbacks that are called one after the other, in the order in which they were added.
///
/// # Source
/// Keras 3 `keras.callbacks.CallbackList`. History and progress bar are no members here: `fit` always keeps the one
/// and `verbose` decides on the other.
#[derive(Default)]
pub struct CallbackList<'a>(Vec<&'a mut dyn Callback>);

impl<'a> CallbackList<'a> {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, callback: &'a mut dyn Callback) {
        self.0.push(callback);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn each(&mut self, call: impl FnMut(&mut &'a mut dyn Callback) -> Result<()>) -> Result<()> {
        self.0.iter_mut().try_for_each(call)
    }

    /// Lets those that keep backups make one, once every callback has seen the step or the epoch that ended.
    fn back_up(&mut self, run: &Run<'_>, moment: Moment) -> Result<()> {
        for place in 0..self.0.len() {
            if self.0[place].is_backup_due(run, moment) {
                let states: Vec<_> = self.0.iter().map(|c| (c.name(), c.state())).collect();
                self.0[place].back_up(run, moment, &states)?;
            }
        }
        Ok(())
    }
}

impl<'a> FromIterator<&'a mut dyn Callback> for CallbackList<'a> {
    fn from_iter<I: IntoIterator<Item = &'a mut dyn Callback>>(callbacks: I) -> Self {
        Self(callbacks.into_iter().collect())
    }
}

impl Callback for CallbackList<'_> {
    fn on_train_begin(&mut self, run: &Run<'_>) -> Result<()> {
        self.each(|c| c.on_train_begin(run))?;
        for (callback, (name, state)) in self.0.iter_mut().zip(run.take_restored()) {
            if let (Some(state), true) = (state, callback.name() == name) {
                callback.set_state(state).map_err(|e| e.within(name))?;
            }
        }
        Ok(())
    }

    fn on_train_end(&mut self, run: &Run<'_>, logs: &Logs) -> Result<()> {
        self.each(|c| c.on_train_end(run, logs))
    }

    fn on_epoch_begin(&mut self, run: &Run<'_>, epoch: usize) -> Result<()> {
        self.each(|c| c.on_epoch_begin(run, epoch))
    }

    fn on_epoch_end(&mut self, run: &Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        self.each(|c| c.on_epoch_end(run, epoch, logs))?;
        self.back_up(run, Moment { epoch: epoch + 1, step: 0 })
    }

    fn on_train_batch_begin(&mut self, run: &Run<'_>, step: usize) -> Result<()> {
        self.each(|c| c.on_train_batch_begin(run, step))
    }

    fn on_train_batch_end(&mut self, run: &Run<'_>, step: usize, logs: &BatchLogs<'_>) -> Result<()> {
        self.each(|c| c.on_train_batch_end(run, step, logs))?;
        self.back_up(run, Moment { epoch: run.moment().epoch, step: step + 1 })
    }

    fn on_test_begin(&mut self, run: &Run<'_>) -> Result<()> {
        self.each(|c| c.on_test_begin(run))
    }

    fn on_test_end(&mut self, run: &Run<'_>, logs: &Logs) -> Result<()> {
        self.each(|c| c.on_test_end(run, logs))
    }

    fn on_test_batch_begin(&mut self, run: &Run<'_>, step: usize) -> Result<()> {
        self.each(|c| c.on_test_batch_begin(run, step))
    }

    fn on_test_batch_end(&mut self, run: &Run<'_>, step: usize, logs: &BatchLogs<'_>) -> Result<()> {
        self.each(|c| c.on_test_batch_end(run, step, logs))
    }

    fn on_predict_begin(&mut self, run: &Run<'_>) -> Result<()> {
        self.each(|c| c.on_predict_begin(run))
    }

    fn on_predict_end(&mut self, run: &Run<'_>) -> Result<()> {
        self.each(|c| c.on_predict_end(run))
    }

    fn on_predict_batch_begin(&mut self, run: &Run<'_>, step: usize) -> Result<()> {
        self.each(|c| c.on_predict_batch_begin(run, step))
    }

    fn on_predict_batch_end(&mut self, run: &Run<'_>, step: usize) -> Result<()> {
        self.each(|c| c.on_predict_batch_end(run, step))
    }

    fn state(&self) -> Option<CallbackState> {
        None
    }
}
