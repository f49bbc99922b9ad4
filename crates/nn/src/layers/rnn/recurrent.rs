//! `RNN`, `SimpleRNN`, `LSTM`, `GRU`: one layer over its cell.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use cornet_error::{Result, err, fail};
use cornet_ops::{Tensor, Variable};
use cornet_tensor::Array;
use serde_json::{Map, Value, json};
use smallvec::{SmallVec, smallvec};

use super::gated::{GatedCell, Gru, Lstm, Rule, Simple};
use super::gates::{Gates, gate_arguments};
use super::run::{Course, run, step_shape};
use super::stacked::cell_from_json;
use super::{Cell, IntoCell};
use crate::activations::Activation;
use crate::arg::{Arg, Choice, unknown};
use crate::constraints::Constraint;
use crate::dtype_policy::DTypePolicy;
use crate::initializers::Initializer;
use crate::layers::{Call, Layer, LayerBase, Masks, Tensors, Weights, build, layer_to_json};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// A layer that is made of a cell: its class, and the arguments that are the cell's.
pub trait Kind: 'static {
    /// Keras's class of the layer.
    const CLASS: &'static str;

    /// The number of axes of a sequence, if it is fixed.
    const INPUT_RANK: Option<usize> = None;

    /// The arguments in the layer's config that follow those of every recurrent layer.
    fn layer_arguments(cell: &dyn Cell, base: &LayerBase) -> Map<String, Value>;
}

impl Kind for dyn Cell {
    const CLASS: &'static str = "RNN";

    fn layer_arguments(cell: &dyn Cell, _base: &LayerBase) -> Map<String, Value> {
        [("cell".to_owned(), layer_to_json(cell))].into_iter().collect()
    }
}

/// The arguments of every recurrent layer.
#[derive(Clone, Copy, Default)]
pub(super) struct Flow {
    return_sequences: bool,
    return_state: bool,
    go_backwards: bool,
    stateful: bool,
    unroll: bool,
    zero_output_for_mask: bool,
}

impl Flow {
    fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            return_sequences: config.flag("return_sequences", false)?,
            return_state: config.flag("return_state", false)?,
            go_backwards: config.flag("go_backwards", false)?,
            stateful: config.flag("stateful", false)?,
            unroll: config.flag("unroll", false)?,
            zero_output_for_mask: config.flag("zero_output_for_mask", false)?,
        })
    }

    fn arguments(self) -> Map<String, Value> {
        map(json!({
            "return_sequences": self.return_sequences, "return_state": self.return_state,
            "go_backwards": self.go_backwards, "stateful": self.stateful, "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
        }))
    }
}

/// A cell repeated over the steps of a sequence: `RNN` over any cell, `SimpleRNN`, `LSTM`, `GRU` and the `ConvLSTM`s
/// over their own.
///
/// The input's products of all steps are one product before the loop; the loop is one op of a traced function, whose
/// backward pass sums each weight's gradient in one product over all steps.
///
/// # Shapes
/// `x`: `[batch, time, …]`, at least three axes; then initial states, as further inputs or as the call's argument
/// `initial_state`. The output of the last step, `[batch, units]`, or with `return_sequences` of all steps,
/// `[batch, time, units]`; with `return_state` followed by the last states. `go_backwards` gives the outputs in the
/// order in which they come, the last step's first.
/// # Masks
/// `[batch, time]`. Where a step is masked, the states stay, and the output is the one before it, or 0 with
/// `zero_output_for_mask`. The mask goes on with the output if `return_sequences`.
/// # States
/// With `stateful` the states stay in variables, for the next batch to begin with; [`Layer::reset_state`] sets them to
/// 0. They are made by the build where the batch size is known, otherwise by the first call.
/// # Weights
/// Those of the cell.
/// # Errors
/// `rank_mismatch`; `dim_mismatch` for a sequence without steps, or features that are not the built ones;
/// `invalid_argument` for another number of states; `shape_mismatch` for a stateful layer and a batch of another size.
/// # Source
/// Keras 3 `keras.layers.RNN`, `SimpleRNN`, `LSTM`, `GRU`.
pub struct Recurrent<C: Kind + ?Sized> {
    pub(super) base: LayerBase,
    pub(super) cell: Arc<dyn Cell>,
    flow: Flow,
    states: OnceLock<Vec<Variable>>,
    kind: PhantomData<fn() -> Box<C>>,
}

