//! What a program does while a model is trained.
//!
//! Source: Keras 3.15.1, `keras.callbacks`.

mod backup_and_restore;
mod csv_logger;
mod early_stopping;
mod lambda;
mod learning_rate_scheduler;
mod list;
mod model_checkpoint;
mod monitor;
mod reduce_lr_on_plateau;
mod remote_monitor;
mod run;
mod swap_ema_weights;
mod tensorboard;
mod tensorboard_graph;
mod terminate_on_nan;
mod text;

use std::sync::Arc;

use cornet_error::{Result, err};
use cornet_tensor::Array;
use serde_json::{Map, Value};

use crate::optimizers::Optimizer;
use crate::training::Logs;
use crate::training::runner::StepReport;

pub use backup_and_restore::BackupAndRestore;
pub use csv_logger::CSVLogger;
pub use early_stopping::EarlyStopping;
pub use lambda::LambdaCallback;
pub use learning_rate_scheduler::LearningRateScheduler;
pub use list::CallbackList;
pub use model_checkpoint::ModelCheckpoint;
pub use monitor::{Mode, SaveFreq};
pub use reduce_lr_on_plateau::ReduceLROnPlateau;
pub use remote_monitor::{Post, RemoteMonitor};
pub use run::{Moment, Run};
pub use swap_ema_weights::SwapEMAWeights;
pub use tensorboard::{TensorBoard, UpdateFreq};
pub use terminate_on_nan::TerminateOnNaN;

/// Called at the milestones of `fit`, `evaluate` and `predict`. Every method does nothing by default; an error ends the
/// training with it.
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

    /// Before an evaluation, also that of an epoch.
    #[allow(missing_docs)]
    fn on_test_begin(&mut self, _run: &Run<'_>) -> Result<()> {
        Ok(())
    }

    /// After an evaluation.
    #[allow(missing_docs)]
    fn on_test_end(&mut self, _run: &Run<'_>, _logs: &Logs) -> Result<()> {
        Ok(())
    }

    /// Before a step of an evaluation.
    #[allow(missing_docs)]
    fn on_test_batch_begin(&mut self, _run: &Run<'_>, _step: usize) -> Result<()> {
        Ok(())
    }

    /// After a step of an evaluation.
    #[allow(missing_docs)]
    fn on_test_batch_end(&mut self, _run: &Run<'_>, _step: usize, _logs: &BatchLogs<'_>) -> Result<()> {
        Ok(())
    }

    /// Before a prediction.
    #[allow(missing_docs)]
    fn on_predict_begin(&mut self, _run: &Run<'_>) -> Result<()> {
        Ok(())
    }

    /// After a prediction.
    #[allow(missing_docs)]
    fn on_predict_end(&mut self, _run: &Run<'_>) -> Result<()> {
        Ok(())
    }

    /// Before a step of a prediction.
    #[allow(missing_docs)]
    fn on_predict_batch_begin(&mut self, _run: &Run<'_>, _step: usize) -> Result<()> {
        Ok(())
    }

    /// After a step of a prediction.
    #[allow(missing_docs)]
    fn on_predict_batch_end(&mut self, _run: &Run<'_>, _step: usize) -> Result<()> {
        Ok(())
    }

    /// The class, by which a state that was kept finds its callback again.
    fn name(&self) -> &'static str {
        let path = std::any::type_name::<Self>();
        path.split('<').next().and_then(|path| path.rsplit("::").next()).unwrap_or(path)
    }

    /// What the callback has to remember when a training that was cut short goes on in another process, such as how
    /// long it has been waiting.
    fn state(&self) -> Option<CallbackState> {
        None
    }

    /// Takes what [`Callback::state`] gave, after `on_train_begin`.
    ///
    /// # Errors
    /// `corrupt` for a state that is none of this class.
    fn set_state(&mut self, _state: CallbackState) -> Result<()> {
        Ok(())
    }

    /// Whether the callback is to make a backup now, when a step or an epoch has ended and the next thing that the
    /// training does begins at `moment`.
    fn is_backup_due(&mut self, _run: &Run<'_>, _moment: Moment) -> bool {
        false
    }

    /// Makes a backup, with the states of all callbacks.
    ///
    /// # Errors
    /// What cannot be written.
    fn back_up(
        &mut self,
        _run: &Run<'_>,
        _moment: Moment,
        _states: &[(&'static str, Option<CallbackState>)],
    ) -> Result<()> {
        Ok(())
    }
}

/// What a callback remembers: numbers and words by name, and arrays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallbackState {
    /// Numbers and words.
    pub values: Map<String, Value>,
    /// Arrays, such as weights.
    pub arrays: Vec<Array>,
}

/// Loss and metrics since the epoch began, or what a model's own step reported last, read when asked for.
pub struct BatchLogs<'a>(pub(crate) StepReport<'a>);

impl BatchLogs<'_> {
    /// The numbers.
    ///
    /// # Errors
    /// None that an input can cause.
    pub fn read(&self) -> Result<Logs> {
        self.0.logs()
    }

    /// The loss alone; NaN if there is none.
    ///
    /// # Errors
    /// None that an input can cause.
    pub fn loss(&self) -> Result<f64> {
        self.0.loss()
    }
}

/// The optimizer of a training.
fn optimizer(run: &Run<'_>) -> Result<Arc<dyn Optimizer>> {
    let missing = || err!(InvalidState, "callback: expected a compiled model, found '{}'", run.model().name());
    run.model().optimizer().ok_or_else(missing)
}

/// The optimizers whose learning rates are set, and the names under which these are logged: of one that is made of
/// several, each of them.
fn rated(run: &Run<'_>) -> Result<Vec<(String, Arc<dyn Optimizer>)>> {
    let optimizer = optimizer(run)?;
    if optimizer.class_name() != "MultiOptimizer" {
        return Ok(vec![("learning_rate".into(), optimizer)]);
    }
    let mut found: Vec<(String, Arc<dyn Optimizer>)> = Vec::new();
    for (_, part) in optimizer.parts() {
        let name = format!("learning_rate_{}", part.base().name());
        if found.iter().all(|(known, _)| *known != name) {
            found.push((name, part));
        }
    }
    Ok(found)
}

/// Logs the learning rate, or each of them.
fn log_rates(run: &Run<'_>, logs: &mut Logs) -> Result<()> {
    rated(run)?.into_iter().try_for_each(|(name, optimizer)| {
        logs.set(&name, optimizer.learning_rate()?);
        Ok(())
    })
}
