use cornet_error::{Result, err, fail};
use cornet_ops::{Tensor, Variable};
use cornet_tensor::{DType, Shape};
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::scale::{Scale, scale_arguments, wide};
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, WeightSpec, Weights};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Keeps a division by the number of elements that count from failing: Keras's fuzz factor.
const FUZZ: f64 = 1e-7;

/// Brings each position along an axis to mean 0 and variance 1: `y = (x - mean) / √(variance + epsilon) · gamma + beta`.
///
/// In training, mean and variance are those of the batch, and the moving statistics follow them:
/// `moving ← moving · momentum + batch · (1 - momentum)`. Otherwise, and in a frozen layer (`trainable(false)`), the
/// moving statistics are used. What a mask leaves out does not count in the statistics of a batch.
///
/// # Shapes
/// `x`: `[batch, …]` with a fixed size of `axis`; `y` the same. A mask has one axis less than `x`.
/// # Weights
/// `gamma` and `beta`, as far as there are any, `moving_mean`, `moving_variance`, and with `renorm` `moving_stddev`,
/// `renorm_mean`, `renorm_stddev`: all of the axis's size, the moving ones not trained.
/// # Errors
/// `out_of_range` for an axis that is not there; `rank_mismatch` and `dim_mismatch` when the input is not the built one;
/// `rank_mismatch` for a mask of another rank.
/// # Source
/// Keras 3 `keras.layers.BatchNormalization`; Ioffe and Szegedy 2015; Ioffe 2017 (`renorm`).
pub struct BatchNormalization {
    base: LayerBase,
    axis: isize,
    momentum: f64,
    epsilon: f64,
    scale: Scale,
    moving_mean_initializer: Initializer,
    moving_variance_initializer: Initializer,
    synchronized: bool,
    renorm: bool,
    renorm_clipping: Option<RenormClipping>,
    renorm_momentum: f64,
}

/// Bounds of the corrections of batch renormalisation; none without a value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RenormClipping {
    /// Greatest factor.
    pub rmax: Option<f64>,
    /// Least factor.
    pub rmin: Option<f64>,
    /// Greatest magnitude of the offset.
    pub dmax: Option<f64>,
}

impl RenormClipping {
    fn from_json(value: &Value) -> Result<Option<Self>> {
        let Some(object) = value.as_object() else {
            return match value {
                Value::Null => Ok(None),
                other => fail!(Corrupt, "renorm_clipping: expected an object of rmax, rmin and dmax, found {other}"),
            };
        };
        let config = Config::new("renorm_clipping", object);
        let number = |key| config.optional(key, "a number", Value::as_f64);
        let clipping = Self { rmax: number("rmax")?, rmin: number("rmin")?, dmax: number("dmax")? };
        config.finish()?;
        Ok(Some(clipping))
    }

    fn to_json(self) -> Value {
        let given = [("rmax", self.rmax), ("rmin", self.rmin), ("dmax", self.dmax)];
        Value::Object(given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into()))).collect())
    }

    fn check(self) -> Result<()> {
        if let (Some(rmax), Some(rmin)) = (self.rmax, self.rmin)
            && rmax < rmin
        {
            fail!(InvalidArgument, "renorm_clipping: expected rmax of at least rmin = {rmin}, found {rmax}");
        }
        match self.dmax {
            Some(dmax) if dmax < 0.0 => {
                fail!(InvalidArgument, "renorm_clipping.dmax: expected 0 or more, found {dmax}")
            }
            _ => Ok(()),
        }
    }
}

impl Default for BatchNormalization {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchNormalization {
    /// Over all axes but the last.
    pub fn new() -> Self {
        Self {
            base: LayerBase::new("BatchNormalization"),
            axis: -1,
            momentum: 0.99,
            epsilon: 1e-3,
            scale: Scale::default(),
            moving_mean_initializer: Initializer::Zeros,
            moving_variance_initializer: Initializer::Ones,
            synchronized: false,
            renorm: false,
            renorm_clipping: None,
            renorm_momentum: 0.99,
        }
    }

    common_arguments!();
    scale_arguments!();

    /// With statistics for each position along this axis, the one of the features; by default the last.
    #[must_use]
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }

    /// With moving statistics that keep this part of themselves in each step; by default 0.99.
    #[must_use]
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// With this rule for the first `moving_mean`; by default `zeros`.
    #[must_use]
    pub fn moving_mean_initializer(mut self, initializer: impl Into<crate::arg::Arg<Initializer>>) -> Self {
        if let Some(initializer) = self.base.accept(initializer.into()) {
            self.moving_mean_initializer = initializer;
        }
        self
    }

    /// With this rule for the first `moving_variance`; by default `ones`.
    #[must_use]
    pub fn moving_variance_initializer(mut self, initializer: impl Into<crate::arg::Arg<Initializer>>) -> Self {
        if let Some(initializer) = self.base.accept(initializer.into()) {
            self.moving_variance_initializer = initializer;
        }
        self
    }