/// A recurrent layer over any cell, or a list of cells one above the other: see [`Recurrent`].
///
/// ```
/// use cornet_nn::layers::{Context, LSTMCell, RNN, apply};
/// use cornet_ops::Tensor;
/// use cornet_tensor::DType;
/// let layer = RNN::new([LSTMCell::new(8), LSTMCell::new(4)]).return_sequences(true);
/// let y = apply(&layer, &[Tensor::ones([2, 5, 3], DType::F32)], &Context::inference())?;
/// assert_eq!(y[0].shape()?[..], [2, 5, 4]);
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub type RNN = Recurrent<dyn Cell>;
/// A recurrent layer whose state is its last output: see [`Recurrent`].
pub type SimpleRNN = Recurrent<GatedCell<Simple>>;
/// Long short-term memory: see [`Recurrent`] and the cell [`LSTMCell`](super::LSTMCell).
pub type LSTM = Recurrent<GatedCell<Lstm>>;
/// Gated recurrent units: see [`Recurrent`] and the cell [`GRUCell`](super::GRUCell).
pub type GRU = Recurrent<GatedCell<Gru>>;

/// What `use_cudnn` may be; there is no cuDNN here, so that it changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UseCudnn {
    /// Where it can be used.
    #[default]
    Auto,
    /// Wherever it runs, it must be used.
    Yes,
    /// Never.
    No,
}

impl Choice for UseCudnn {
    fn parse(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            _ => Err(unknown("use_cudnn", name, &["auto", "true", "false"])),
        }
    }
}

impl From<bool> for Arg<UseCudnn> {
    fn from(yes: bool) -> Self {
        Self(Ok(if yes { UseCudnn::Yes } else { UseCudnn::No }))
    }
}

impl<C: Kind + ?Sized> Recurrent<C> {
    pub(super) fn over(base: LayerBase, cell: Arc<dyn Cell>, flow: Flow) -> Self {
        Self { base, cell, flow, states: OnceLock::new(), kind: PhantomData }
    }

    pub(super) fn flow_of(config: &Config<'_>) -> Result<Flow> {
        Flow::from_config(config)
    }

