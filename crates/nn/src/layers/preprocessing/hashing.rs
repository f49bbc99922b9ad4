use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::encode::{OutputMode, encode, encoded_shape, refuse_sparse};
use super::index_lookup::Token;
use crate::arg::{Arg, Choice};
use crate::dtype_policy::DTypePolicy;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::{Config, brief, map};
use crate::shape::PartialShape;

/// The key of a hash that nobody can make collide who does not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt(pub [u64; 2]);

impl From<u64> for Salt {
    fn from(key: u64) -> Self {
        Self([key, key])
    }
}

impl From<[u64; 2]> for Salt {
    fn from(key: [u64; 2]) -> Self {
        Self(key)
    }
}

impl Salt {
    pub(super) fn from_config(config: &Config<'_>) -> Result<Option<Self>> {
        match config.get("salt") {
            Value::Null => Ok(None),
            Value::Array(pair) if pair.len() == 2 => match (pair[0].as_u64(), pair[1].as_u64()) {
                (Some(a), Some(b)) => Ok(Some(Self([a, b]))),
                _ => fail!(Corrupt, "salt: expected two integers, found {}", brief(config.get("salt"))),
            },
            one => match one.as_u64() {
                Some(key) => Ok(Some(key.into())),
                None => fail!(Corrupt, "salt: expected one or two integers, found {}", brief(one)),
            },
        }
    }

    /// The hash of strings modulo a number of bins, under a salt if there is one.
    pub(super) fn hash(salt: Option<Self>, x: &Tensor, bins: usize) -> Tensor {
        match salt {
            Some(salt) => x.string_to_hash_bucket_strong(bins, salt.0),
            None => x.string_to_hash_bucket_fast(bins),
        }
    }
}

/// A value by which inputs are left out.
#[derive(Clone, Debug, PartialEq)]
pub enum MaskValue {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

impl From<i64> for MaskValue {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for MaskValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

/// Categories, strings or integers, as numbers below `num_bins` by a hash.
///
/// # Shapes
/// As they come with `int`; else as `CategoryEncoding` has them.
/// # Source
/// Keras 3 `keras.layers.Hashing`: FarmHash's Fingerprint64, or SipHash-2-4 with a salt.
pub struct Hashing {
    base: LayerBase,
    num_bins: usize,
    mask_value: Option<MaskValue>,
    salt: Option<Salt>,
    output_mode: OutputMode,
    is_default_dtype: bool,
}

impl Hashing {
    /// A layer of so many bins.
    pub fn new(num_bins: usize) -> Self {
        let mut base = LayerBase::new("Hashing");
        base.set_policy(Arg::from(DTypePolicy::from(DType::I64)));
        Self { base, num_bins, mask_value: None, salt: None, output_mode: OutputMode::Int, is_default_dtype: true }
    }

    common_arguments!();

    /// With this value as bin 0, which nothing else is.
    #[must_use]
    pub fn mask_value(mut self, value: impl Into<MaskValue>) -> Self {
        self.mask_value = Some(value.into());
        self
    }

    /// With this key, so that nobody can make values collide.
    #[must_use]
    pub fn salt(mut self, salt: impl Into<Salt>) -> Self {
        self.salt = Some(salt.into());
        self
    }

    /// With `int` (the default), `one_hot`, `multi_hot` or `count`.
    #[must_use]
    pub fn output_mode(mut self, mode: impl Into<Arg<OutputMode>>) -> Self {
        if let Some(mode) = self.base.accept(mode.into()) {
            self.output_mode = mode;
            if self.is_default_dtype {
                let dtype =
                    if mode == OutputMode::Int { DTypePolicy::from(DType::I64) } else { DTypePolicy::default() };
                self.base.set_policy(Arg::from(dtype));
            }
        }
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        refuse_sparse(config.flag("sparse", false)?)?;
        let mask_value = match config.get("mask_value") {
            Value::Null => None,
            Value::String(text) => Some(MaskValue::Text(text.clone())),
            number => Some(MaskValue::Number(number.as_i64().ok_or_else(|| {
                err!(Corrupt, "Hashing.mask_value: expected a text or an integer, found {}", brief(number))
            })?)),
        };
        let output_mode = OutputMode::parse(config.text("output_mode", "int")?)?;
        let (base, salt) = (LayerBase::from_config(config)?, Salt::from_config(config)?);
        Ok(Self { base, num_bins: config.size("num_bins")?, mask_value, salt, output_mode, is_default_dtype: false })
    }

    fn bins(&self, x: &Tensor) -> Result<Tensor> {
        let (mut bins, mut masked) = (self.num_bins, None);
        if let Some(value) = self.mask_value.as_ref().filter(|_| bins > 1) {
            bins -= 1;
            masked = Some(match value {
                MaskValue::Number(number) => x.equal(*number),
                MaskValue::Text(text) => Token::Text(text.clone()).is_in(x)?,
            });
        }
        let x = if x.dtype()?.is_float() { x.cast(DType::I64) } else { x.clone() };
        let x = if x.dtype()? == DType::Str { x } else { x.as_string() };
        let found = Salt::hash(self.salt, &x, bins);
        Ok(match masked {
            Some(masked) => masked.where_(0_i64, found + 1_i64),
            None => found,
        })
    }
}

impl Layer for Hashing {
    fn class_name(&self) -> &str {
        "Hashing"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mask = match &self.mask_value {
            None => Value::Null,
            Some(MaskValue::Number(number)) => json!(number),
            Some(MaskValue::Text(text)) => json!(text),
        };
        map(json!({
            "num_bins": self.num_bins, "salt": self.salt.map(|salt| salt.0), "mask_value": mask,
            "output_mode": self.output_mode.name(), "sparse": false,
        }))
    }

    fn build(&self, _inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        self.output_mode.one_of(&[OutputMode::Int, OutputMode::OneHot, OutputMode::MultiHot, OutputMode::Count])?;
        let dtype = self.base.policy().compute_dtype();
        if self.num_bins == 0 {
            fail!(InvalidArgument, "num_bins: expected at least 1, found 0");
        }
        if self.output_mode == OutputMode::Int && !matches!(dtype, DType::I32 | DType::I64) {
            fail!(InvalidArgument, "dtype: expected int32 or int64 with output_mode 'int', found {dtype}");
        }
        Ok(())
    }

    fn autocast(&self) -> bool {
        false
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let dtype = self.base.policy().compute_dtype();
        Ok(smallvec![encode(&self.bins(&inputs[0])?, self.output_mode, self.num_bins, dtype, None)?])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(vec![encoded_shape(&inputs[0], self.output_mode, self.num_bins)])
    }
}
