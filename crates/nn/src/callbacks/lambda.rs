use cornet_error::Result;

use super::{BatchLogs, Callback, Run};
use crate::training::Logs;

/// A function of a milestone without a number.
type Plain<'a> = Box<dyn FnMut(&Run<'_>) -> Result<()> + Send + 'a>;
/// A function of an epoch or a step.
type Counted<'a> = Box<dyn FnMut(&Run<'_>, usize) -> Result<()> + Send + 'a>;
/// A function of the logs at an end.
type Ended<'a> = Box<dyn FnMut(&Run<'_>, &Logs) -> Result<()> + Send + 'a>;
/// A function of the end of an epoch.
type EpochEnded<'a> = Box<dyn FnMut(&Run<'_>, usize, &mut Logs) -> Result<()> + Send + 'a>;
/// A function of the end of a step.
type StepEnded<'a> = Box<dyn FnMut(&Run<'_>, usize, &BatchLogs<'_>) -> Result<()> + Send + 'a>;

macro_rules! lambda_callback {
    ($($name:ident: $kind:ident($($argument:ident: $type:ty),*), $doc:literal;)+) => {
        /// A callback of functions that are given one by one.
        ///
        /// # Source
        /// Keras 3 `keras.callbacks.LambdaCallback`.
        ///
        /// ```
        /// use cornet_nn::callbacks::LambdaCallback;
        /// let stop = LambdaCallback::new().on_epoch_end(|run, epoch, logs| {
        ///     if logs.loss() < 0.1 {
        ///         run.say(format!("good enough after epoch {}", epoch + 1));
        ///         run.stop_training();
        ///     }
        ///     Ok(())
        /// });
        /// ```
        #[derive(Default)]
        pub struct LambdaCallback<'a> {
            $($name: Option<$kind<'a>>,)+
        }

        impl<'a> LambdaCallback<'a> {
            /// A callback that does nothing yet.
            pub fn new() -> Self {
                Self::default()
            }

            $(
                #[doc = $doc]
                #[must_use]
                pub fn $name(
                    mut self,
                    call: impl FnMut(&Run<'_> $(, $type)*) -> Result<()> + Send + 'a,
                ) -> Self {
                    self.$name = Some(Box::new(call));
                    self
                }
            )+
        }

        impl Callback for LambdaCallback<'_> {
            $(
                fn $name(&mut self, run: &Run<'_> $(, $argument: $type)*) -> Result<()> {
                    self.$name.as_mut().map_or(Ok(()), |call| call(run $(, $argument)*))
                }
            )+
        }
    };
}

lambda_callback! {
    on_train_begin: Plain(), "Called before the first epoch.";
    on_train_end: Ended(logs: &Logs), "Called after the last epoch.";
    on_epoch_begin: Counted(epoch: usize), "Called before an epoch.";
    on_epoch_end: EpochEnded(epoch: usize, logs: &mut Logs), "Called after an epoch.";
    on_train_batch_begin: Counted(step: usize), "Called before a step.";
    on_train_batch_end: StepEnded(step: usize, logs: &BatchLogs<'_>), "Called after a step.";
    on_test_begin: Plain(), "Called before an evaluation.";
    on_test_end: Ended(logs: &Logs), "Called after an evaluation.";
    on_test_batch_begin: Counted(step: usize), "Called before a step of an evaluation.";
    on_test_batch_end: StepEnded(step: usize, logs: &BatchLogs<'_>), "Called after a step of an evaluation.";
    on_predict_begin: Plain(), "Called before a prediction.";
    on_predict_end: Plain(), "Called after a prediction.";
    on_predict_batch_begin: Counted(step: usize), "Called before a step of a prediction.";
    on_predict_batch_end: Counted(step: usize), "Called after a step of a prediction.";
}