    /// With this name instead of an automatic one.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.base.set_name(name);
        self
    }

    /// With the outputs of all steps instead of the last one's.
    #[must_use]
    pub fn return_sequences(mut self, yes: bool) -> Self {
        self.flow.return_sequences = yes;
        self
    }

    /// With the last states after the output.
    #[must_use]
    pub fn return_state(mut self, yes: bool) -> Self {
        self.flow.return_state = yes;
        self
    }

    /// With the last step first; outputs come in that order too.
    #[must_use]
    pub fn go_backwards(mut self, yes: bool) -> Self {
        self.flow.go_backwards = yes;
        self
    }

    /// With states that stay from batch to batch.
    #[must_use]
    pub fn stateful(mut self, yes: bool) -> Self {
        self.flow.stateful = yes;
        self
    }

    /// With every step part of the graph instead of a loop: for short sequences.
    #[must_use]
    pub fn unroll(mut self, yes: bool) -> Self {
        self.flow.unroll = yes;
        self
    }

    /// With zeros for masked steps, instead of the output before them.
    #[must_use]
    pub fn zero_output_for_mask(mut self, yes: bool) -> Self {
        self.flow.zero_output_for_mask = yes;
        self
    }

    /// With this penalty on the outputs.
    #[must_use]
    pub fn activity_regularizer(mut self, regularizer: impl Into<Arg<Regularizer>>) -> Self {
        self.base.set_activity_regularizer(regularizer.into());
        self
    }

    /// The cell.
    pub fn cell(&self) -> &Arc<dyn Cell> {
        &self.cell
    }

    /// The states that stay from batch to batch; none unless `stateful` and made.
    pub fn states(&self) -> &[Variable] {
        self.states.get().map_or(&[], Vec::as_slice)
    }

    /// The variables of the states, made for steps of this shape if there are none yet.
    fn kept_states(&self, step: &PartialShape) -> Result<&[Variable]> {
        if self.states.get().is_none() {
            let dtype = self.base.policy().variable_dtype();
            let batch = step.first().copied().flatten();
            let name = format!("{}/rnn_state", self.base.path().unwrap_or(self.base.name()));
            let variable = |shape: PartialShape| {
                let sizes: Option<Vec<usize>> = std::iter::once(batch).chain(shape.iter().copied()).collect();
                let sizes =
                    sizes.ok_or_else(|| err!(InvalidArgument, "states: expected known sizes, found {shape}"))?;
                Variable::non_trainable(name.clone(), Array::zeros(dtype, &sizes[..]))
            };
            let made = self.cell.state_shapes(step)?.into_iter().map(variable).collect::<Result<Vec<_>>>()?;
            // A layer that two threads call first at once keeps what the first one made.
            let _ = self.states.set(made);
        }
        let states = self.states();
        let found = step.first().copied().flatten();
        if let Some(expected) = states.first().and_then(|s| s.shape().first().copied())
            && found.is_some_and(|found| found != expected)
        {
            return Err(err!(
                ShapeMismatch,
                "batch of a stateful layer: expected {expected}, found {}",
                found.unwrap_or_default()
            )
            .help("its states belong to the samples of the batch before: feed batches of one size, unshuffled"));
        }
        Ok(states)
    }

    /// The states to begin with: what the call gives, what stayed, or the cell's own; and whether these it is.
    fn first_states(&self, given: &[Tensor], step: &PartialShape) -> Result<(Vec<Tensor>, bool)> {
        let dtype = self.cell.base().policy().compute_dtype();
        let shapes = self.cell.state_shapes(step)?;
        let batch = step.first().copied().flatten();
        if given.is_empty() {
            return match self.flow.stateful {
                true => Ok((self.kept_states(step)?.iter().map(|v| v.read().cast(dtype)).collect(), false)),
                false => Ok((self.cell.initial_state(step)?, true)),
            };
        }
        if given.len() != shapes.len() {
            fail!(InvalidArgument, "initial_state: expected {} tensors, found {}", shapes.len(), given.len());
        }
        for (i, (state, shape)) in given.iter().zip(&shapes).enumerate() {
            let expected = PartialShape(std::iter::once(batch).chain(shape.iter().copied()).collect());
            let found = state.shape()?;
            if !expected.admits(&found) {
                fail!(ShapeMismatch, "initial_state {i}: expected {expected}, found {found}");
            }
        }
        Ok((given.iter().map(|state| state.cast(dtype)).collect(), false))
    }

    fn check_rank(&self, rank: usize) -> Result<()> {
        match C::INPUT_RANK {
            Some(expected) if rank != expected => {
                fail!(RankMismatch, "axes of the sequences: expected {expected}, found {rank}")
            }
            None if rank < 3 => fail!(RankMismatch, "axes of the sequences: expected at least 3, found {rank}"),
            _ => Ok(()),
        }
    }

    fn step_of(sequences: &PartialShape) -> PartialShape {
        PartialShape(sequences.iter().take(1).chain(sequences.iter().skip(2)).copied().collect())
    }
}

/// Exchanges the first two axes.
fn swapped(x: &Tensor) -> Result<Tensor> {
    let axes: Vec<isize> = [1, 0].into_iter().chain(2..x.rank()? as isize).collect();
    Ok(x.transpose(&axes))
}

impl Recurrent<dyn Cell> {
    /// The layer over a cell, or over a list of cells one above the other.
    pub fn new(cell: impl IntoCell) -> Self {
        Self::over(LayerBase::new("RNN"), cell.into_cell(), Flow::default())
    }

