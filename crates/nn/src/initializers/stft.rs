use std::f64::consts::PI;

use cornet_error::{Result, err, fail};
use cornet_tensor::{Array, Shape};
use serde_json::{Value, json};

use super::serial::{array_from_json, array_to_json};
use super::windows::window;
use crate::saving::config::Config;

/// Arguments of [`Initializer::Stft`](super::Initializer::Stft).
///
/// For kernels `[frame_length, 1, bins]`: `window(t) · cos(-2π · t · f / (2 · (bins - 1))) / scale`, or the sine.
///
/// # Source
/// Keras 3 `keras.initializers.STFT`.
#[derive(Clone, Debug, PartialEq)]
pub struct Stft {
    /// Cosines or sines.
    pub side: Side,
    /// The name of a window of SciPy, a list of name and parameters, or null for none.
    pub window: Value,
    /// The values of a window in the place of a name.
    pub values: Option<Array>,
    /// What the window is divided by.
    pub scaling: Option<StftScaling>,
    /// A window that goes on periodically instead of a symmetric one.
    pub periodic: bool,
}

/// Parts of a complex number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Cosines.
    Real,
    /// Sines.
    Imag,
}

/// What the window of [`Stft`] is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StftScaling {
    /// The root of the sum of its squares.
    Density,
    /// The sum of its magnitudes.
    Spectrum,
}

impl Default for Stft {
    fn default() -> Self {
        Self {
            side: Side::Real,
            window: "hann".into(),
            values: None,
            scaling: Some(StftScaling::Density),
            periodic: false,
        }
    }
}

impl Stft {
    pub(super) fn arguments(&self) -> Value {
        let side = if self.side == Side::Real { "real" } else { "imag" };
        let window = self.values.as_ref().map_or_else(|| self.window.clone(), array_to_json);
        let scaling = self.scaling.map(|scaling| match scaling {
            StftScaling::Density => "density",
            StftScaling::Spectrum => "spectrum",
        });
        json!({"side": side, "window": window, "periodic": self.periodic, "scaling": scaling})
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let side = match config.text("side", "real")? {
            "real" => Side::Real,
            "imag" => Side::Imag,
            other => fail!(Corrupt, "STFT.side: expected real or imag, found '{other}'"),
        };
        let scaling = match config.get("scaling") {
            Value::Null if config.has("scaling") => None,
            Value::Null => Some(StftScaling::Density),
            value => match value.as_str() {
                Some("density") => Some(StftScaling::Density),
                Some("spectrum") => Some(StftScaling::Spectrum),
                _ => fail!(Corrupt, "STFT.scaling: expected density, spectrum or null, found {value}"),
            },
        };
        let (window, values) = match config.get("window") {
            array @ Value::Object(_) => (Value::Null, Some(array_from_json(array)?)),
            Value::Null if !config.has("window") => ("hann".into(), None),
            name => (name.clone(), None),
        };
        let periodic = config.flag("periodic", false)?;
        let stft = Self { side, window, values, scaling, periodic };
        stft.weights(1.max(stft.values.as_ref().map_or(1, Array::elements)))?;
        Ok(stft)
    }

    fn weights(&self, frame: usize) -> Result<Option<Vec<f64>>> {
        match &self.values {
            Some(values) if values.shape()[..] == [frame] => {
                values.to_vec::<f32>().map(|values| Some(values.into_iter().map(f64::from).collect()))
            }
            Some(values) => Err(err!(ShapeMismatch, "window: expected [{frame}], found {}", values.shape())),
            None if self.window.is_null() => Ok(None),
            None => window(&self.window, frame, self.periodic).map(Some),
        }
    }

    pub(super) fn make(&self, shape: &Shape) -> Result<Array> {
        let [frame, channels, bins] = shape[..] else {
            return Err(err!(RankMismatch, "STFT initializer: expected [frame_length, 1, bins], found {shape}"));
        };
        let weights = self.weights(frame)?;
        let scale = match (&weights, self.scaling) {
            (Some(w), Some(StftScaling::Density)) => w.iter().map(|w| w * w).sum::<f64>().sqrt(),
            (Some(w), Some(StftScaling::Spectrum)) => w.iter().map(|w| w.abs()).sum(),
            _ => 1.0,
        };
        let full = (2 * bins.saturating_sub(1)) as f32;
        let mut values = Vec::with_capacity(shape.elements());
        for time in 0..frame {
            let weight = weights.as_ref().and_then(|w| w.get(time)).map_or(1.0, |w| w / scale);
            for _ in 0..channels {
                for bin in 0..bins {
                    // In float32 as Keras computes it: what is lost there grows with the frame.
                    let angle = f64::from(-2.0 * time as f32 * (bin as f32 / full) * PI as f32);
                    let wave = if self.side == Side::Real { angle.cos() } else { angle.sin() };
                    values.push((wave * weight) as f32);
                }
            }
        }
        Array::from_vec(values, shape.clone())
    }
}
