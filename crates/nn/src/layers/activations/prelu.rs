use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::arg::Arg;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, WeightSpec, Weights};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// `x`, or `alpha · x` where x < 0, with slopes that are learned.
///
/// # Shapes
/// As they come; all sizes but the batch's must be known, apart from those of shared axes.
/// # Weights
/// `alpha`: the input's shape without the batch, with 1 for each shared axis.
/// # Errors
/// `dim_mismatch` for an open size; `out_of_range` for a shared axis that is not there.
/// # Source
/// Keras 3 `keras.layers.PReLU`; He et al., "Delving deep into rectifiers" (2015).
pub struct PReLU {
    base: LayerBase,
    alpha_initializer: Initializer,
    alpha_regularizer: Option<Regularizer>,
    alpha_constraint: Option<Constraint>,
    shared_axes: Option<Vec<usize>>,
}

impl Default for PReLU {
    fn default() -> Self {
        Self::new()
    }
}

impl PReLU {
    /// The layer with slopes that begin with 0, one for each element.
    pub fn new() -> Self {
        Self::of(LayerBase::new("PReLU"))
    }

    fn of(base: LayerBase) -> Self {
        Self {
            base,
            alpha_initializer: Initializer::Zeros,
            alpha_regularizer: None,
            alpha_constraint: None,
            shared_axes: None,
        }
    }

    /// With this rule for the first slopes; by default `zeros`.
    #[must_use]
    pub fn alpha_initializer(mut self, initializer: impl Into<Arg<Initializer>>) -> Self {
        if let Some(initializer) = self.base.accept(initializer.into()) {
            self.alpha_initializer = initializer;
        }
        self
    }

    /// With this penalty on the slopes.
    #[must_use]
    pub fn alpha_regularizer(mut self, regularizer: impl Into<Arg<Regularizer>>) -> Self {
        self.alpha_regularizer = self.base.accept(regularizer.into());
        self
    }

    /// With this bound on the slopes.
    #[must_use]
    pub fn alpha_constraint(mut self, constraint: impl Into<Arg<Constraint>>) -> Self {
        self.alpha_constraint = self.base.accept(constraint.into());
        self
    }

    /// With one slope for all elements along these axes, counted from 1; such as 1 and 2 for images with channels last.
    #[must_use]
    pub fn shared_axes(mut self, axes: impl IntoIterator<Item = usize>) -> Self {
        self.shared_axes = Some(axes.into_iter().collect());
        self
    }

    common_arguments!();

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let default = Self::of(LayerBase::from_config(config)?);
        Ok(Self {
            alpha_initializer: match config.get("alpha_initializer") {
                Value::Null => default.alpha_initializer,
                value => Initializer::from_json(value)?,
            },
            alpha_regularizer: Regularizer::from_json(config.get("alpha_regularizer"))?,
            alpha_constraint: Constraint::from_json(config.get("alpha_constraint"))?,
            shared_axes: config.sizes("shared_axes")?,
            base: default.base,
        })
    }
}

impl Layer for PReLU {
    fn class_name(&self) -> &str {
        "PReLU"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({
            "alpha_initializer": self.alpha_initializer.to_json(),
            "alpha_regularizer": self.alpha_regularizer.map_or(Value::Null, |r| r.to_json()),
            "alpha_constraint": self.alpha_constraint.map_or(Value::Null, |c| c.to_json()),
            "shared_axes": self.shared_axes,
        }))
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        let shape = inputs.first().map(|shape| &shape.0[..]).unwrap_or_default();
        let shared = self.shared_axes.as_deref().unwrap_or_default();
        if let Some(axis) = shared.iter().find(|&&axis| axis == 0 || axis >= shape.len()) {
            fail!(OutOfRange, "shared_axes: expected axes from 1 to {}, found {axis}", shape.len().saturating_sub(1));
        }
        let size = |(axis, size): (usize, &Option<usize>)| match size {
            _ if shared.contains(&axis) => Ok(1),
            Some(size) => Ok(*size),
            None => fail!(DimMismatch, "axis {axis} of the input: expected a known size, found an open one"),
        };
        let sizes = shape.iter().enumerate().skip(1).map(size).collect::<Result<Vec<usize>>>()?;
        let spec = WeightSpec::new("alpha", &sizes[..], &self.alpha_initializer);
        weights.add(spec.regularizer(self.alpha_regularizer).constraint(self.alpha_constraint))
    }

    fn has_build(&self) -> bool {
        true
    }

    fn input_spec(&self) -> InputSpec {
        let Some(built) = self.base.build_shapes().first() else { return InputSpec::default() };
        let shared = self.shared_axes.as_deref().unwrap_or_default();
        let sizes = built.0.iter().enumerate().skip(1).filter(|(axis, _)| !shared.contains(axis));
        sizes.fold(InputSpec::rank(built.rank()), |spec, (axis, size)| match size {
            Some(size) => spec.with_axis(axis as isize, *size),
            None => spec,
        })
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let x = &inputs[0];
        Ok(smallvec![x.relu() - self.base.read(0) * (-x).relu()])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(inputs.to_vec())
    }
}