    /// With this dtype or policy: `float32` (the default), `mixed_bfloat16`, … The cell keeps its own.
    #[must_use]
    pub fn dtype(mut self, policy: impl Into<Arg<DTypePolicy>>) -> Self {
        self.base.set_policy(policy.into());
        self
    }

    /// Frozen, so that training leaves the weights as they are, or not.
    #[must_use]
    pub fn trainable(self, trainable: bool) -> Self {
        self.base.set_trainable(trainable);
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let cell = cell_from_json(config.get("cell"))?;
        Ok(Self::over(LayerBase::from_config(config)?, cell, Flow::from_config(config)?))
    }
}

/// The builder methods that a layer and its own cell share.
macro_rules! cell_layer {
    () => {
        /// With this dtype or policy: `float32` (the default), `mixed_bfloat16`, …
        #[must_use]
        pub fn dtype(mut self, policy: impl Into<crate::arg::Arg<crate::dtype_policy::DTypePolicy>>) -> Self {
            if let Some(policy) = self.base.accept(policy.into()) {
                if let Some(cell) = self.own_cell() {
                    cell.base_mut().set_policy(policy.clone().into());
                }
                self.base.set_policy(policy.into());
            }
            self
        }

        /// Frozen, so that training leaves the weights as they are, or not.
        #[must_use]
        pub fn trainable(self, trainable: bool) -> Self {
            self.base.set_trainable(trainable);
            self.cell.base().set_trainable(trainable);
            self
        }
    };
}
pub(super) use cell_layer;

impl<C: Kind + Cell> Recurrent<C> {
    /// The base, and the cell, which nothing else holds while the layer is being made.
    pub(super) fn split_mut(&mut self) -> (&mut LayerBase, Option<&mut C>) {
        let Self { base, cell, .. } = self;
        let cell = Arc::get_mut(cell).and_then(|cell| (cell as &mut dyn Any).downcast_mut::<C>());
        if cell.is_none() {
            base.refuse(err!(InvalidState, "arguments: the cell is in use elsewhere already"));
        }
        (base, cell)
    }

    pub(super) fn own_cell(&mut self) -> Option<&mut C> {
        self.split_mut().1
    }

    pub(super) fn accept<T>(&mut self, argument: Arg<T>) -> Option<T> {
        self.base.accept(argument)
    }
}

impl<R: Rule> Recurrent<GatedCell<R>> {
    /// A layer of so many units.
    pub fn new(units: usize) -> Self {
        Self::over(LayerBase::new(R::CLASSES[1]), Arc::new(GatedCell::<R>::inner(units)), Flow::default())
    }

    cell_layer!();
    gate_arguments!();

    fn open(&mut self) -> (&mut LayerBase, Option<&mut Gates>) {
        let (base, cell) = self.split_mut();
        (base, cell.and_then(|cell| cell.open().1))
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = LayerBase::from_config(config)?;
        let name = cornet_format_keras::snake_case(R::CLASSES[0]);
        let inner = LayerBase::part_of_config(name, config)?;
        Ok(Self::over(base, Arc::new(GatedCell::<R>::of_config(inner, config)?), Flow::from_config(config)?))
    }
}

impl LSTM {
    gate_arguments!(@recurrent_activation);
    gate_arguments!(@unit_forget_bias);
}

impl GRU {
    gate_arguments!(@recurrent_activation);

    /// With a reset gate that acts after the product with the recurrent kernel (the default), or before it.
    #[must_use]
    pub fn reset_after(mut self, reset_after: bool) -> Self {
        if let Some(cell) = self.own_cell() {
            cell.rule_mut().set_reset_after(reset_after);
        }
        self
    }
}

macro_rules! cudnn {
    ($($class:ident)+) => {$(
        impl $class {
            /// Keras's `use_cudnn`, for programs that set it; it changes nothing.
            #[must_use]
            pub fn use_cudnn(mut self, choice: impl Into<Arg<UseCudnn>>) -> Self {
                self.base.accept(choice.into());
                self
            }
        }
    )+};
}

cudnn!(LSTM GRU);

