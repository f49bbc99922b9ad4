//! In which dtypes a layer computes and keeps its weights.

use cornet_error::{Result, err};
use cornet_tensor::DType;
use serde_json::{Value, json};

use crate::arg::Choice;
use crate::saving::config;

/// Keras's `DTypePolicy`: `float32`, `float16`, …, or `mixed_float16` and `mixed_bfloat16`, which compute in half
/// precision on weights kept in float32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DTypePolicy {
    name: String,
    compute: DType,
    variable: DType,
}

impl Default for DTypePolicy {
    fn default() -> Self {
        Self { name: "float32".into(), compute: DType::F32, variable: DType::F32 }
    }
}

impl From<DType> for DTypePolicy {
    fn from(dtype: DType) -> Self {
        Self { name: dtype.name().into(), compute: dtype, variable: dtype }
    }
}

impl From<DType> for crate::arg::Arg<DTypePolicy> {
    fn from(dtype: DType) -> Self {
        Self(Ok(dtype.into()))
    }
}

impl Choice for DTypePolicy {
    fn parse(name: &str) -> Result<Self> {
        match name {
            "mixed_float16" => Ok(Self { name: name.into(), compute: DType::F16, variable: DType::F32 }),
            "mixed_bfloat16" => Ok(Self { name: name.into(), compute: DType::BF16, variable: DType::F32 }),
            _ => name.parse::<DType>().map(Self::from),
        }
    }
}

impl DTypePolicy {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The dtype that inputs and weights are brought to before they are computed with.
    pub fn compute_dtype(&self) -> DType {
        self.compute
    }

    /// The dtype of the weights.
    pub fn variable_dtype(&self) -> DType {
        self.variable
    }

    /// The object of a config.
    pub fn to_json(&self) -> Value {
        config::object("keras", "DTypePolicy", config::map(json!({"name": self.name})))
    }

    /// From a config: an object or a name; null is the default.
    ///
    /// # Errors
    /// `corrupt`; `unsupported` for policies of another class, such as quantized ones.
    pub fn from_json(value: &Value) -> Result<Self> {
        match config::class_and_config(value) {
            _ if value.is_null() => Ok(Self::default()),
            Ok((name, None)) => Self::parse(name),
            Ok(("DTypePolicy", Some(config))) => match config.get("name").and_then(Value::as_str) {
                Some(name) => Self::parse(name),
                None => Err(err!(Corrupt, "DTypePolicy.name: expected a text, found nothing")),
            },
            Ok((class, _)) => Err(err!(Unsupported, "dtype policy: expected DTypePolicy, found {class}")
                .help("save the model before it is quantized")),
            Err(error) => Err(error),
        }
    }
}
