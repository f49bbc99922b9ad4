//! `ConvLSTM1D`, `ConvLSTM2D`, `ConvLSTM3D` and their cell: one definition over the number of spatial axes.

use std::any::Any;
use std::sync::Arc;

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_ops::nn::ConvOptions;
use cornet_ops::nn::geometry::{DataFormat, Padding};
use serde_json::{Map, Value, json};

use super::gated::lstm;
use super::gates::{Forget, Gates, Spelling, gate_arguments};
use super::recurrent::{Kind, Recurrent, cell_layer};
use super::{Cell, Prepared};
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::spatial::{Sizes, window_count};
use crate::layers::{Call, Layer, LayerBase, Tensors, Weights};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// The cell of an LSTM whose products are convolutions over `RANK` spatial axes: of the input with `kernel`, of the
/// state with `recurrent_kernel`, which keeps the sizes.
///
/// # Weights
/// `kernel` `[taps…, channels, 4 · filters]`, `recurrent_kernel` `[taps…, filters, 4 · filters]` and, with `use_bias`,
/// `bias` `[4 · filters]`.
pub struct ConvLSTMCell<const RANK: usize> {
    base: LayerBase,
    filters: usize,
    kernel_size: [usize; RANK],
    options: ConvOptions,
    gates: Gates,
}

const NAME: &str = "conv_lstm_cell";

impl<const RANK: usize> ConvLSTMCell<RANK> {
    fn new(filters: usize, kernel_size: [usize; RANK]) -> Self {
        let options = ConvOptions { strides: vec![1; RANK], dilation_rate: vec![1; RANK], ..ConvOptions::default() };
        Self { base: LayerBase::named(NAME), filters, kernel_size, options, gates: Gates::default() }
    }

    fn base_mut(&mut self) -> &mut LayerBase {
        &mut self.base
    }

    fn spelling(layer: Option<&LayerBase>) -> Spelling {
        Spelling {
            recurrent_activation: true,
            unit_forget_bias: Some(Forget::AfterInitializers),
            activity_regularizer: layer.map(LayerBase::activity_regularizer),
            reset_after: None,
            seed: true,
        }
    }

    fn arguments_in(&self, layer: Option<&LayerBase>) -> Map<String, Value> {
        let ConvOptions { strides, padding, data_format, dilation_rate } = &self.options;
        let mut config = map(json!({
            "filters": self.filters, "kernel_size": &self.kernel_size[..], "strides": strides,
            "padding": padding.to_string(), "data_format": data_format.to_string(), "dilation_rate": dilation_rate,
        }));
        config.extend(self.gates.arguments(Self::spelling(layer)));
        config
    }

    fn of_config(base: LayerBase, config: &Config<'_>) -> Result<Self> {
        let sizes = |key| Sizes::<RANK>::from_config(config, key);
        let mut cell = Self::new(config.size("filters")?, sizes("kernel_size")?.unwrap_or(Sizes([1; RANK])).0);
        cell.base = base;
        cell.gates = Gates::from_config(config, Self::spelling(None))?;
        cell.options = ConvOptions {
            strides: sizes("strides")?.unwrap_or(Sizes([1; RANK])).0.to_vec(),
            dilation_rate: sizes("dilation_rate")?.unwrap_or(Sizes([1; RANK])).0.to_vec(),
            padding: config.text("padding", "valid")?.parse()?,
            data_format: config.text("data_format", "channels_last")?.parse()?,
        };
        Ok(cell)
    }

    /// The axis of the channels, from the back.
    fn channels(&self) -> isize {
        match self.options.data_format {
            DataFormat::ChannelsLast => -1,
            DataFormat::ChannelsFirst => -1 - RANK as isize,
        }
    }

    /// The shape of states and outputs of a sample.
    fn sample_shape(&self, step: &PartialShape) -> Result<PartialShape> {
        if step.rank() != RANK + 2 {
            fail!(RankMismatch, "axes of a step: expected {}, found {}", RANK + 2, step.rank());
        }
        let is_last = self.options.data_format == DataFormat::ChannelsLast;
        let first = if is_last { 1 } else { 2 };
        let mut sizes = Vec::with_capacity(RANK + 1);
        for axis in 0..RANK {
            let reach = (self.kernel_size[axis].max(1) - 1) * self.options.dilation_rate[axis] + 1;
            let stride = self.options.strides[axis];
            sizes.push(window_count(step[first + axis], reach, stride, &self.options.padding, axis)?);
        }
        sizes.insert(if is_last { RANK } else { 0 }, Some(self.filters));
        Ok(PartialShape(sizes))
    }

