use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_ops::fft::{StftOptions, Window};
use cornet_tensor::DType;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::arg::unknown;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Sound as how loud each of a number of pitches is over time, pitches as people hear them (mel scale).
///
/// # Shapes
/// `[batch, samples]` or `[samples]`; `[…, num_mel_bins, frames]`.
/// # Units
/// Frequencies in hertz; results in decibels below `ref_power` unless `power_to_db` is off.
/// # Source
/// Keras 3 `keras.layers.MelSpectrogram`; mel(f) = 1127 · ln(1 + f / 700).
pub struct MelSpectrogram {
    base: LayerBase,
    fft_length: usize,
    sequence_stride: usize,
    sequence_length: usize,
    window: Option<String>,
    sampling_rate: f64,
    num_mel_bins: usize,
    min_freq: f64,
    max_freq: f64,
    power_to_db: bool,
    top_db: f64,
    mag_exp: f64,
    min_power: f64,
    ref_power: f64,
}

impl Default for MelSpectrogram {
    fn default() -> Self {
        Self::new()
    }
}

impl MelSpectrogram {
    /// A layer of Keras's defaults.
    pub fn new() -> Self {
        Self {
            base: LayerBase::new("MelSpectrogram"),
            fft_length: 2048,
            sequence_stride: 512,
            sequence_length: 2048,
            window: Some("hann".into()),
            sampling_rate: 16000.0,
            num_mel_bins: 128,
            min_freq: 20.0,
            max_freq: 8000.0,
            power_to_db: true,
            top_db: 80.0,
            mag_exp: 2.0,
            min_power: 1e-10,
            ref_power: 1.0,
        }
    }

    common_arguments!();

    /// With transforms of so many samples, and windows as long.
    #[must_use]
    pub fn fft_length(mut self, length: usize) -> Self {
        (self.fft_length, self.sequence_length) = (length, length);
        self
    }

    /// With so many samples from one window to the next.
    #[must_use]
    pub fn sequence_stride(mut self, stride: usize) -> Self {
        self.sequence_stride = stride;
        self
    }

    /// With windows of so many samples.
    #[must_use]
    pub fn sequence_length(mut self, length: usize) -> Self {
        self.sequence_length = length;
        self
    }

    /// With a `hann` (the default) or `hamming` window.
    #[must_use]
    pub fn window(mut self, window: impl Into<String>) -> Self {
        self.window = Some(window.into());
        self
    }

    /// For so many samples a second, and pitches up to half of that.
    #[must_use]
    pub fn sampling_rate(mut self, hertz: f64) -> Self {
        (self.sampling_rate, self.max_freq) = (hertz, (hertz / 2.0).trunc());
        self
    }

    /// With so many pitches.
    #[must_use]
    pub fn num_mel_bins(mut self, count: usize) -> Self {
        self.num_mel_bins = count;
        self
    }

    /// With pitches between these frequencies.
    #[must_use]
    pub fn frequencies(mut self, min_hertz: f64, max_hertz: f64) -> Self {
        (self.min_freq, self.max_freq) = (min_hertz, max_hertz);
        self
    }

    /// Whether results are decibels, at most `top_db` below the loudest.
    #[must_use]
    pub fn power_to_db(mut self, decibels: bool, top_db: f64) -> Self {
        (self.power_to_db, self.top_db) = (decibels, top_db);
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let size = |key, default: usize| {
            Ok::<_, cornet_error::Error>(
                config.optional(key, "a positive integer", Value::as_u64)?.map_or(default, |n| n as usize),
            )
        };
        let fft_length = size("fft_length", 2048)?;
        let sampling_rate = config.float("sampling_rate", 16000.0)?;
        Ok(Self {
            base: LayerBase::from_config(config)?,
            fft_length,
            sequence_stride: size("sequence_stride", 512)?,
            sequence_length: size("sequence_length", fft_length)?,
            window: config.optional("window", "a text", Value::as_str)?.map(str::to_owned),
            sampling_rate,
            num_mel_bins: size("num_mel_bins", 128)?,
            min_freq: config.float("min_freq", 20.0)?,
            max_freq: config.float("max_freq", (sampling_rate / 2.0).trunc())?,
            power_to_db: config.flag("power_to_db", true)?,
            top_db: config.float("top_db", 80.0)?,
            mag_exp: config.float("mag_exp", 2.0)?,
            min_power: config.float("min_power", 1e-10)?,
            ref_power: config.float("ref_power", 1.0)?,
        })
    }