    /// With the statistics of all replicas' batches. There is one replica, so this changes nothing but the config.
    #[must_use]
    pub fn synchronized(mut self, synchronized: bool) -> Self {
        self.synchronized = synchronized;
        self
    }

    /// With corrections that bring the training's statistics to slowly moving ones; by default without.
    #[must_use]
    pub fn renorm(mut self, renorm: bool) -> Self {
        self.renorm = renorm;
        self
    }

    /// With these bounds of the corrections.
    #[must_use]
    pub fn renorm_clipping(mut self, clipping: RenormClipping) -> Self {
        self.renorm_clipping = Some(clipping);
        self
    }

    /// With corrections that keep this part of themselves in each step; by default 0.99.
    #[must_use]
    pub fn renorm_momentum(mut self, momentum: f64) -> Self {
        self.renorm_momentum = momentum;
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            base: LayerBase::from_config(config)?,
            axis: config.optional("axis", "an integer", Value::as_i64)?.unwrap_or(-1) as isize,
            momentum: config.float("momentum", 0.99)?,
            epsilon: config.float("epsilon", 1e-3)?,
            scale: Scale::from_config(config)?,
            moving_mean_initializer: Initializer::argument(config, "moving_mean_initializer", "zeros")?,
            moving_variance_initializer: Initializer::argument(config, "moving_variance_initializer", "ones")?,
            synchronized: config.flag("synchronized", false)?,
            renorm: config.flag("renorm", false)?,
            renorm_clipping: RenormClipping::from_json(config.get("renorm_clipping"))?,
            renorm_momentum: config.float("renorm_momentum", 0.99)?,
        })
    }

    /// One of the weights that are not trained, counted from `moving_mean`.
    fn moving(&self, place: usize) -> Result<&Variable> {
        match self.base.weights().get(self.scale.count() + place) {
            Some(weight) => Ok(&weight.variable),
            None => fail!(InvalidState, "layer '{}' is called before it is built", self.base.name()),
        }
    }

    /// Mean and variance of the batch, `[size of the axis]` each.
    fn moments(&self, x: &Tensor, mask: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
        let shape = x.shape()?;
        let axis = shape.axis(self.axis)?;
        let over: Vec<isize> = (0..shape.rank()).filter(|&a| a != axis).map(|a| a as isize).collect();
        if over.is_empty() {
            return Ok((x.clone(), Tensor::zeros_like(x)));
        }
        let Some(mask) = mask else { return Ok(x.moments(&over, false)) };
        let found = mask.shape()?;
        if found.rank() + 1 != shape.rank() {
            return Err(err!(RankMismatch, "mask: expected {} axes, found {}", shape.rank() - 1, found.rank())
                .operand("mask", &found)
                .operand("input", &shape));
        }
        let counts = mask.cast(DType::Bool).expand_dims(&[-1]).broadcast_to(&shape);
        let count = counts.cast(x.dtype()?).sum(&over, true) + FUZZ;
        let mean = counts.where_(x, 0).sum(&over, true) / &count;
        let variance = counts.where_(x - &mean, 0).square().sum(&over, true) / count;
        let size = [shape[axis]];
        Ok((mean.reshape(size), variance.reshape(size)))
    }

    /// Moves a statistic towards the batch's.
    fn follow(variable: &Variable, batch: &Tensor, momentum: f64) -> Result<Tensor> {
        let moved = variable.read().cast(batch.dtype()?) * momentum + batch * (1.0 - momentum);
        variable.assign(&moved.cast(variable.dtype()))?;
        Ok(moved)
    }

    /// Factor and offset of batch renormalisation; moves its statistics.
    fn renormalize(&self, mean: &Tensor, variance: &Tensor) -> Result<(Tensor, Tensor)> {
        let (dtype, clipping) = (mean.dtype()?, self.renorm_clipping.unwrap_or_default());
        let (renorm_mean, renorm_stddev) = (self.moving(3)?, self.moving(4)?);
        let stddev = (variance + self.epsilon).sqrt();
        let reference = renorm_stddev.read().cast(dtype).maximum(self.epsilon.sqrt());
        let mut r = &stddev / &reference;
        let mut d = (mean - renorm_mean.read().cast(dtype)) / reference;
        if let Some(rmin) = clipping.rmin {
            r = r.maximum(rmin);
        }
        if let Some(rmax) = clipping.rmax {
            r = r.minimum(rmax);
        }
        if let Some(dmax) = clipping.dmax {
            d = d.clip(-dmax, dmax);
        }
        Self::follow(renorm_mean, mean, self.renorm_momentum)?;
        Self::follow(renorm_stddev, &stddev, self.renorm_momentum)?;
        Self::follow(self.moving(0)?, mean, self.momentum)?;
        let moved = Self::follow(self.moving(2)?, &stddev, self.momentum)?;
        let moving_variance = self.moving(1)?;
        // Rounding could make it negative.
        moving_variance.assign(&(moved.square() - self.epsilon).relu().cast(moving_variance.dtype()))?;
        Ok((r.stop_gradient(), d.stop_gradient()))
    }
}

