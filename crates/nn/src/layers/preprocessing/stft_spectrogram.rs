use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_ops::nn::ConvOptions;
use cornet_ops::nn::geometry::{DataFormat, Padding};
use cornet_tensor::DType;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::arg::{Arg, unknown};
use crate::initializers::{Initializer, Side, Stft, StftScaling};
use crate::layers::layer::common_arguments;
use crate::layers::spatial::window_count;
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, WeightSpec, Weights};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// A signal as the frequencies that it has over time, by a convolution with waves, which can be trained.
///
/// # Shapes
/// `[batch, samples, channels]`; `[batch, frames, channels · bins]`, or with `expand_dims`
/// `[batch, frames, bins, channels]`, where there are `fft_length / 2 + 1` bins, twice as many with `stft`.
/// # Weights
/// `real_kernel` and `imag_kernel` `[frame_length, 1, bins]`, as the mode needs them.
/// # Source
/// Keras 3 `keras.layers.STFTSpectrogram`.
pub struct STFTSpectrogram {
    base: LayerBase,
    mode: String,
    frame_length: usize,
    frame_step: Option<usize>,
    fft_length: Option<usize>,
    window: Value,
    periodic: bool,
    scaling: Option<StftScaling>,
    padding: String,
    expand_dims: bool,
    data_format: DataFormat,
}

const MODES: &[&str] = &["log", "magnitude", "psd", "real", "imag", "angle", "stft"];

impl Default for STFTSpectrogram {
    fn default() -> Self {
        Self::new()
    }
}

impl STFTSpectrogram {
    /// A layer of Keras's defaults.
    pub fn new() -> Self {
        Self {
            base: LayerBase::new("STFTSpectrogram"),
            mode: "log".into(),
            frame_length: 256,
            frame_step: None,
            fft_length: None,
            window: "hann".into(),
            periodic: false,
            scaling: Some(StftScaling::Density),
            padding: "valid".into(),
            expand_dims: false,
            data_format: DataFormat::ChannelsLast,
        }
    }

    common_arguments!();

    /// With `log` (the default), `magnitude`, `psd`, `real`, `imag`, `angle` or `stft`.
    #[must_use]
    pub fn mode(mut self, mode: impl Into<String>) -> Self {
        self.mode = mode.into();
        self
    }

    /// With frames of so many samples.
    #[must_use]
    pub fn frame_length(mut self, length: usize) -> Self {
        self.frame_length = length;
        self
    }

    /// With so many samples from one frame to the next; by default half a frame.
    #[must_use]
    pub fn frame_step(mut self, step: usize) -> Self {
        self.frame_step = Some(step);
        self
    }

    /// With transforms of so many samples; by default the next power of two.
    #[must_use]
    pub fn fft_length(mut self, length: usize) -> Self {
        self.fft_length = Some(length);
        self
    }

    /// With this window of SciPy, such as `hann` (the default) or `hamming`.
    #[must_use]
    pub fn window(mut self, window: impl Into<String>) -> Self {
        self.window = Value::String(window.into());
        self
    }

    /// With a window that goes on periodically.
    #[must_use]
    pub fn periodic(mut self, periodic: bool) -> Self {
        self.periodic = periodic;
        self
    }

    /// With frames scaled to a density (the default), a spectrum, or not at all.
    #[must_use]
    pub fn scaling(mut self, scaling: Option<StftScaling>) -> Self {
        self.scaling = scaling;
        self
    }

    /// With `valid` (the default) or `same` padding.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<String>) -> Self {
        self.padding = padding.into();
        self
    }

    /// Whether bins have an axis of their own.
    #[must_use]
    pub fn expand_dims(mut self, expand: bool) -> Self {
        self.expand_dims = expand;
        self
    }

    /// With the channels last (the default) or first.
    #[must_use]
    pub fn data_format(mut self, format: impl Into<Arg<DataFormat>>) -> Self {
        if let Some(format) = self.base.accept(format.into()) {
            self.data_format = format;
        }
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let size = |key| {
            Ok::<_, cornet_error::Error>(config.optional(key, "a positive integer", Value::as_u64)?.map(|n| n as usize))
        };
        let scaling = match config.get("scaling") {
            Value::Null => None,
            word => match word.as_str() {
                Some("density") => Some(StftScaling::Density),
                Some("spectrum") => Some(StftScaling::Spectrum),
                _ => fail!(Corrupt, "STFTSpectrogram.scaling: expected density, spectrum or null, found {word}"),
            },
        };
        Ok(Self {
            base: LayerBase::from_config(config)?,
            mode: config.text("mode", "log")?.into(),
            frame_length: size("frame_length")?.unwrap_or(256),
            frame_step: size("frame_step")?,
            fft_length: size("fft_length")?,
            window: config.get("window").clone(),
            periodic: config.flag("periodic", false)?,
            scaling,
            padding: config.text("padding", "valid")?.into(),
            expand_dims: config.flag("expand_dims", false)?,
            data_format: config.text("data_format", "channels_last")?.parse()?,
        })
    }

    fn step(&self) -> usize {
        self.frame_step.unwrap_or(self.frame_length / 2)
    }

    fn bins(&self) -> usize {
        self.fft_length.unwrap_or_else(|| self.frame_length.next_power_of_two()) / 2 + 1
    }

    /// Which weight holds the waves of a side.
    fn place(&self, side: Side) -> usize {
        usize::from(side == Side::Imag && self.mode != "imag")
    }

    /// The convolution of each channel with the waves of a side: `[batch, channels, bins, frames]`.
    fn waves(&self, x: &Tensor, side: Side) -> Result<Tensor> {
        // `x` has its channels last.
        let shape = x.shape()?;
        let (batch, samples, channels) = (shape[0], shape[1], shape[2]);
        let alone = x.transpose(&[0, 2, 1]).reshape([batch * channels, samples, 1]);
        let padding: Padding = self.padding.parse()?;
        let options = ConvOptions { strides: vec![self.step()], padding, ..ConvOptions::default() };
        let found = alone.conv(&self.base.read(self.place(side)).cast(x.dtype()?), &options);
        let frames = found.shape()?[1];
        Ok(found.transpose(&[0, 2, 1]).reshape([batch, channels, self.bins(), frames]))
    }

    /// From `[batch, channels, bins, frames]` to what the layer gives.
    fn arranged(&self, x: &Tensor) -> Result<Tensor> {
        let shape = x.shape()?;
        let (batch, channels, bins, frames) = (shape[0], shape[1], shape[2], shape[3]);
        let is_first = self.data_format == DataFormat::ChannelsFirst;
        Ok(match (self.expand_dims, is_first) {
            (true, false) => x.transpose(&[0, 3, 2, 1]),
            (true, true) => x.transpose(&[0, 1, 3, 2]),
            (false, false) => x.reshape([batch, channels * bins, frames]).transpose(&[0, 2, 1]),
            (false, true) => x.reshape([batch, channels * bins, frames]),
        })
    }
}