    /// How much each frequency counts for each pitch: `[frequencies, pitches]`.
    fn weights(&self, dtype: DType) -> Tensor {
        let mel = |hertz: f64| 1127.0 * (1.0 + hertz / 700.0).ln();
        let (bins, pitches) = (self.fft_length / 2 + 1, self.num_mel_bins);
        let (low, high) = (mel(self.min_freq), mel(self.max_freq));
        let edge = |i: usize| low + (high - low) * i as f64 / (pitches + 1) as f64;
        let mut all = vec![0.0_f64; bins * pitches];
        for bin in 1..bins {
            let at = mel(self.sampling_rate / 2.0 * bin as f64 / (bins - 1) as f64);
            for pitch in 0..pitches {
                let (lower, center, upper) = (edge(pitch), edge(pitch + 1), edge(pitch + 2));
                let slope = ((at - lower) / (center - lower)).min((upper - at) / (upper - center));
                all[bin * pitches + pitch] = slope.max(0.0);
            }
        }
        Tensor::from_slice(&all, [bins, pitches]).cast(dtype)
    }
}

impl Layer for MelSpectrogram {
    fn class_name(&self) -> &str {
        "MelSpectrogram"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let whole = |x: f64| if x.fract() == 0.0 { json!(x as i64) } else { json!(x) };
        map(json!({
            "fft_length": self.fft_length, "sequence_stride": self.sequence_stride,
            "sequence_length": self.sequence_length, "window": self.window,
            "sampling_rate": whole(self.sampling_rate), "num_mel_bins": self.num_mel_bins, "min_freq": self.min_freq,
            "max_freq": whole(self.max_freq), "power_to_db": self.power_to_db, "top_db": self.top_db,
            "mag_exp": self.mag_exp, "min_power": self.min_power, "ref_power": self.ref_power,
        }))
    }

    fn build(&self, _inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        if let Some(window) = self.window.as_deref().filter(|window| !["hann", "hamming"].contains(window)) {
            return Err(unknown("window", window, &["hann", "hamming"]));
        }
        if self.sequence_length > self.fft_length || self.sequence_stride == 0 || self.sequence_length == 0 {
            let (length, fft, stride) = (self.sequence_length, self.fft_length, self.sequence_stride);
            fail!(
                InvalidArgument,
                "sequence_length: expected 1 to fft_length, {fft}, and a stride of at least 1, found {length} and {stride}"
            );
        }
        if self.fft_length > 1 << 24 || self.num_mel_bins == 0 || self.num_mel_bins > 1 << 16 {
            fail!(LimitExceeded, "fft_length, num_mel_bins: found {} and {}", self.fft_length, self.num_mel_bins);
        }
        Ok(())
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let own = self.base.policy().compute_dtype();
        let dtype = if own == DType::F64 { DType::F64 } else { DType::F32 };
        let window = match self.window.as_deref() {
            None => Window::Rectangular,
            Some("hamming") => Window::Hamming,
            Some(_) => Window::Hann,
        };
        let options = StftOptions::new(self.sequence_length, self.sequence_stride, self.fft_length);
        let (real, imag) = inputs[0].cast(dtype).stft(&StftOptions { window, ..options });
        let power = real.square() + imag.square();
        let power = if self.mag_exp == 2.0 { power } else { power.sqrt().power(self.mag_exp) };
        let mut mel = power.cast(dtype).matmul(self.weights(dtype));
        if self.power_to_db {
            let reference = 10.0 * self.ref_power.abs().max(self.min_power).log10();
            mel = mel.maximum(self.min_power).log10() * 10.0 - reference;
            mel = mel.maximum(mel.max(&[], false) - self.top_db);
        }
        Ok(smallvec![mel.swapaxes(-1, -2).cast(own)])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let Some((&samples, rest)) = inputs[0].split_last() else {
            fail!(RankMismatch, "axes of the input: expected 1 or 2, found 0");
        };
        let stride = self.sequence_stride.max(1);
        let frames = samples.map(|n| (n + stride + 1) / stride);
        Ok(vec![PartialShape(rest.iter().copied().chain([Some(self.num_mel_bins), frames]).collect())])
    }
}
