//! What a layer is told when it is called, and what it tells.

use std::cell::RefCell;

use cornet_ops::Tensor;
use serde_json::{Map, Value};
use smallvec::SmallVec;

/// Results of a layer: one for most.
pub type Tensors = SmallVec<[Tensor; 1]>;

/// A mask for each of several tensors, if it has one: `bool`, true for what counts, `[batch, time]` for sequences.
pub type Masks = SmallVec<[Option<Tensor>; 1]>;

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

/// What a layer is called with beside its inputs, by Keras's names: tensors such as `initial_state` and
/// `attention_mask`, and values such as `use_causal_mask`.
#[derive(Clone, Debug, Default)]
pub struct Arguments<T = Tensor> {
    /// Tensors, one or more a name.
    pub tensors: Vec<(String, SmallVec<[T; 1]>)>,
    /// Values, as a config has them.
    pub values: Map<String, Value>,
}

impl<T> Arguments<T> {
    /// No arguments.
    pub fn new() -> Self {
        Self { tensors: Vec::new(), values: Map::new() }
    }

    /// With these tensors under a name.
    #[must_use]
    pub fn with_tensors(mut self, name: impl Into<String>, tensors: impl IntoIterator<Item = T>) -> Self {
        self.tensors.push((name.into(), tensors.into_iter().collect()));
        self
    }

    /// With this value under a name.
    #[must_use]
    pub fn with_value(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.values.insert(name.into(), value.into());
        self
    }

    /// The tensors of a name; none if it is not given.
    pub fn tensors(&self, name: &str) -> &[T] {
        self.tensors.iter().find(|(known, _)| known == name).map_or(&[], |(_, tensors)| tensors)
    }

    /// The first tensor of a name.
    pub fn tensor(&self, name: &str) -> Option<&T> {
        self.tensors(name).first()
    }

    /// A switch, if it is given.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.values.get(name).and_then(Value::as_bool)
    }
}

/// One call of a layer: the pass that it belongs to, the masks of its inputs, and its further arguments.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The pass.
    pub context: &'a Context,
    /// The mask of each input; fewer than inputs if the rest have none.
    pub masks: &'a [Option<Tensor>],
    /// What it is called with beside its inputs.
    pub arguments: &'a Arguments,
}

impl<'a> Call<'a> {
    /// Whether the layer is to behave as in training: the call's own argument `training` or else the pass.
    pub fn is_training(&self) -> bool {
        self.arguments.flag("training").unwrap_or(self.context.training)
    }

    /// The mask of an input: the argument `mask` for the first one, or what came with it.
    pub fn mask(&self, input: usize) -> Option<&'a Tensor> {
        let given = if input == 0 { self.arguments.tensor("mask") } else { None };
        given.or_else(|| self.masks.get(input)?.as_ref())
    }

    /// Adds a scalar to the loss of this pass.
    pub fn add_loss(&self, loss: Tensor) {
        self.context.add_loss(loss);
    }
}

/// What a layer gives: tensors, and a mask for each that has one.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// The tensors.
    pub tensors: Tensors,
    /// As many masks.
    pub masks: Masks,
}