impl Layer for STFTSpectrogram {
    fn class_name(&self) -> &str {
        "STFTSpectrogram"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let scaling = self.scaling.map(|s| if s == StftScaling::Density { "density" } else { "spectrum" });
        let format = if self.data_format == DataFormat::ChannelsFirst { "channels_first" } else { "channels_last" };
        map(json!({
            "mode": self.mode, "frame_length": self.frame_length, "frame_step": self.frame_step,
            "fft_length": self.fft_length, "window": self.window, "periodic": self.periodic, "scaling": scaling,
            "padding": self.padding, "data_format": format, "expand_dims": self.expand_dims,
        }))
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, _inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        if !MODES.contains(&self.mode.as_str()) {
            return Err(unknown("mode", &self.mode, MODES));
        }
        if !["valid", "same"].contains(&self.padding.as_str()) {
            return Err(unknown("padding", &self.padding, &["valid", "same"]));
        }
        if self.frame_length == 0 || self.step() == 0 || self.step() > self.frame_length {
            let (length, step) = (self.frame_length, self.step());
            fail!(InvalidArgument, "frame_step: expected 1 to frame_length, {length}, found {step}");
        }
        if self.fft_length.is_some_and(|fft| fft < self.frame_length) {
            fail!(InvalidArgument, "fft_length: expected at least {}, found {:?}", self.frame_length, self.fft_length);
        }
        let shape = [self.frame_length, 1, self.bins()];
        for (name, side, other) in [("real_kernel", Side::Real, "imag"), ("imag_kernel", Side::Imag, "real")] {
            if self.mode != other {
                let stft = Stft {
                    side,
                    window: self.window.clone(),
                    values: None,
                    scaling: self.scaling,
                    periodic: self.periodic,
                };
                weights.add(WeightSpec::new(name, shape, &Initializer::Stft(stft)))?;
            }
        }
        Ok(())
    }

    fn input_spec(&self) -> InputSpec {
        InputSpec::rank(3)
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let is_first = self.data_format == DataFormat::ChannelsFirst;
        let x = if is_first { inputs[0].transpose(&[0, 2, 1]) } else { inputs[0].clone() };
        let x = if x.dtype()?.is_float() { x } else { x.cast(DType::F32) };
        let real = || self.waves(&x, Side::Real);
        let imag = || self.waves(&x, Side::Imag);
        let found = match self.mode.as_str() {
            "real" => real()?,
            "imag" => imag()?,
            "angle" => imag()?.arctan2(real()?),
            "stft" => Tensor::concat(&[&real()?, &imag()?], 2),
            mode => {
                let power = real()?.square() + imag()?.square();
                match mode {
                    "psd" => {
                        let bins = self.bins();
                        let inner = power.slice_axis(2, 1, bins.saturating_sub(2));
                        power + inner.pad(&[(0, 0), (0, 0), (1, 1), (0, 0)])
                    }
                    _ => power.maximum(1e-7).sqrt(),
                }
            }
        };
        let found = self.arranged(&found)?;
        Ok(smallvec![if self.mode == "log" { found.maximum(1e-7).log() } else { found }])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let [batch, a, b] = inputs[0][..] else {
            return Err(err!(RankMismatch, "axes of the input: expected 3, found {}", inputs[0].rank()));
        };
        let is_first = self.data_format == DataFormat::ChannelsFirst;
        let (samples, channels) = if is_first { (b, a) } else { (a, b) };
        let frames = window_count(samples, self.frame_length, self.step(), &self.padding.parse()?, 0)?;
        let bins = Some(self.bins() * if self.mode == "stft" { 2 } else { 1 });
        let both = bins.zip(channels).map(|(a, b)| a * b);
        Ok(vec![PartialShape(match (self.expand_dims, is_first) {
            (true, false) => vec![batch, frames, bins, channels],
            (true, true) => vec![batch, channels, frames, bins],
            (false, false) => vec![batch, frames, both],
            (false, true) => vec![batch, both, frames],
        })])
    }
}
