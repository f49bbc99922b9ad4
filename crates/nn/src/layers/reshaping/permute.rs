use cornet_error::{Result, err};
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::kept_dtypes;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Puts the axes of each sample in another order.
///
/// # Shapes
/// `x`: `[batch, …]`; axis `i` of the samples of `y` is axis `dims[i]` of `x`, counted from 1.
/// # Errors
/// `invalid_argument` unless `dims` are the numbers from 1 on, each once; `rank_mismatch`.
/// # Source
/// Keras 3 `keras.layers.Permute`.
pub struct Permute {
    base: LayerBase,
    dims: Vec<usize>,
}

impl Permute {
    /// In this order: the axes of the samples, counted from 1.
    pub fn new(dims: impl Into<Vec<usize>>) -> Self {
        Self { base: LayerBase::new("Permute"), dims: dims.into() }
    }

    common_arguments!();

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let dims = config.sizes("dims")?.unwrap_or_default();
        Ok(Self { base: LayerBase::from_config(config)?, dims })
    }

    fn check(&self) -> Result<()> {
        let mut sorted = self.dims.clone();
        sorted.sort_unstable();
        match sorted.iter().copied().eq(1..=self.dims.len()) {
            true => Ok(()),
            false => Err(err!(
                InvalidArgument,
                "dims: expected the numbers from 1 to {}, found {:?}",
                self.dims.len(),
                self.dims
            )
            .help("the batch, axis 0, stays where it is")),
        }
    }
}

impl Layer for Permute {
    fn class_name(&self) -> &str {
        "Permute"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"dims": &self.dims}))
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        self.compute_output_shape(inputs).map(|_| ())
    }

    fn input_spec(&self) -> InputSpec {
        InputSpec::rank(self.dims.len() + 1)
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let axes: Vec<isize> = [0].into_iter().chain(self.dims.iter().map(|&axis| axis as isize)).collect();
        Ok(smallvec![inputs[0].transpose(&axes)])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        self.check()?;
        self.input_spec().check_partial(&inputs[0])?;
        let sizes = [0].iter().chain(&self.dims).map(|&axis| inputs[0][axis]);
        Ok(vec![PartialShape(sizes.collect())])
    }

    fn compute_output_dtype(&self, inputs: &[DType], _outputs: usize) -> Vec<DType> {
        kept_dtypes(&self.base, inputs)
    }
}