impl<C: Kind + ?Sized> Layer for Recurrent<C> {
    fn class_name(&self) -> &str {
        C::CLASS
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut config = self.flow.arguments();
        config.extend(C::layer_arguments(&*self.cell, &self.base));
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build_config(&self) -> Option<Value> {
        self.base.build_shapes().first().map(|shape| json!({"input_shape": shape.to_json()}))
    }

    fn rest_argument(&self) -> Option<&'static str> {
        Some("initial_state")
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        let Some(sequences) = inputs.first() else {
            fail!(InvalidArgument, "inputs: expected sequences, found none");
        };
        self.check_rank(sequences.rank())?;
        let step = Self::step_of(sequences);
        build(&*self.cell, std::slice::from_ref(&step), weights.path(), weights.seeds())?;
        if self.flow.stateful && sequences[0].is_some() {
            self.kept_states(&step)?;
        }
        Ok(())
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        let Some((sequences, given)) = inputs.split_first() else {
            fail!(InvalidArgument, "inputs: expected sequences, found none");
        };
        self.check_rank(sequences.rank()?)?;
        let sequence = swapped(sequences)?;
        let mask = match call.mask(0) {
            Some(mask) => {
                let (expected, found) = (sequences.shape()?, mask.shape()?);
                if found.len() < 2 || found[..2] != expected[..2] {
                    fail!(ShapeMismatch, "mask: expected ({}, {}), found {found}", expected[0], expected[1]);
                }
                Some(swapped(mask)?)
            }
            None => None,
        };
        let given = if given.is_empty() { call.arguments.tensors("initial_state") } else { given };
        let (states, fresh) = self.first_states(given, &step_shape(&sequence)?)?;
        let flow = self.flow;
        let course = Course {
            all: flow.return_sequences,
            reverse: flow.go_backwards,
            unroll: flow.unroll,
            zero_output_for_mask: flow.zero_output_for_mask,
            fresh,
        };
        let found = run(&*self.cell, &sequence, mask.as_ref(), states, course, call)?;
        if flow.stateful {
            for (variable, state) in self.kept_states(&step_shape(&sequence)?)?.iter().zip(&found.states) {
                variable.assign(&state.cast(variable.dtype()))?;
            }
        }
        let dtype = self.base.policy().compute_dtype();
        let output = match (flow.return_sequences, found.all) {
            (true, Some(all)) if flow.go_backwards => swapped(&all.flip(&[0]))?,
            (true, Some(all)) => swapped(&all)?,
            _ => found.last,
        };
        let mut outputs: SmallVec<[Tensor; 1]> = smallvec![output.cast(dtype)];
        if flow.return_state {
            outputs.extend(found.states.iter().map(|state| state.cast(dtype)));
        }
        Ok(outputs)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn compute_mask(&self, _inputs: &[Tensor], call: &Call<'_>) -> Result<Masks> {
        Ok(smallvec![if self.flow.return_sequences { call.mask(0).cloned() } else { None }])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let Some(sequences) = inputs.first() else {
            fail!(InvalidArgument, "inputs: expected sequences, found none");
        };
        self.check_rank(sequences.rank())?;
        let (batch, time, step) = (sequences[0], sequences[1], Self::step_of(sequences));
        let under = |lead: &[Option<usize>], shape: PartialShape| PartialShape([lead, &shape.0].concat());
        let lead: &[Option<usize>] = if self.flow.return_sequences { &[batch, time] } else { &[batch] };
        let mut shapes = vec![under(lead, self.cell.output_shape(&step)?)];
        if self.flow.return_state {
            shapes.extend(self.cell.state_shapes(&step)?.into_iter().map(|shape| under(&[batch], shape)));
        }
        Ok(shapes)
    }

    fn parts(&self) -> Vec<(String, Arc<dyn Layer>)> {
        vec![("cell".into(), self.cell.clone())]
    }

    fn reset_state(&self) -> Result<()> {
        self.states().iter().try_for_each(|v| v.set(Array::zeros(v.dtype(), v.shape())))
    }
}
