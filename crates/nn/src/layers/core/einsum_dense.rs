use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::einsum_spec::EinsumSpec;
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::affine::{Affine, activation_arguments, filter_arguments};
use crate::layers::layer::common_arguments;
use crate::layers::lora::{LORA_KERNEL, Lora, LoraArguments, lora_arguments};
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, Weights};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Densely connected layer over any axes: `y = activation(einsum(equation, x, kernel) + bias)`.
///
/// ```
/// use cornet_nn::layers::EinsumDense;
/// // To 8 heads of 64 features each.
/// let project = EinsumDense::new("abc,cde->abde", [None, Some(8), Some(64)]).bias_axes("de");
/// ```
///
/// # Shapes
/// As the equation has them, `ab,bc->ac`, `...b,bc->...c` or `ab...,bc->ac...`; the first axis is the batch.
/// # Weights
/// `kernel` with the axes of the second operand, and with `bias_axes` a `bias` from the first of these axes on, of size 1
/// in the others; with `lora_rank`, `lora_kernel_a` `[…, rank]` and `lora_kernel_b` `[rank, last size]`.
/// # Errors
/// `invalid_argument` for an equation, an output shape or bias axes that do not fit each other; `rank_mismatch`;
/// `dim_mismatch`.
/// # Source
/// Keras 3 `keras.layers.EinsumDense`.
pub struct EinsumDense {
    base: LayerBase,
    equation: String,
    output_shape: PartialShape,
    bias_axes: Option<String>,
    affine: Affine,
    lora: LoraArguments,
}

impl EinsumDense {
    /// A layer of this equation, whose output has these sizes, without the batch and what dots stand for. An open size
    /// is the input's.
    pub fn new(equation: impl Into<String>, output_shape: impl Into<PartialShape>) -> Self {
        Self {
            base: LayerBase::new("EinsumDense"),
            equation: equation.into(),
            output_shape: output_shape.into(),
            bias_axes: None,
            affine: Affine { use_bias: false, ..Affine::default() },
            lora: LoraArguments::default(),
        }
    }

    common_arguments!();
    filter_arguments!(
        "kernel",
        "glorot_uniform",
        kernel_initializer = affine.kernel_initializer,
        kernel_regularizer = affine.kernel_regularizer,
        kernel_constraint = affine.kernel_constraint
    );
    activation_arguments!();
    lora_arguments!();

    /// With a bias over these axes of the output, by their letters; by default without.
    #[must_use]
    pub fn bias_axes(mut self, axes: impl Into<String>) -> Self {
        self.bias_axes = Some(axes.into());
        self.affine.use_bias = true;
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = LayerBase::from_config(config)?;
        let equation = config.need("equation", "a text", Value::as_str)?.to_owned();
        let output_shape = match config.get("output_shape") {
            Value::Number(size) => PartialShape::from_json(&json!([size]))?,
            sizes => PartialShape::from_json(sizes)?,
        };
        let bias_axes = config.optional("bias_axes", "a text", Value::as_str)?.map(str::to_owned);
        let affine = Affine { use_bias: bias_axes.is_some(), ..Affine::from_config(config)? };
        Ok(Self { base, equation, output_shape, bias_axes, affine, lora: LoraArguments::from_config(config)? })
    }
}

impl Layer for EinsumDense {
    fn class_name(&self) -> &str {
        "EinsumDense"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut affine = self.affine.arguments(Some(self.base.activity_regularizer()));
        let activation = affine.shift_remove("activation");
        affine.shift_remove("use_bias");
        let mut config = map(json!({
            "output_shape": self.output_shape.to_json(), "equation": &self.equation,
            "activation": activation, "bias_axes": self.bias_axes,
        }));
        config.extend(affine);
        config.insert("quantization_config".into(), Value::Null);
        self.lora.write(&self.base, &mut config);
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        let spec = EinsumSpec::parse(&self.equation)?;
        let shapes = spec.shapes(&inputs[0], &self.output_shape, self.bias_axes.as_deref())?;
        let mut initializer = self.affine.kernel_initializer.clone();
        if let Initializer::VarianceScaling(scaled) = &mut initializer
            && (scaled.input_axes.is_none() || scaled.output_axes.is_none())
        {
            (scaled.input_axes, scaled.output_axes) = (Some(shapes.input_axes), Some(shapes.output_axes));
        }
        self.affine.build_kernel(&shapes.kernel, &initializer, weights)?;
        self.affine.build_bias(&shapes.bias.unwrap_or_default(), weights)?;
        self.lora.build(LORA_KERNEL, weights)
    }

    fn enable_lora(&self, lora: Lora) -> Result<()> {
        LoraArguments::enable(&self.base, lora, LORA_KERNEL)
    }

    fn input_spec(&self) -> InputSpec {
        self.base.build_shapes().first().map_or_else(InputSpec::default, |input| InputSpec::rank(input.rank()))
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let product = Tensor::einsum(&self.equation, &[&inputs[0], &self.base.read_adapted()]);
        Ok(smallvec![self.affine.finish(&self.base, product, 1)])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(vec![EinsumSpec::parse(&self.equation)?.output(&inputs[0], &self.output_shape)?])
    }
}
