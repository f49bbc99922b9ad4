//! In which dtypes a layer computes and keeps its weights.

use std::sync::{PoisonError, RwLock};

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

/// What layers, losses and metrics that are made without a dtype use.
static GLOBAL: RwLock<(DType, Option<DTypePolicy>)> = RwLock::new((DType::F32, None));

/// The dtype of losses and metrics, and of layers if there is no global policy: float32 unless it was set.
///
/// # Source
/// Keras 3 `keras.config.floatx`.
pub fn floatx() -> DType {
    GLOBAL.read().unwrap_or_else(PoisonError::into_inner).0
}

/// Sets the dtype that [`floatx`] gives to all that is made or computed later.
///
/// # Errors
/// `invalid_argument` for a dtype that is not a float.
pub fn set_floatx(dtype: DType) -> Result<()> {
    if !matches!(dtype, DType::F16 | DType::BF16 | DType::F32 | DType::F64) {
        return Err(err!(InvalidArgument, "floatx: expected bfloat16, float16, float32 or float64, found {dtype}"));
    }
    GLOBAL.write().unwrap_or_else(PoisonError::into_inner).0 = dtype;
    Ok(())
}

/// The policy of layers that are made without one: that of [`set_dtype_policy`], else [`floatx`].
///
/// # Source
/// Keras 3 `keras.config.dtype_policy`.
pub fn dtype_policy() -> DTypePolicy {
    let global = GLOBAL.read().unwrap_or_else(PoisonError::into_inner);
    global.1.clone().unwrap_or_else(|| global.0.into())
}

/// Sets the policy of the layers that are made later: `mixed_bfloat16`, `mixed_float16`, `float64`, ….
///
/// # Errors
/// `invalid_argument` for a name that is no policy.
pub fn set_dtype_policy(policy: impl Into<crate::arg::Arg<DTypePolicy>>) -> Result<()> {
    let policy = policy.into().0?;
    GLOBAL.write().unwrap_or_else(PoisonError::into_inner).1 = Some(policy);
    Ok(())
}

/// The global policy as of now.
impl Default for DTypePolicy {
    fn default() -> Self {
        dtype_policy()
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
