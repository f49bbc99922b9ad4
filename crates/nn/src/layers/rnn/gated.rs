//! `SimpleRNNCell`, `LSTMCell` and `GRUCell`: one definition over the rule of a step.

use std::sync::Arc;

use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use super::gates::{Forget, Gates, Spelling, gate_arguments};
use super::recurrent::Kind;
use super::{Cell, Prepared};
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors, Weights};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// The rule of a cell: how many gates, and what one step does.
pub trait Rule: Clone + Default + Send + Sync + 'static {
    /// Keras's classes of the cell and of the layer.
    const CLASSES: [&'static str; 2];
    /// How many matrices the kernels hold side by side.
    const GATES: usize;
    /// How many states there are.
    const STATES: usize;

    #[doc(hidden)]
    fn spelling(&self, layer: Option<&LayerBase>) -> Spelling;

    #[doc(hidden)]
    fn read(&mut self, _config: &Config<'_>) -> Result<()> {
        Ok(())
    }

    /// Whether the recurrent product has a bias of its own.
    fn has_recurrent_bias(&self) -> bool {
        false
    }

    /// The new states; the first is the output.
    #[doc(hidden)]
    fn step(&self, step: &Step<'_>) -> Result<Vec<Tensor>>;
}

/// What a rule sees of a step.
pub struct Step<'a> {
    gates: &'a Gates,
    units: usize,
    /// The products of the input for all gates, side by side.
    x: &'a Tensor,
    states: &'a [Tensor],
    kernel: &'a Tensor,
    bias: Option<&'a Tensor>,
    /// A dropout mask of the state for each gate, or none.
    masks: &'a [Tensor],
}

impl Step<'_> {
    /// The gates from `first` on of a tensor that holds them side by side.
    fn part(&self, x: &Tensor, first: usize, count: usize) -> Tensor {
        x.slice_axis(-1, first * self.units, count * self.units)
    }

    /// The products of a state for the gates from `first` on, with their dropout.
    fn product(&self, state: &Tensor, first: usize, count: usize) -> Tensor {
        let all = count * self.units == self.kernel.shape().map_or(0, |s| s.last().copied().unwrap_or(0));
        let kernel = |first, count| if all { self.kernel.clone() } else { self.part(self.kernel, first, count) };
        if self.masks.is_empty() {
            return state.matmul(kernel(first, count));
        }
        let one = |gate: usize| (state * &self.masks[gate]).matmul(self.part(self.kernel, gate, 1));
        let products: Vec<Tensor> = (first..first + count).map(one).collect();
        Tensor::concat(&products.iter().collect::<Vec<_>>(), -1)
    }
}

/// `SimpleRNNCell`'s rule.
#[derive(Clone, Default)]
pub struct Simple;

