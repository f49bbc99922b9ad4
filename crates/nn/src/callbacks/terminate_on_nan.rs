use cornet_error::{Result, err};

use super::{BatchLogs, Callback, Run};

/// Ends the training when the loss is NaN or infinite: in order, or with an error.
///
/// # Errors
/// `non_finite` with `raise_error`; other callbacks then see no end of the training, so that a backup stays.
/// # Source
/// Keras 3 `keras.callbacks.TerminateOnNaN`.
#[derive(Clone, Debug, Default)]
pub struct TerminateOnNaN {
    raise_error: bool,
}

impl TerminateOnNaN {
    /// Keras's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it ends with an error; by default it does not.
    #[must_use]
    pub fn raise_error(mut self, raise: bool) -> Self {
        self.raise_error = raise;
        self
    }
}

impl Callback for TerminateOnNaN {
    fn on_train_batch_end(&mut self, run: &Run<'_>, step: usize, logs: &BatchLogs<'_>) -> Result<()> {
        let loss = logs.loss()?;
        if loss.is_finite() {
            return Ok(());
        }
        if self.raise_error {
            return Err(err!(NonFinite, "step {}: expected a finite loss, found {loss}", step + 1)
                .help("lower the learning rate, scale the inputs to about -1 to 1, and check them for NaN"));
        }
        run.say(format!("Batch {step}: Invalid loss, terminating training"));
        run.stop_training();
        Ok(())
    }
}
