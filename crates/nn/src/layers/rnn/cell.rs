//! What a recurrent layer repeats for every step of a sequence.

use std::sync::Arc;

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use smallvec::SmallVec;

use super::StackedRNNCells;
use crate::layers::{Call, Layer};
use crate::shape::PartialShape;

/// What a cell makes of a whole sequence before its steps, so that no step repeats it.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    /// Tensors `[time, …]` of which each step sees its slice.
    pub steps: Vec<Tensor>,
    /// Tensors that every step sees whole, such as recurrent kernels and dropout masks.
    pub constants: Vec<Tensor>,
}

/// One step of a recurrent layer: a layer from an input `[batch, …]` and states to an output and the next states.
///
/// A cell of one's own is a [`Layer`] whose `call` takes the input and the states and returns the output and the new
/// states, with [`Layer::as_cell`] answering `Some(self)`, and the sizes of its states here. The other methods have
/// defaults; `prepare` and `step` divide the work into what is done once for all steps and what is done in each.
///
/// A cell may assign its variables. A loop of a graph cannot, so the steps of such a cell become part of the graph one by
/// one, as with `unroll(true)`: for long sequences that takes time and memory, which a further state does not.
///
/// # Source
/// Keras 3: what `keras.layers.RNN` expects of a cell.
pub trait Cell: Layer {
    /// The size of each state of a sample.
    fn state_size(&self) -> Vec<usize>;

    /// The size of the output of a sample.
    fn output_size(&self) -> usize {
        self.state_size().first().copied().unwrap_or_default()
    }

    /// The shapes of the states of a sample, for step inputs of this shape, the batch first.
    ///
    /// # Errors
    /// What does not fit.
    fn state_shapes(&self, _step: &PartialShape) -> Result<Vec<PartialShape>> {
        Ok(self.state_size().into_iter().map(|size| PartialShape(vec![Some(size)])).collect())
    }

    /// The shape of the output of a sample, for step inputs of this shape.
    ///
    /// # Errors
    /// What does not fit.
    fn output_shape(&self, _step: &PartialShape) -> Result<PartialShape> {
        Ok(PartialShape(vec![Some(self.output_size())]))
    }

    /// The states before the first step, for step inputs of this shape: zeros, unless a cell knows better.
    ///
    /// # Errors
    /// What does not fit.
    fn initial_state(&self, step: &PartialShape) -> Result<Vec<Tensor>> {
        let batch = step.first().copied().flatten();
        let dtype = self.base().policy().compute_dtype();
        let zeros = |shape: PartialShape| {
            let sizes = std::iter::once(batch).chain(shape.iter().copied()).collect::<Option<Vec<usize>>>();
            let sizes = sizes.ok_or_else(|| err!(InvalidArgument, "states: expected known sizes, found {shape}"))?;
            Ok(Tensor::zeros(sizes, dtype))
        };
        self.state_shapes(step)?.into_iter().map(zeros).collect()
    }

    /// Whether the first new state is the output, and every state begins with zeros.
    fn output_is_state(&self) -> bool {
        false
    }

    /// What can be done for all steps at once, of a sequence `[time, batch, …]`.
    ///
    /// # Errors
    /// What does not fit.
    fn prepare(&self, sequence: &Tensor, _call: &Call<'_>) -> Result<Prepared> {
        Ok(Prepared { steps: vec![sequence.clone()], constants: Vec::new() })
    }

    /// Output and new states, from the slices of [`Prepared::steps`], the states, and [`Prepared::constants`].
    ///
    /// # Errors
    /// What does not fit.
    fn step(
        &self,
        x: &[Tensor],
        states: &[Tensor],
        _constants: &[Tensor],
        call: &Call<'_>,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let inputs: SmallVec<[Tensor; 4]> = x.iter().chain(states).cloned().collect();
        let mut found = self.call(&inputs, call)?.into_iter();
        match found.next() {
            Some(output) if found.len() == states.len() => Ok((output, found.collect())),
            first => {
                let (expected, found) = (states.len() + 1, found.len() + usize::from(first.is_some()));
                Err(err!(InvalidArgument, "results of a cell: expected output and states, {expected}, found {found}"))
            }
        }
    }

    /// The cells of a stack, which run one after the other over the whole sequence.
    fn stack(&self) -> Option<&[Arc<dyn Cell>]> {
        None
    }
}

/// A cell: one, one that is shared, or a list of them that becomes a stack.
pub trait IntoCell {
    /// The cell.
    fn into_cell(self) -> Arc<dyn Cell>;
}

impl<C: Cell> IntoCell for C {
    fn into_cell(self) -> Arc<dyn Cell> {
        Arc::new(self)
    }
}

impl<C: Cell> IntoCell for Arc<C> {
    fn into_cell(self) -> Arc<dyn Cell> {
        self
    }
}

impl IntoCell for Arc<dyn Cell> {
    fn into_cell(self) -> Arc<dyn Cell> {
        self
    }
}

impl<C: IntoCell> IntoCell for Vec<C> {
    fn into_cell(self) -> Arc<dyn Cell> {
        Arc::new(StackedRNNCells::new(self))
    }
}

impl<C: IntoCell, const N: usize> IntoCell for [C; N] {
    fn into_cell(self) -> Arc<dyn Cell> {
        Arc::new(StackedRNNCells::new(self))
    }
}