impl Rule for Simple {
    const CLASSES: [&'static str; 2] = ["SimpleRNNCell", "SimpleRNN"];
    const GATES: usize = 1;
    const STATES: usize = 1;

    fn spelling(&self, layer: Option<&LayerBase>) -> Spelling {
        let activity_regularizer = layer.map(LayerBase::activity_regularizer);
        Spelling { activity_regularizer, seed: layer.is_none(), ..Spelling::default() }
    }

    fn step(&self, s: &Step<'_>) -> Result<Vec<Tensor>> {
        Ok(vec![s.gates.activation.apply(&(s.product(&s.states[0], 0, 1) + s.x))])
    }
}

/// `LSTMCell`'s rule.
#[derive(Clone, Default)]
pub struct Lstm;

impl Rule for Lstm {
    const CLASSES: [&'static str; 2] = ["LSTMCell", "LSTM"];
    const GATES: usize = 4;
    const STATES: usize = 2;

    fn spelling(&self, layer: Option<&LayerBase>) -> Spelling {
        let forget = if layer.is_some() { Forget::AfterInitializers } else { Forget::BeforeInitializers };
        Spelling {
            recurrent_activation: true,
            unit_forget_bias: Some(forget),
            activity_regularizer: layer.map(LayerBase::activity_regularizer),
            reset_after: None,
            seed: true,
        }
    }

    fn step(&self, s: &Step<'_>) -> Result<Vec<Tensor>> {
        let z = s.product(&s.states[0], 0, 4);
        // Part by part, so that the sums belong to what follows them.
        let sums = [0, 1, 2, 3].map(|gate| s.part(&z, gate, 1) + s.part(s.x, gate, 1));
        Ok(lstm(s.gates, sums, &s.states[1]))
    }
}

/// The new states of an LSTM from the sums of its gates (input, forget, candidate, output) and the carry.
pub(super) fn lstm(gates: &Gates, [i, f, c, o]: [Tensor; 4], carry: &Tensor) -> Vec<Tensor> {
    let (act, gate) = (gates.activation, gates.recurrent_activation);
    let carry = gate.apply(&f) * carry + gate.apply(&i) * act.apply(&c);
    vec![gate.apply(&o) * act.apply(&carry), carry]
}

/// `GRUCell`'s rule.
#[derive(Clone)]
pub struct Gru {
    reset_after: bool,
}

impl Default for Gru {
    fn default() -> Self {
        Self { reset_after: true }
    }
}

impl Rule for Gru {
    const CLASSES: [&'static str; 2] = ["GRUCell", "GRU"];
    const GATES: usize = 3;
    const STATES: usize = 1;

    fn spelling(&self, layer: Option<&LayerBase>) -> Spelling {
        Spelling {
            recurrent_activation: true,
            unit_forget_bias: None,
            activity_regularizer: layer.map(LayerBase::activity_regularizer),
            reset_after: Some(self.reset_after),
            seed: true,
        }
    }

    fn read(&mut self, config: &Config<'_>) -> Result<()> {
        self.reset_after = config.flag("reset_after", true)?;
        Ok(())
    }

    fn has_recurrent_bias(&self) -> bool {
        self.reset_after
    }

    fn step(&self, s: &Step<'_>) -> Result<Vec<Tensor>> {
        let (act, gate, h) = (s.gates.activation, s.gates.recurrent_activation, &s.states[0]);
        let x = |gate| s.part(s.x, gate, 1);
        let count = if self.reset_after { 3 } else { 2 };
        let inner = s.product(h, 0, count);
        let inner = match s.bias {
            Some(bias) => inner + bias,
            None => inner,
        };
        let z = gate.apply(&(x(0) + s.part(&inner, 0, 1)));
        let r = gate.apply(&(x(1) + s.part(&inner, 1, 1)));
        let candidate = if self.reset_after { r * s.part(&inner, 2, 1) } else { s.product(&(r * h), 2, 1) };
        let candidate = act.apply(&(x(2) + candidate));
        Ok(vec![&z * h + (1.0 - &z) * candidate])
    }
}

/// A recurrent cell whose gates are sums of an input's and a state's product.
///
/// * `SimpleRNNCell`: `h' = activation(x · kernel + h · recurrent_kernel + bias)`.
/// * `LSTMCell`: with `i`, `f`, `o` the `recurrent_activation` and `g` the `activation` of such sums,
///   `c' = f · c + i · g`, `h' = o · activation(c')`. The states are `h` and `c`.
/// * `GRUCell`: `h' = z · h + (1 - z) · activation(…)`, where the reset gate acts after the product with the recurrent
///   kernel (`reset_after`, the default, with a bias of its own), or before it.
///
/// # Shapes
/// `x`: `[batch, features]`, each state `[batch, units]`; the output `[batch, units]`, followed by the new states.
/// # Weights
/// `kernel` `[features, gates · units]`, `recurrent_kernel` `[units, gates · units]` and, with `use_bias`, `bias`
/// `[gates · units]`, or `[2, 3 · units]` for a GRU with `reset_after`. The gates are in Keras's order: input, forget,
/// candidate, output; update, reset, candidate.
/// # Errors
/// `dim_mismatch` when the features are not the built ones; `invalid_argument` for 0 units or missing states.
/// # Source
/// Keras 3 `keras.layers.SimpleRNNCell`, `LSTMCell`, `GRUCell`.
pub struct GatedCell<R: Rule> {
    base: LayerBase,
    units: usize,
    gates: Gates,
    rule: R,
}

/// The cell of `SimpleRNN`: see `GatedCell`.
pub type SimpleRNNCell = GatedCell<Simple>;
/// The cell of `LSTM`, with a carry that forgets and remembers: see `GatedCell`.
pub type LSTMCell = GatedCell<Lstm>;
/// The cell of `GRU`, with gates that update and reset its state: see `GatedCell`.
pub type GRUCell = GatedCell<Gru>;

impl<R: Rule> GatedCell<R> {
    /// A cell of so many units.
    pub fn new(units: usize) -> Self {
        let base = LayerBase::new(R::CLASSES[0]);
        Self { base, units, gates: Gates::default(), rule: R::default() }
    }