    /// The convolutions of inputs `[…, spatial…]` with any number of axes before, for all gates.
    fn project(&self, x: &Tensor, call: &Call<'_>) -> Result<Tensor> {
        let shape = x.shape()?;
        let lead = shape.len().saturating_sub(RANK + 1);
        let is_sequence = lead == 2;
        let first = if is_sequence { x.slice_axis(0, 0, 1).squeeze(&[0]) } else { x.clone() };
        let masks = self.gates.masks(&self.base, self.gates.dropout, &first, 4, call)?;
        let folded = |x: &Tensor| {
            let sizes = [&[shape[..lead].iter().product()], &shape[lead..]].concat();
            if is_sequence { x.reshape(sizes) } else { x.clone() }
        };
        let kernel = self.base.read(0);
        let product = if masks.is_empty() {
            folded(x).conv(&kernel, &self.options)
        } else {
            let part = |gate: usize| kernel.slice_axis(-1, gate * self.filters, self.filters);
            let one = |(gate, mask): (usize, &Tensor)| folded(&(x * mask)).conv(&part(gate), &self.options);
            let products: Vec<Tensor> = masks.iter().enumerate().map(one).collect();
            Tensor::concat(&products.iter().collect::<Vec<_>>(), self.channels())
        };
        let product = match (self.gates.use_bias, self.options.data_format) {
            (false, _) => product,
            (true, DataFormat::ChannelsLast) => product + self.base.read(2),
            (true, DataFormat::ChannelsFirst) => {
                let wide: Vec<usize> = [4 * self.filters].into_iter().chain([1; RANK]).collect();
                product + self.base.read(2).reshape(wide)
            }
        };
        if !is_sequence {
            return Ok(product);
        }
        let found = product.shape()?;
        Ok(product.reshape([&shape[..2], &found[1..]].concat()))
    }
}

impl<const RANK: usize> Layer for ConvLSTMCell<RANK> {
    fn class_name(&self) -> &str {
        "ConvLSTMCell"
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

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        let ConvOptions { strides, dilation_rate, padding, .. } = &self.options;
        let sizes = [&self.kernel_size[..], strides, dilation_rate].concat();
        if self.filters == 0 || sizes.contains(&0) {
            fail!(InvalidArgument, "filters and sizes: expected at least 1, found 0");
        }
        if strides.iter().any(|&n| n > 1) && dilation_rate.iter().any(|&n| n > 1) {
            fail!(InvalidArgument, "strides and dilation_rate: expected one of them to be 1, found more for both");
        }
        if *padding == Padding::Causal {
            fail!(InvalidArgument, "padding: expected 'valid' or 'same', found 'causal'");
        }
        let Some(step) = inputs.first() else { fail!(InvalidArgument, "inputs: expected 1, found none") };
        if self.sample_shape(step)?.iter().any(Option::is_none) {
            fail!(InvalidArgument, "spatial sizes: expected known ones, found {step}");
        }
        let at = if self.options.data_format == DataFormat::ChannelsLast { RANK + 1 } else { 1 };
        let Some(channels) = step[at] else {
            fail!(InvalidArgument, "channels of the input: expected a known size, found {step}");
        };
        let wide = 4 * self.filters;
        let kernel: Vec<usize> = self.kernel_size.iter().copied().chain([channels, wide]).collect();
        let recurrent: Vec<usize> = self.kernel_size.iter().copied().chain([self.filters, wide]).collect();
        self.gates.build([&kernel, &recurrent, &[wide]], Some(self.filters), weights)
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        let (x, states) = super::run::one_step(inputs, 2)?;
        let prepared = self.prepare(x, call)?;
        let (output, states) = self.step(&prepared.steps, states, &prepared.constants, call)?;
        Ok(std::iter::once(output).chain(states).collect())
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let Some(step) = inputs.first() else { fail!(InvalidArgument, "inputs: expected 1, found none") };
        let sample = self.sample_shape(step)?;
        Ok(vec![PartialShape(step.iter().take(1).chain(sample.iter()).copied().collect()); 3])
    }
}

impl<const RANK: usize> Cell for ConvLSTMCell<RANK> {
    fn state_size(&self) -> Vec<usize> {
        vec![self.filters; 2]
    }

    fn state_shapes(&self, step: &PartialShape) -> Result<Vec<PartialShape>> {
        Ok(vec![self.sample_shape(step)?; 2])
    }

    fn output_shape(&self, step: &PartialShape) -> Result<PartialShape> {
        self.sample_shape(step)
    }

    fn output_is_state(&self) -> bool {
        true
    }

    fn prepare(&self, sequence: &Tensor, call: &Call<'_>) -> Result<Prepared> {
        let steps = vec![self.project(sequence, call)?];
        let mut constants = vec![self.base.read(1)];
        let rate = self.gates.recurrent_dropout;
        if call.is_training() && rate > 0.0 {
            let step = if sequence.rank()? == RANK + 3 {
                super::run::step_shape(sequence)?
            } else {
                PartialShape::from(sequence.shape()?)
            };
            if let Some(like) = self.initial_state(&step)?.first() {
                constants.extend(self.gates.masks(&self.base, rate, like, 4, call)?);
            }
        }
        Ok(Prepared { steps, constants })
    }

