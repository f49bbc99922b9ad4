use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::Shape;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::scale::{Scale, scale_arguments, wide};
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, Weights};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Brings each group of an example's channels to mean 0 and variance 1:
/// `y = (x - mean) / √(variance + epsilon) · gamma + beta`.
///
/// # Shapes
/// `x`: `[batch, …]` with a fixed size of `axis`, a multiple of the groups; `y` the same.
/// # Weights
/// `gamma` and `beta`, as far as there are any, of the axis's size.
/// # Errors
/// `out_of_range` for an axis that is not there; `invalid_argument` for groups that do not divide its size.
/// # Source
/// Keras 3 `keras.layers.GroupNormalization`; Wu and He 2018.
pub struct GroupNormalization {
    base: LayerBase,
    /// None for a group a channel.
    groups: Option<usize>,
    axis: isize,
    epsilon: f64,
    scale: Scale,
}

impl Default for GroupNormalization {
    fn default() -> Self {
        Self::new()
    }
}

impl GroupNormalization {
    /// 32 groups of the last axis.
    pub fn new() -> Self {
        let base = LayerBase::new("GroupNormalization");
        Self { base, groups: Some(32), axis: -1, epsilon: 1e-3, scale: Scale::default() }
    }

    common_arguments!();
    scale_arguments!();

    /// With so many groups, by default 32; with -1 a group for each channel, which is called instance normalisation.
    #[must_use]
    pub fn groups(mut self, groups: isize) -> Self {
        match groups {
            -1 => self.groups = None,
            1.. => self.groups = Some(groups as usize),
            _ => self.base.refuse(err!(InvalidArgument, "groups: expected at least 1, or -1, found {groups}")),
        }
        self
    }

    /// With this axis as the one of the channels; by default the last.
    #[must_use]
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let layer = Self {
            base: LayerBase::from_config(config)?,
            groups: None,
            axis: config.optional("axis", "an integer", Value::as_i64)?.unwrap_or(-1) as isize,
            epsilon: config.float("epsilon", 1e-3)?,
            scale: Scale::from_config(config)?,
        };
        Ok(layer.groups(config.optional("groups", "an integer", Value::as_i64)?.unwrap_or(32) as isize))
    }

    /// How many groups there are of so many channels.
    fn count(&self, channels: usize) -> Result<usize> {
        let groups = self.groups.unwrap_or(channels);
        match groups > 0 && channels.is_multiple_of(groups) && channels >= groups {
            true => Ok(groups),
            false => Err(err!(InvalidArgument, "groups: expected a divisor of {channels}, found {groups}")
                .operand("channels", channels)),
        }
    }
}

impl Layer for GroupNormalization {
    fn class_name(&self) -> &str {
        "GroupNormalization"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        // Keras's build writes down how many groups -1 stands for.
        let found = self.base.build_shapes().first().and_then(|input| input.size(self.axis).ok());
        let groups = self.groups.or(found).map_or(-1, |groups| groups as i64);
        let mut config = map(json!({
            "groups": groups, "axis": self.axis, "epsilon": self.epsilon,
            "center": self.scale.center, "scale": self.scale.scale,
        }));
        config.extend(self.scale.arguments(json!({})));
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        if inputs[0].axis(self.axis)? == 0 {
            fail!(InvalidArgument, "axis: expected another one than the batch, found {}", self.axis);
        }
        let channels = inputs[0].size(self.axis)?;
        self.count(channels)?;
        self.scale.build(&Shape::new(&[channels]), weights)
    }

    fn input_spec(&self) -> InputSpec {
        match self.base.build_shapes().first().map(|input| (input.rank(), input.size(self.axis))) {
            Some((rank, Ok(channels))) => InputSpec::rank(rank).with_axis(self.axis, channels),
            _ => InputSpec::default(),
        }
    }

    fn autocast(&self) -> bool {
        false
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let x = wide(&inputs[0])?;
        let shape = x.shape()?;
        let axis = shape.axis(self.axis)?;
        let groups = self.count(shape[axis])?;
        let split = |other: &dyn Fn(usize) -> usize| -> Shape {
            let sizes =
                (0..shape.rank()).map(|a| if a == axis { vec![groups, shape[a] / groups] } else { vec![other(a)] });
            sizes.flatten().collect()
        };
        let (grouped, row) = (x.reshape(split(&|a| shape[a])), split(&|_| 1));
        let over: Vec<isize> = (1..=shape.rank()).filter(|&a| a != axis).map(|a| a as isize).collect();
        let (mean, variance) = grouped.moments(&over, true);
        let (gamma, beta) = self.scale.read(&self.base, x.dtype()?);
        let mut factor = (variance + self.epsilon).rsqrt();
        if let Some(gamma) = gamma {
            factor = factor * gamma.reshape(row.clone());
        }
        let mut shift = -mean * &factor;
        if let Some(beta) = beta {
            shift = shift + beta.reshape(row);
        }
        let y = (grouped * factor + shift).cast(inputs[0].dtype()?).reshape(shape);
        Ok(smallvec![y.cast(self.base.policy().compute_dtype())])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        inputs[0].axis(self.axis)?;
        Ok(vec![inputs[0].clone()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Context, apply};

    #[test]
    fn groups_are_normalised_by_themselves() {
        let layer = GroupNormalization::new().groups(2).epsilon(0.0);
        let x = Tensor::of([[1.0_f32, 3.0, 10.0, 30.0]]);
        let y = apply(&layer, &[x], &Context::inference()).unwrap();
        assert_eq!(y[0].to_vec::<f32>().unwrap(), [-1.0, 1.0, -1.0, 1.0]);
    }

    #[test]
    fn groups_that_do_not_divide_the_channels_are_refused() {
        for groups in [0, -2, 3, 8] {
            let layer = GroupNormalization::new().groups(groups);
            let error = apply(&layer, &[Tensor::of([[1.0_f32; 4]])], &Context::inference()).unwrap_err();
            assert_eq!(error.code(), cornet_error::Code::InvalidArgument, "{groups}");
        }
    }
}
