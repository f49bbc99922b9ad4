use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::affine::{Affine, affine_arguments};
use crate::layers::layer::common_arguments;
use crate::layers::lora::{LORA_KERNEL, Lora, LoraArguments, lora_arguments};
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, Weights};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Densely connected layer: `y = activation(x · kernel + bias)`.
///
/// # Shapes
/// `x`: `[batch, …, features]`; `y`: `[batch, …, units]`. `features` is fixed by the build.
/// # Weights
/// `kernel` `[features, units]` and, with `use_bias`, `bias` `[units]`; with `lora_rank`, `lora_kernel_a`
/// `[features, rank]` and `lora_kernel_b` `[rank, units]`.
/// # Errors
/// `rank_mismatch` below two axes; `dim_mismatch` when the last axis is not the built `features`.
/// # Source
/// Keras 3 `keras.layers.Dense`.
pub struct Dense {
    base: LayerBase,
    units: usize,
    affine: Affine,
    lora: LoraArguments,
}

impl Dense {
    /// A layer of so many units.
    pub fn new(units: usize) -> Self {
        Self { base: LayerBase::new("Dense"), units, affine: Affine::default(), lora: LoraArguments::default() }
    }

    common_arguments!();
    affine_arguments!();
    lora_arguments!();

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let (base, affine) = (LayerBase::from_config(config)?, Affine::from_config(config)?);
        Ok(Self { base, units: config.size("units")?, affine, lora: LoraArguments::from_config(config)? })
    }
}

impl Layer for Dense {
    fn class_name(&self) -> &str {
        "Dense"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut config = map(json!({"units": self.units}));
        config.extend(self.affine.arguments(None));
        config.insert("quantization_config".into(), Value::Null);
        self.lora.write(&self.base, &mut config);
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        if self.units == 0 {
            fail!(InvalidArgument, "units: expected at least 1, found 0");
        }
        if inputs[0].rank() < 2 {
            fail!(RankMismatch, "axes of the input: expected at least 2, found {}", inputs[0].rank());
        }
        self.affine.build(&[inputs[0].last_size()?, self.units], self.units, weights)?;
        LoraArguments { alpha: None, ..self.lora }.build(LORA_KERNEL, weights)
    }

    fn enable_lora(&self, lora: Lora) -> Result<()> {
        LoraArguments::enable(&self.base, lora, LORA_KERNEL)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn input_spec(&self) -> InputSpec {
        let spec = InputSpec::min_rank(2);
        match self.base.weights().first() {
            Some(kernel) => spec.with_axis(-1, kernel.variable.shape()[0]),
            None => spec,
        }
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let product = inputs[0].matmul(self.base.read_adapted());
        Ok(smallvec![self.affine.finish(&self.base, product, 1)])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let mut shape = inputs[0].clone();
        match shape.0.last_mut() {
            Some(last) => *last = Some(self.units),
            None => fail!(RankMismatch, "axes of the input: expected at least 2, found 0"),
        }
        Ok(vec![shape])
    }
}
