//! What a layer is told when it is called, and what it tells.

use std::cell::RefCell;

use cornet_ops::Tensor;

/// One pass through a model.
#[derive(Debug, Default)]
pub struct Context {
    training: bool,
    losses: RefCell<Vec<Tensor>>,
}

impl Context {
    /// A pass that trains: dropout drops, batch normalisation follows the batch.
    pub fn training() -> Self {
        Self { training: true, ..Self::default() }
    }

    /// A pass that predicts.
    pub fn inference() -> Self {
        Self::default()
    }

    /// Whether the pass trains.
    pub fn is_training(&self) -> bool {
        self.training
    }

    /// Adds a scalar to the loss of this pass, as Keras's `add_loss` does.
    pub fn add_loss(&self, loss: Tensor) {
        self.losses.borrow_mut().push(loss);
    }

    /// What was added to the loss.
    pub fn take_losses(&self) -> Vec<Tensor> {
        self.losses.take()
    }
}