    /// The cell inside a layer, which has Keras's fixed name.
    pub(super) fn inner(units: usize) -> Self {
        let base = LayerBase::named(cornet_format_keras::snake_case(R::CLASSES[0]));
        Self { base, units, gates: Gates::default(), rule: R::default() }
    }

    common_arguments!();
    gate_arguments!();

    pub(super) fn open(&mut self) -> (&mut LayerBase, Option<&mut Gates>) {
        (&mut self.base, Some(&mut self.gates))
    }

    pub(super) fn base_mut(&mut self) -> &mut LayerBase {
        &mut self.base
    }

    pub(super) fn rule_mut(&mut self) -> &mut R {
        &mut self.rule
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        Self::of_config(LayerBase::from_config(config)?, config)
    }

    pub(super) fn of_config(base: LayerBase, config: &Config<'_>) -> Result<Self> {
        let mut rule = R::default();
        rule.read(config)?;
        let gates = Gates::from_config(config, rule.spelling(None))?;
        Ok(Self { base, units: config.size("units")?, gates, rule })
    }

    fn arguments_in(&self, layer: Option<&LayerBase>) -> Map<String, Value> {
        let mut config = map(json!({"units": self.units}));
        config.extend(self.gates.arguments(self.rule.spelling(layer)));
        config
    }

    /// The products of inputs with the kernel, of a step or of a whole sequence.
    fn project(&self, x: &Tensor, call: &Call<'_>) -> Result<Tensor> {
        let (gates, kernel) = (&self.gates, self.base.read(0));
        // A mask is the same in every step: that of the first one.
        let first = if x.rank()? == 3 { x.slice_axis(0, 0, 1).squeeze(&[0]) } else { x.clone() };
        let masks = gates.masks(&self.base, gates.dropout, &first, gates.mask_count(R::GATES), call)?;
        let product = match &masks[..] {
            [] => x.matmul(kernel),
            [mask] if R::GATES == 1 || gates.mask_count(R::GATES) == 1 => (x * mask).matmul(kernel),
            masks => {
                let part = |gate: usize| kernel.slice_axis(-1, gate * self.units, self.units);
                let products: Vec<Tensor> =
                    masks.iter().enumerate().map(|(gate, mask)| (x * mask).matmul(part(gate))).collect();
                Tensor::concat(&products.iter().collect::<Vec<_>>(), -1)
            }
        };
        Ok(match (gates.use_bias, self.rule.has_recurrent_bias()) {
            (false, _) => product,
            (true, false) => product + self.base.read(2),
            (true, true) => product + self.base.read(2).slice_axis(0, 0, 1).squeeze(&[0]),
        })
    }
}

impl GatedCell<Lstm> {
    gate_arguments!(@recurrent_activation);
    gate_arguments!(@unit_forget_bias);
}

impl GatedCell<Gru> {
    gate_arguments!(@recurrent_activation);

