use cornet_error::{Result, err};
use cornet_tensor::Array;

use super::{Callback, CallbackState, Run, optimizer};
use crate::optimizers::Optimizer;
use crate::training::Logs;

/// Evaluates and predicts with the moving averages of the weights that an optimizer with `use_ema` keeps, and goes on
/// training with the weights themselves.
///
/// With `swap_on_epoch` the averages are in the model from the end of each epoch to the beginning of the next one, so that
/// callbacks behind this one, such as `ModelCheckpoint`, see them. After `fit` the model has the averages, as it always
/// has with `use_ema`.
///
/// Keras exchanges weights and averages in place; here the weights are kept aside, so that the optimizer's averages are
/// right at every moment. Keras also forgets to bring the weights back after `predict`.
/// # Errors
/// `invalid_state` for an optimizer without `use_ema`.
/// # Source
/// Keras 3 `keras.callbacks.SwapEMAWeights`.
///
/// ```
/// use cornet_nn::callbacks::SwapEMAWeights;
/// use cornet_nn::optimizers::Adam;
/// let optimizer = Adam::new().use_ema(true);
/// let swap = SwapEMAWeights::new().swap_on_epoch(true);
/// ```
#[derive(Clone, Debug, Default)]
pub struct SwapEMAWeights {
    swap_on_epoch: bool,
    /// The weights themselves, while the averages are in the model.
    aside: Option<Vec<Array>>,
}

/// Whether an optimizer, or a part of it, keeps averages.
fn has_averages(optimizer: &dyn Optimizer) -> bool {
    !optimizer.averages().is_empty() || optimizer.parts().iter().any(|(_, part)| has_averages(&**part))
}

impl SwapEMAWeights {
    /// Keras's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the averages are in the model between epochs, too; by default they are not.
    #[must_use]
    pub fn swap_on_epoch(mut self, swap: bool) -> Self {
        self.swap_on_epoch = swap;
        self
    }

    /// Puts the averages into the model.
    fn enter(&mut self, run: &Run<'_>) -> Result<()> {
        if self.aside.is_some() {
            return Ok(());
        }
        let optimizer = optimizer(run)?;
        if !has_averages(&*optimizer) {
            return Err(err!(InvalidState, "SwapEMAWeights: expected an optimizer with moving averages, found none")
                .operand("optimizer", optimizer.base().name())
                .help("compile the model with an optimizer that has use_ema(true), and train it"));
        }
        let weights = run.model().trainable_weights();
        self.aside = Some(weights.iter().map(|w| w.variable.value()).collect::<Result<_>>()?);
        optimizer.finalize_variable_values(&weights)
    }

    /// Puts the weights back.
    fn leave(&mut self, run: &Run<'_>) -> Result<()> {
        let Some(values) = self.aside.take() else { return Ok(()) };
        let weights = run.model().trainable_weights();
        if weights.len() != values.len() {
            let (expected, found) = (weights.len(), values.len());
            return Err(err!(InvalidState, "SwapEMAWeights: expected {expected} weights, found {found}"));
        }
        weights.iter().zip(values).try_for_each(|(weight, value)| weight.variable.set(value))
    }
}

impl Callback for SwapEMAWeights {
    fn on_train_begin(&mut self, _run: &Run<'_>) -> Result<()> {
        self.aside = None;
        Ok(())
    }

    fn on_train_end(&mut self, _run: &Run<'_>, _logs: &Logs) -> Result<()> {
        // The averages stay.
        self.aside = None;
        Ok(())
    }

    fn on_epoch_begin(&mut self, run: &Run<'_>, _epoch: usize) -> Result<()> {
        self.leave(run)
    }

    fn on_epoch_end(&mut self, run: &Run<'_>, _epoch: usize, _logs: &mut Logs) -> Result<()> {
        if self.swap_on_epoch { self.enter(run) } else { Ok(()) }
    }

    fn on_test_begin(&mut self, run: &Run<'_>) -> Result<()> {
        self.enter(run)
    }

    fn on_test_end(&mut self, run: &Run<'_>, _logs: &Logs) -> Result<()> {
        self.leave(run)
    }

    fn on_predict_begin(&mut self, run: &Run<'_>) -> Result<()> {
        self.enter(run)
    }

    fn on_predict_end(&mut self, run: &Run<'_>) -> Result<()> {
        self.leave(run)
    }

    fn state(&self) -> Option<CallbackState> {
        self.aside.as_ref().map(|values| CallbackState { arrays: values.clone(), ..CallbackState::default() })
    }

    fn set_state(&mut self, state: CallbackState) -> Result<()> {
        self.aside = Some(state.arrays);
        Ok(())
    }
}
