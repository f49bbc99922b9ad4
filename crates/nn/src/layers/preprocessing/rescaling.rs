use cornet_error::{Result, err};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// `y = x · scale + offset`.
///
/// # Shapes
/// As they come. Lists of scales or offsets stand for the last axis.
/// # Source
/// Keras 3 `keras.layers.Rescaling`.
pub struct Rescaling {
    base: LayerBase,
    scale: Numbers,
    offset: Numbers,
}

/// A number, or one for each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers(Vec<f64>, bool);

impl From<f64> for Numbers {
    fn from(number: f64) -> Self {
        Self(vec![number], false)
    }
}

impl<const N: usize> From<[f64; N]> for Numbers {
    fn from(numbers: [f64; N]) -> Self {
        Self(numbers.into(), true)
    }
}

impl Numbers {
    fn tensor(&self) -> Tensor {
        let all = Tensor::from_slice(&self.0.iter().map(|&x| x as f32).collect::<Vec<_>>(), [self.0.len()]);
        if self.1 { all } else { all.reshape([]) }
    }

    fn to_json(&self) -> Value {
        if self.1 { json!(self.0) } else { json!(self.0.first()) }
    }

    fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Array(list) => Some(Self(list.iter().map(Value::as_f64).collect::<Option<_>>()?, true)),
            one => Some(Self(vec![one.as_f64()?], false)),
        }
    }
}

impl Rescaling {
    /// A layer of this factor, such as `1.0 / 255.0`.
    pub fn new(scale: impl Into<Numbers>) -> Self {
        Self { base: LayerBase::new("Rescaling"), scale: scale.into(), offset: 0.0.into() }
    }

    common_arguments!();

    /// With this added; by default 0.
    #[must_use]
    pub fn offset(mut self, offset: impl Into<Numbers>) -> Self {
        self.offset = offset.into();
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let numbers = |key| config.optional(key, "a number or a list of numbers", Numbers::from_json);
        let Some(scale) = numbers("scale")? else { return Err(err!(Corrupt, "Rescaling.scale: found none")) };
        let offset = numbers("offset")?.unwrap_or_else(|| 0.0.into());
        Ok(Self { base: LayerBase::from_config(config)?, scale, offset })
    }
}

impl Layer for Rescaling {
    fn class_name(&self) -> &str {
        "Rescaling"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"scale": self.scale.to_json(), "offset": self.offset.to_json()}))
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let dtype = self.base.policy().compute_dtype();
        Ok(smallvec![inputs[0].cast(dtype) * self.scale.tensor().cast(dtype) + self.offset.tensor().cast(dtype)])
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(inputs.to_vec())
    }
}