    /// With a reset gate that acts after the product with the recurrent kernel (the default), or before it.
    #[must_use]
    pub fn reset_after(mut self, reset_after: bool) -> Self {
        self.rule.reset_after = reset_after;
        self
    }
}

impl Gru {
    pub(super) fn set_reset_after(&mut self, reset_after: bool) {
        self.reset_after = reset_after;
    }
}

impl<R: Rule> Layer for GatedCell<R> {
    fn class_name(&self) -> &str {
        R::CLASSES[0]
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn as_cell(self: Arc<Self>) -> Option<Arc<dyn Cell>> {
        Some(self)
    }

    fn arguments(&self) -> Map<String, Value> {
        self.arguments_in(None)
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build_config(&self) -> Option<Value> {
        self.base.build_shapes().first().map(|shape| json!({"input_shape": shape.to_json()}))
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        if self.units == 0 {
            fail!(InvalidArgument, "units: expected at least 1, found 0");
        }
        let Some(input) = inputs.first() else { fail!(InvalidArgument, "inputs: expected at least 1, found none") };
        let (features, wide) = (input.last_size()?, R::GATES * self.units);
        let bias = if self.rule.has_recurrent_bias() { vec![2, wide] } else { vec![wide] };
        let forget = self.rule.spelling(None).unit_forget_bias.map(|_| self.units);
        self.gates.build([&[features, wide], &[self.units, wide], &bias], forget, weights)
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        let (x, states) = super::run::one_step(inputs, R::STATES)?;
        let prepared = self.prepare(x, call)?;
        let (output, states) = self.step(&prepared.steps, states, &prepared.constants, call)?;
        Ok(std::iter::once(output).chain(states).collect())
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let batch = inputs.first().and_then(|x| x.first().copied()).flatten();
        Ok(vec![PartialShape(vec![batch, Some(self.units)]); R::STATES + 1])
    }
}

impl<R: Rule> Cell for GatedCell<R> {
    fn state_size(&self) -> Vec<usize> {
        vec![self.units; R::STATES]
    }

    fn output_is_state(&self) -> bool {
        true
    }

    fn prepare(&self, sequence: &Tensor, call: &Call<'_>) -> Result<Prepared> {
        let steps = vec![self.project(sequence, call)?];
        let shape = sequence.shape()?;
        let batch = shape[shape.rank().saturating_sub(2)];
        let mut constants = vec![self.base.read(1)];
        if self.gates.use_bias && self.rule.has_recurrent_bias() {
            constants.push(self.base.read(2).slice_axis(0, 1, 1).squeeze(&[0]));
        }
        let like = Tensor::zeros([batch, self.units], self.base.policy().compute_dtype());
        let rate = self.gates.recurrent_dropout;
        constants.extend(self.gates.masks(&self.base, rate, &like, R::GATES, call)?);
        Ok(Prepared { steps, constants })
    }

    fn step(
        &self,
        x: &[Tensor],
        states: &[Tensor],
        constants: &[Tensor],
        _call: &Call<'_>,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let has_bias = self.gates.use_bias && self.rule.has_recurrent_bias();
        let (Some((kernel, rest)), [x], true) = (constants.split_first(), x, states.len() == R::STATES) else {
            fail!(InvalidArgument, "{}: expected what prepare gives and {} states", R::CLASSES[0], R::STATES);
        };
        let (bias, masks) = if has_bias { (rest.first(), rest.get(1..).unwrap_or(&[])) } else { (None, rest) };
        let step = Step { gates: &self.gates, units: self.units, x, states, kernel, bias, masks };
        let states = self.rule.step(&step)?;
        match states.first() {
            Some(output) => Ok((output.clone(), states)),
            None => fail!(Internal, "a cell without states"),
        }
    }
}

impl<R: Rule> Kind for GatedCell<R> {
    const CLASS: &'static str = R::CLASSES[1];
    const INPUT_RANK: Option<usize> = Some(3);

    fn layer_arguments(cell: &dyn Cell, base: &LayerBase) -> Map<String, Value> {
        let any: &dyn std::any::Any = cell;
        any.downcast_ref::<Self>().map_or_else(Map::new, |cell| cell.arguments_in(Some(base)))
    }
}
