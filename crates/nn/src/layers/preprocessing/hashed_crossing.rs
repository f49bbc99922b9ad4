use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use super::encode::OutputMode;
use super::hashing::Bins;
use crate::arg::Arg;
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
    bins: Bins,
}

impl HashedCrossing {
    /// A layer of so many bins.
    pub fn new(num_bins: usize) -> Self {
        let (base, bins) = Bins::new("HashedCrossing", num_bins);
        Self { base, bins }
    }

    common_arguments!();

    /// With `int` (the default) or `one_hot`.
    #[must_use]
    pub fn output_mode(mut self, mode: impl Into<Arg<OutputMode>>) -> Self {
        self.bins.set_mode(&mut self.base, mode.into());
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let (base, bins) = Bins::from_config(config)?;
        Ok(Self { base, bins })
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
            "num_bins": self.bins.count, "output_mode": self.bins.mode.name(), "sparse": false,
            "name": self.base.name(), "dtype": self.base.policy().compute_dtype().name(),
        }))
    }

    fn takes_list(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        self.bins.check(&[OutputMode::Int, OutputMode::OneHot])?;
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
        self.bins.encode(&self.base, &a.hashed_cross(b, self.bins.count))
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(self.bins.output_shape(&inputs[0]))
    }
}
