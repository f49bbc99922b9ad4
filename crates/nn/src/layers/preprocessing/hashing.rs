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

/// So many bins, and what becomes of their numbers: what [`Hashing`] and `HashedCrossing` have in common.
pub(super) struct Bins {
    pub count: usize,
    pub mode: OutputMode,
    is_default_dtype: bool,
}

impl Bins {
    /// The base of a layer of that class and its bins, whose numbers are int64.
    pub fn new(class: &str, count: usize) -> (LayerBase, Self) {
        let mut base = LayerBase::new(class);
        base.set_policy(Arg::from(DTypePolicy::from(DType::I64)));
        (base, Self { count, mode: OutputMode::Int, is_default_dtype: true })
    }

    pub fn from_config(config: &Config<'_>) -> Result<(LayerBase, Self)> {
        refuse_sparse(config.flag("sparse", false)?)?;
        let mode = OutputMode::parse(config.text("output_mode", "int")?)?;
        let base = LayerBase::from_config(config)?;
        Ok((base, Self { count: config.size("num_bins")?, mode, is_default_dtype: false }))
    }

    /// Takes a mode, and the dtype that goes with it.
    pub fn set_mode(&mut self, base: &mut LayerBase, mode: Arg<OutputMode>) {
        let Some(mode) = base.accept(mode) else { return };
        self.mode = mode;
        if self.is_default_dtype {
            let dtype = if mode == OutputMode::Int { DTypePolicy::from(DType::I64) } else { DTypePolicy::default() };
            base.set_policy(Arg::from(dtype));
        }
    }

    /// Fails unless there are bins, and the mode is one of these.
    pub fn check(&self, modes: &[OutputMode]) -> Result<()> {
        self.mode.one_of(modes)?;
        if self.count == 0 {
            fail!(InvalidArgument, "num_bins: expected at least 1, found 0");
        }
        Ok(())
    }

    pub fn encode(&self, base: &LayerBase, bins: &Tensor) -> Result<Tensors> {
        Ok(smallvec![encode(bins, self.mode, self.count, base.policy().compute_dtype(), None)?])
    }

    pub fn output_shape(&self, input: &PartialShape) -> Vec<PartialShape> {
        vec![encoded_shape(input, self.mode, self.count)]
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
    bins: Bins,
    mask_value: Option<MaskValue>,
    salt: Option<Salt>,
}

impl Hashing {
    /// A layer of so many bins.
    pub fn new(num_bins: usize) -> Self {
        let (base, bins) = Bins::new("Hashing", num_bins);
        Self { base, bins, mask_value: None, salt: None }
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
        self.bins.set_mode(&mut self.base, mode.into());
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let (base, bins) = Bins::from_config(config)?;
        let mask_value = match config.get("mask_value") {
            Value::Null => None,
            Value::String(text) => Some(MaskValue::Text(text.clone())),
            number => Some(MaskValue::Number(number.as_i64().ok_or_else(|| {
                err!(Corrupt, "Hashing.mask_value: expected a text or an integer, found {}", brief(number))
            })?)),
        };
        Ok(Self { base, bins, mask_value, salt: Salt::from_config(config)? })
    }

    fn numbers(&self, x: &Tensor) -> Result<Tensor> {
        let (mut bins, mut masked) = (self.bins.count, None);
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
            "num_bins": self.bins.count, "salt": self.salt.map(|salt| salt.0), "mask_value": mask,
            "output_mode": self.bins.mode.name(), "sparse": false,
        }))
    }

    fn build(&self, _inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        self.bins.check(&[OutputMode::Int, OutputMode::OneHot, OutputMode::MultiHot, OutputMode::Count])?;
        let dtype = self.base.policy().compute_dtype();
        if self.bins.mode == OutputMode::Int && !matches!(dtype, DType::I32 | DType::I64) {
            fail!(InvalidArgument, "dtype: expected int32 or int64 with output_mode 'int', found {dtype}");
        }
        Ok(())
    }

    fn autocast(&self) -> bool {
        false
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        self.bins.encode(&self.base, &self.numbers(&inputs[0])?)
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(self.bins.output_shape(&inputs[0]))
    }
}