impl Layer for BatchNormalization {
    fn class_name(&self) -> &str {
        "BatchNormalization"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut config = map(json!({
            "axis": self.axis, "momentum": self.momentum, "epsilon": self.epsilon,
            "center": self.scale.center, "scale": self.scale.scale,
        }));
        config.extend(self.scale.arguments(json!({
            "moving_mean_initializer": self.moving_mean_initializer.to_json(),
            "moving_variance_initializer": self.moving_variance_initializer.to_json(),
        })));
        // Keras has an empty object here if it is used, and nothing if it is not.
        let default = self.renorm.then(RenormClipping::default);
        config.extend(map(json!({
            "synchronized": self.synchronized, "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping.or(default).map(RenormClipping::to_json),
            "renorm_momentum": self.renorm_momentum,
        })));
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        self.renorm_clipping.map_or(Ok(()), RenormClipping::check)?;
        let shape = Shape::new(&[inputs[0].size(self.axis)?]);
        self.scale.build(&shape, weights)?;
        let mean = |name| WeightSpec::new(name, shape.clone(), &self.moving_mean_initializer).non_trainable();
        let variance = |name| WeightSpec::new(name, shape.clone(), &self.moving_variance_initializer).non_trainable();
        weights.add(mean("moving_mean"))?;
        weights.add(variance("moving_variance"))?;
        if self.renorm {
            weights.add_mapped(variance("moving_stddev"), Tensor::sqrt)?;
            weights.add(mean("renorm_mean"))?;
            weights.add_mapped(variance("renorm_stddev"), Tensor::sqrt)?;
        }
        Ok(())
    }

    fn input_spec(&self) -> InputSpec {
        match (self.base.build_shapes().first(), self.base.weights().last()) {
            (Some(input), Some(moving)) => {
                InputSpec::rank(input.rank()).with_axis(self.axis, moving.variable.shape().elements())
            }
            _ => InputSpec::default(),
        }
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        let x = wide(&inputs[0])?;
        let (mut gamma, mut beta) = self.scale.read(&self.base, x.dtype()?);
        let (mean, variance) = if call.is_training() && self.base.trainable() {
            let (mean, variance) = self.moments(&x, call.mask(0))?;
            if self.renorm {
                let (r, d) = self.renormalize(&mean, &variance)?;
                let shift = gamma.as_ref().map_or_else(|| d.clone(), |gamma| &d * gamma);
                beta = Some(beta.map_or_else(|| shift.clone(), |beta| &shift + beta));
                gamma = Some(gamma.map_or_else(|| r.clone(), |gamma| &r * gamma));
            } else {
                Self::follow(self.moving(0)?, &mean, self.momentum)?;
                Self::follow(self.moving(1)?, &variance, self.momentum)?;
            }
            (mean, variance)
        } else {
            let read = |place| Ok(self.moving(place)?.read().cast(x.dtype()?));
            (read(0)?, read(1)?)
        };
        let y = x.batch_normalization(&mean, &variance, self.axis, beta.as_ref(), gamma.as_ref(), self.epsilon);
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
    fn training_follows_the_batch_and_a_frozen_layer_does_not() {
        let layer = BatchNormalization::new().momentum(0.5).epsilon(0.0);
        let x = Tensor::of([[1.0_f32, 10.0], [3.0, 30.0]]);
        let y = apply(&layer, std::slice::from_ref(&x), &Context::training()).unwrap();
        assert_eq!(y[0].to_vec::<f32>().unwrap(), [-1.0, -1.0, 1.0, 1.0]);
        let values = |name: &str| -> Vec<f32> {
            let weight = layer.base().weights().iter().find(|w| w.name == name).unwrap();
            weight.variable.value().unwrap().to_vec().unwrap()
        };
        assert_eq!(values("moving_mean"), [1.0, 10.0]);
        assert_eq!(values("moving_variance"), [1.0, 50.5]);
        layer.base().set_trainable(false);
        let y = apply(&layer, std::slice::from_ref(&x), &Context::training()).unwrap();
        assert_eq!(y[0].to_vec::<f32>().unwrap()[..2], [0.0, 0.0]);
        assert_eq!(values("moving_mean"), [1.0, 10.0]);
    }

    #[test]
    fn bounds_that_contradict_each_other_are_refused() {
        let clipping = RenormClipping { rmax: Some(0.5), rmin: Some(2.0), dmax: None };
        let layer = BatchNormalization::new().renorm(true).renorm_clipping(clipping);
        let error = apply(&layer, &[Tensor::of([[1.0_f32]])], &Context::inference()).unwrap_err();
        assert_eq!(error.code(), cornet_error::Code::InvalidArgument);
    }
}
