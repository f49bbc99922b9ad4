use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::encode::{OutputMode, encode, encoded_shape, refuse_sparse};
use crate::arg::{Arg, Choice};
use crate::dtype_policy::DTypePolicy;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::Config;
use crate::shape::PartialShape;

/// Pairs of categories, strings or integers, as numbers below `num_bins` by a hash of the pair.
///
/// # Shapes
/// Two of `[batch]` or `[batch, 1]`; the same with `int`, `[batch, num_bins]` with `one_hot`.
/// # Errors
/// `invalid_argument` for another number of inputs; `shape_mismatch` for different shapes.
/// # Source
/// Keras 3 `keras.layers.HashedCrossing`.
pub struct HashedCrossing {
    base: LayerBase,
    num_bins: usize,
    output_mode: OutputMode,
    is_default_dtype: bool,
}

impl HashedCrossing {
    /// A layer of so many bins.
    pub fn new(num_bins: usize) -> Self {
        let mut base = LayerBase::new("HashedCrossing");
        base.set_policy(Arg::from(DTypePolicy::from(DType::I64)));
        Self { base, num_bins, output_mode: OutputMode::Int, is_default_dtype: true }
    }

    common_arguments!();

    /// With `int` (the default) or `one_hot`.
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
        let output_mode = OutputMode::parse(config.text("output_mode", "int")?)?;
        let base = LayerBase::from_config(config)?;
        Ok(Self { base, num_bins: config.size("num_bins")?, output_mode, is_default_dtype: false })
    }
}

impl Layer for HashedCrossing {
    fn class_name(&self) -> &str {
        "HashedCrossing"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }

    fn config(&self) -> Map<String, Value> {
        crate::saving::config::map(json!({
            "num_bins": self.num_bins, "output_mode": self.output_mode.name(), "sparse": false,
            "name": self.base.name(), "dtype": self.base.policy().compute_dtype().name(),
        }))
    }

    fn takes_list(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        self.output_mode.one_of(&[OutputMode::Int, OutputMode::OneHot])?;
        if self.num_bins == 0 {
            fail!(InvalidArgument, "num_bins: expected at least 1, found 0");
        }
        match inputs {
            [a, b] if a.rank() == b.rank() && a.rank() <= 2 => Ok(()),
            [a, b] => fail!(ShapeMismatch, "inputs: expected equal shapes of up to 2 axes, found {a} and {b}"),
            several => Err(err!(InvalidArgument, "inputs: expected 2, found {}", several.len())
                .help("call the layer on two tensors: on([&a, &b])")),
        }
    }

    fn autocast(&self) -> bool {
        false
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let [a, b] = inputs else { fail!(InvalidArgument, "inputs: expected 2, found {}", inputs.len()) };
        let dtype = self.base.policy().compute_dtype();
        Ok(smallvec![encode(&a.hashed_cross(b, self.num_bins), self.output_mode, self.num_bins, dtype, None)?])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(vec![encoded_shape(&inputs[0], self.output_mode, self.num_bins)])
    }
}