    fn step(
        &self,
        x: &[Tensor],
        states: &[Tensor],
        constants: &[Tensor],
        _call: &Call<'_>,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let (Some((kernel, masks)), [x], [h, carry]) = (constants.split_first(), x, states) else {
            return Err(err!(InvalidArgument, "ConvLSTMCell: expected what prepare gives and 2 states"));
        };
        let options = ConvOptions {
            strides: vec![1; RANK],
            dilation_rate: vec![1; RANK],
            padding: Padding::Same,
            data_format: self.options.data_format,
        };
        let (axis, filters) = (self.channels(), self.filters);
        let sums: [Tensor; 4] = if masks.is_empty() {
            let z = h.conv(kernel, &options) + x;
            [0, 1, 2, 3].map(|gate| z.slice_axis(axis, gate * filters, filters))
        } else {
            [0, 1, 2, 3].map(|gate| {
                let part = kernel.slice_axis(-1, gate * filters, filters);
                (h * &masks[gate]).conv(&part, &options) + x.slice_axis(axis, gate * filters, filters)
            })
        };
        let states = lstm(&self.gates, sums, carry);
        Ok((states[0].clone(), states))
    }
}

impl<const RANK: usize> Kind for ConvLSTMCell<RANK> {
    const CLASS: &'static str = ["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"][RANK - 1];
    const INPUT_RANK: Option<usize> = Some(RANK + 3);

    fn layer_arguments(cell: &dyn Cell, base: &LayerBase) -> Map<String, Value> {
        let any: &dyn Any = cell;
        any.downcast_ref::<Self>().map_or_else(Map::new, |cell| cell.arguments_in(Some(base)))
    }
}

/// An LSTM over sequences of lines, `[batch, time, length, channels]`, whose products are convolutions: see
/// [`Recurrent`].
pub type ConvLSTM1D = Recurrent<ConvLSTMCell<1>>;
/// An LSTM over sequences of images, `[batch, time, rows, columns, channels]`: see [`Recurrent`].
pub type ConvLSTM2D = Recurrent<ConvLSTMCell<2>>;
/// An LSTM over sequences of volumes: see [`Recurrent`].
pub type ConvLSTM3D = Recurrent<ConvLSTMCell<3>>;

impl<const RANK: usize> Recurrent<ConvLSTMCell<RANK>> {
    /// A layer of so many filters, whose kernels have this size: one for all axes, or one each.
    pub fn new(filters: usize, kernel_size: impl Into<Sizes<RANK>>) -> Self {
        let cell = ConvLSTMCell::<RANK>::new(filters, kernel_size.into().0);
        Self::over(LayerBase::new(ConvLSTMCell::<RANK>::CLASS), Arc::new(cell), super::recurrent::Flow::default())
    }

    cell_layer!();
    gate_arguments!();
    gate_arguments!(@recurrent_activation);
    gate_arguments!(@unit_forget_bias);

    fn open(&mut self) -> (&mut LayerBase, Option<&mut Gates>) {
        let (base, cell) = self.split_mut();
        (base, cell.map(|cell| &mut cell.gates))
    }

    fn with_options(mut self, set: impl FnOnce(&mut ConvOptions)) -> Self {
        if let Some(cell) = self.own_cell() {
            set(&mut cell.options);
        }
        self
    }

    /// With this distance between windows; by default 1.
    #[must_use]
    pub fn strides(self, strides: impl Into<Sizes<RANK>>) -> Self {
        self.with_options(|options| options.strides = strides.into().0.to_vec())
    }

    /// With this distance between the taps of the kernel; by default 1.
    #[must_use]
    pub fn dilation_rate(self, rate: impl Into<Sizes<RANK>>) -> Self {
        self.with_options(|options| options.dilation_rate = rate.into().0.to_vec())
    }

    /// With nothing around the input (`valid`, the default), or as much as keeps its size (`same`).
    #[must_use]
    pub fn padding(mut self, padding: impl Into<crate::arg::Arg<Padding>>) -> Self {
        match self.accept(padding.into()) {
            Some(padding) => self.with_options(|options| options.padding = padding),
            None => self,
        }
    }

    /// With the channels last (the default) or first.
    #[must_use]
    pub fn data_format(mut self, format: impl Into<crate::arg::Arg<DataFormat>>) -> Self {
        match self.accept(format.into()) {
            Some(format) => self.with_options(|options| options.data_format = format),
            None => self,
        }
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = LayerBase::from_config(config)?;
        let inner = LayerBase::part_of_config(NAME, config)?;
        let cell = ConvLSTMCell::<RANK>::of_config(inner, config)?;
        Ok(Self::over(base, Arc::new(cell), Self::flow_of(config)?))
    }
}
