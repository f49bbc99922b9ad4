//! What the families of convolutions have in common: their options in configs, and the axes of their inputs.

use cornet_error::{Result, err, fail};
use cornet_ops::nn::ConvOptions;
use cornet_ops::nn::geometry::{DataFormat, Padding};
use serde_json::{Map, Value, json};

use crate::layers::InputSpec;
use crate::layers::spatial::{Sizes, window_count};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Strides and dilation 1, nothing around the input, channels last.
pub(super) fn options<const RANK: usize>() -> ConvOptions {
    ConvOptions { strides: vec![1; RANK], dilation_rate: vec![1; RANK], ..ConvOptions::default() }
}

/// The size of the kernel and the options of a config.
pub(super) fn from_config<const RANK: usize>(config: &Config<'_>) -> Result<([usize; RANK], ConvOptions)> {
    let sizes = |key| Ok(Sizes::from_config(config, key)?.unwrap_or(Sizes([1; RANK])).0);
    let kernel_size = sizes("kernel_size")?;
    let options = ConvOptions {
        strides: sizes("strides")?.to_vec(),
        dilation_rate: sizes("dilation_rate")?.to_vec(),
        padding: config.text("padding", "valid")?.parse()?,
        data_format: config.text("data_format", "channels_last")?.parse()?,
    };
    Ok((kernel_size, options))
}

/// `kernel_size`, `strides`, `padding`, then what `between` has, `data_format` and `dilation_rate`.
pub(super) fn arguments(kernel_size: &[usize], options: &ConvOptions, between: Value) -> Map<String, Value> {
    let ConvOptions { strides, padding, data_format, dilation_rate } = options;
    let mut config = map(json!({"kernel_size": kernel_size, "strides": strides, "padding": padding.to_string()}));
    config.extend(map(between));
    config.insert("data_format".into(), data_format.to_string().into());
    config.insert("dilation_rate".into(), json!(dilation_rate));
    config
}

/// The axis of the channels, from the back: 1 is the last.
pub(super) fn channels_from_back(options: &ConvOptions) -> usize {
    match options.data_format {
        DataFormat::ChannelsLast => 1,
        DataFormat::ChannelsFirst => options.strides.len() + 1,
    }
}

/// The channels of an input that a convolution over so many axes is built for.
pub(super) fn channels(input: &PartialShape, options: &ConvOptions) -> Result<usize> {
    let expected = options.strides.len() + 2;
    if input.rank() != expected {
        return Err(err!(RankMismatch, "axes of the input: expected {expected}, found {}", input.rank())
            .operand("input", input)
            .help("expected batch, spatial axes and channels; images of one channel need an axis for it too"));
    }
    match input[expected - channels_from_back(options)] {
        Some(channels) => Ok(channels),
        None => fail!(InvalidArgument, "channels of the input: expected a known size, found {input}"),
    }
}

/// What a convolution expects, once it is built for so many channels.
pub(super) fn input_spec(options: &ConvOptions, channels: Option<usize>) -> InputSpec {
    let spec = InputSpec::rank(options.strides.len() + 2);
    match channels {
        Some(channels) => spec.with_axis(-(channels_from_back(options) as isize), channels),
        None => spec,
    }
}

/// Fails for sizes of 0, a padding that the class does not have, and strides together with dilation.
pub(super) fn check(kernel_size: &[usize], options: &ConvOptions, is_causal_allowed: bool) -> Result<()> {
    if [kernel_size, &options.strides, &options.dilation_rate].iter().any(|sizes| sizes.contains(&0)) {
        fail!(InvalidArgument, "kernel_size, strides and dilation_rate: expected at least 1, found 0");
    }
    if options.padding == Padding::Causal && !is_causal_allowed {
        fail!(InvalidArgument, "padding: expected 'valid' or 'same', found 'causal', which is for Conv1D");
    }
    Ok(())
}

/// Fails where windows and the taps of a window are both spread.
pub(super) fn check_spread(options: &ConvOptions) -> Result<()> {
    let is_spread = |sizes: &[usize]| sizes.iter().any(|&size| size > 1);
    if is_spread(&options.strides) && is_spread(&options.dilation_rate) {
        return Err(err!(InvalidArgument, "strides and dilation_rate: expected one of them to be 1, found neither")
            .operand("strides", format!("{:?}", options.strides))
            .operand("dilation_rate", format!("{:?}", options.dilation_rate)));
    }
    Ok(())
}

/// The shape of the result: with `filters` channels, and along each spatial axis what `size` says for its place and
/// size.
pub(super) fn output_shape(
    input: &PartialShape,
    options: &ConvOptions,
    filters: Option<usize>,
    size: impl Fn(usize, Option<usize>) -> Result<Option<usize>>,
) -> Result<PartialShape> {
    let axes = options.strides.len();
    let found = input.rank();
    if found != axes + 2 {
        fail!(RankMismatch, "axes of the input: expected {}, found {found}", axes + 2);
    }
    let mut shape = input.clone();
    let first = if options.data_format == DataFormat::ChannelsLast { 1 } else { 2 };
    for axis in 0..axes {
        shape.0[first + axis] = size(axis, input[first + axis])?;
    }
    shape.0[found - channels_from_back(options)] = filters;
    Ok(shape)
}

/// The number of windows along an axis.
pub(super) fn windows(
    kernel_size: &[usize],
    options: &ConvOptions,
    axis: usize,
    size: Option<usize>,
) -> Result<Option<usize>> {
    let reach = (kernel_size[axis].max(1) - 1).saturating_mul(options.dilation_rate[axis]).saturating_add(1);
    window_count(size, reach, options.strides[axis], &options.padding, axis)
}

/// The builder methods of layers whose windows and taps may be spread.
macro_rules! spread_arguments {
    () => {
        /// With this distance between windows; by default 1.
        #[must_use]
        pub fn strides(mut self, strides: impl Into<Sizes<RANK>>) -> Self {
            self.options.strides = strides.into().0.to_vec();
            self
        }

        /// With this distance between the taps of the kernel; by default 1.
        #[must_use]
        pub fn dilation_rate(mut self, rate: impl Into<Sizes<RANK>>) -> Self {
            self.options.dilation_rate = rate.into().0.to_vec();
            self
        }
    };
}
pub(super) use spread_arguments;
