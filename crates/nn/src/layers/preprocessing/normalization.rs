use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType, Shape};
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::initializers::Initializer;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors, WeightSpec, Weights, build};
use crate::random::Seeds;
use crate::saving::config::{Config, brief, map};
use crate::shape::PartialShape;
use crate::training::IntoArrays;

/// Shifts and scales inputs to mean 0 and variance 1: `y = (x - mean) / max(√variance, 10⁻⁷)`, by statistics that are
/// given or taken from data by [`Normalization::adapt`].
///
/// # Shapes
/// As they come; the axes of `axis` keep statistics of their own.
/// # Weights
/// `mean`, `variance` of the kept axes and `count`, unless the statistics are given.
/// # Source
/// Keras 3 `keras.layers.Normalization`.
pub struct Normalization {
    base: LayerBase,
    axis: Vec<isize>,
    given: Option<(Value, Value)>,
    invert: bool,
}

impl Default for Normalization {
    fn default() -> Self {
        Self::new()
    }
}

impl Normalization {
    /// With statistics for each index of the last axis.
    pub fn new() -> Self {
        Self { base: LayerBase::new("Normalization"), axis: vec![-1], given: None, invert: false }
    }

    common_arguments!();

    /// With statistics of their own for these axes; for none of them, one for all.
    #[must_use]
    pub fn axis(mut self, axis: impl Into<Vec<isize>>) -> Self {
        self.axis = axis.into();
        self
    }

    /// With one mean and one variance for all.
    #[must_use]
    pub fn statistics(mut self, mean: f64, variance: f64) -> Self {
        self.given = Some((json!(mean), json!(variance)));
        self
    }

    /// With a mean and a variance for each index of the kept axis.
    #[must_use]
    pub fn statistics_each(mut self, mean: impl Into<Vec<f64>>, variance: impl Into<Vec<f64>>) -> Self {
        self.given = Some((json!(mean.into()), json!(variance.into())));
        self
    }

    /// Turned around: from normalised numbers to those that there were.
    #[must_use]
    pub fn invert(mut self, invert: bool) -> Self {
        self.invert = invert;
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let axis = match config.get("axis") {
            Value::Null => Vec::new(),
            Value::Array(list) => {
                let axes: Option<Vec<isize>> = list.iter().map(|n| n.as_i64().map(|n| n as isize)).collect();
                axes.ok_or_else(|| err!(Corrupt, "Normalization.axis: found {}", brief(config.get("axis"))))?
            }
            one => {
                vec![one.as_i64().ok_or_else(|| err!(Corrupt, "Normalization.axis: found {}", brief(one)))? as isize]
            }
        };
        let given = match (config.get("mean"), config.get("variance")) {
            (Value::Null, Value::Null) => None,
            (Value::Null, _) | (_, Value::Null) => {
                fail!(InvalidArgument, "mean, variance: expected both or none, found one")
            }
            (mean, variance) => Some((mean.clone(), variance.clone())),
        };
        let (base, invert) = (LayerBase::from_config(config)?, config.flag("invert", false)?);
        Ok(Self { base, axis, given, invert })
    }

    /// The kept axes of inputs of a rank, ascending.
    fn kept(&self, rank: usize) -> Result<Vec<usize>> {
        let place = |&axis: &isize| {
            let place = if axis < 0 { rank.checked_sub(axis.unsigned_abs()) } else { Some(axis as usize) };
            let found = place.filter(|&place| place < rank);
            found.ok_or_else(|| err!(OutOfRange, "axis: expected one of {rank}, found {axis}"))
        };
        let mut kept = self.axis.iter().map(place).collect::<Result<Vec<_>>>()?;
        kept.sort_unstable();
        Ok(kept)
    }

    /// Takes mean and variance from data, in place of those before.
    ///
    /// # Errors
    /// `invalid_state` if the statistics are given; `shape_mismatch` for samples of another shape than the layer's;
    /// `empty_data`.
    pub fn adapt(&self, data: &dyn IntoArrays) -> Result<()> {
        if self.given.is_some() {
            fail!(InvalidState, "adapt: expected a layer without mean and variance, found one that was given them");
        }
        let Some(data) = data.arrays()?.into_iter().next() else {
            fail!(EmptyData, "adapt: expected data, found none")
        };
        if data.elements() == 0 {
            fail!(EmptyData, "adapt: expected samples, found none");
        }
        let kept = self.kept(data.shape().rank())?;
        let axes: Vec<isize> = (0..data.shape().rank()).filter(|a| !kept.contains(a)).map(|a| a as isize).collect();
        let x = Tensor::from(data.clone()).cast(self.base.policy().compute_dtype());
        let (mean, variance) = match axes.is_empty() {
            true => (x.clone(), Tensor::full(x.shape()?, 0.0, x.dtype()?)),
            false => (x.mean(&axes, false), x.var(&axes, false)),
        };
        let found = (mean.array()?, variance.array()?);
        if !self.base.is_built() {
            build(self, &[PartialShape::from(data.shape().clone())], "", &Seeds::common())?;
        }
        self.set(&found.0, &found.1)
    }

    fn set(&self, mean: &Array, variance: &Array) -> Result<()> {
        for (weight, value) in self.base.weights().iter().zip([mean, variance]) {
            if weight.variable.shape() != value.shape() {
                let (expected, found) = (weight.variable.shape(), value.shape());
                fail!(ShapeMismatch, "adapt: expected statistics of shape {expected}, found {found}");
            }
            weight.variable.set(value.cast(weight.variable.dtype())?)?;
        }
        Ok(())
    }

    /// A given statistic, aligned with the kept axes from the right.
    fn aligned(value: &Value, kept: &[usize], rank: usize, dtype: DType) -> Result<Tensor> {
        let (mut numbers, mut shape) = (Vec::new(), Vec::new());
        flatten(value, 0, &mut shape, &mut numbers)?;
        if shape.len() > kept.len() && numbers.len() > 1 {
            fail!(ShapeMismatch, "mean, variance: expected at most {} axes, found {}", kept.len(), shape.len());
        }
        let mut full = vec![1; rank];
        for (size, &axis) in shape.iter().rev().zip(kept.iter().rev()) {
            full[axis] = *size;
        }
        Ok(Tensor::from(Array::from_f64(dtype, Shape::from(full), &numbers)?))
    }

    /// Mean and variance as they meet inputs of a shape.
    fn statistics_for(&self, shape: &Shape) -> Result<(Tensor, Tensor)> {
        let (rank, dtype) = (shape.rank(), self.base.policy().compute_dtype());
        let kept = self.kept(rank)?;
        if let Some((mean, variance)) = &self.given {
            return Ok((Self::aligned(mean, &kept, rank, dtype)?, Self::aligned(variance, &kept, rank, dtype)?));
        }
        let wide: Vec<usize> = (0..rank).map(|axis| if kept.contains(&axis) { shape[axis] } else { 1 }).collect();
        Ok((self.base.read(0).reshape(wide.clone()), self.base.read(1).reshape(wide)))
    }
}

fn flatten(value: &Value, depth: usize, shape: &mut Vec<usize>, out: &mut Vec<f64>) -> Result<()> {
    match value {
        Value::Array(list) => {
            match shape.get(depth) {
                None if out.is_empty() && depth < 16 => shape.push(list.len()),
                Some(&size) if size == list.len() => {}
                _ => fail!(Corrupt, "statistics: expected lists of one length, found others"),
            }
            list.iter().try_for_each(|inner| flatten(inner, depth + 1, shape, out))
        }
        one => match one.as_f64().filter(|_| depth == shape.len()) {
            Some(number) => {
                out.push(number);
                Ok(())
            }
            None => fail!(Corrupt, "statistics: expected numbers, found {}", brief(one)),
        },
    }
}

impl Layer for Normalization {
    fn class_name(&self) -> &str {
        "Normalization"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let (mean, variance) = self.given.clone().unwrap_or_default();
        map(json!({"axis": self.axis, "invert": self.invert, "mean": mean, "variance": variance}))
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        let kept = self.kept(inputs[0].rank())?;
        if self.given.is_some() {
            return Ok(());
        }
        let mut shape = Vec::new();
        for axis in kept {
            match inputs[0][axis] {
                Some(size) => shape.push(size),
                None => fail!(InvalidArgument, "axis {axis}: expected a known size for its statistics, found none"),
            }
        }
        weights.add(WeightSpec::new("mean", shape.clone(), &Initializer::Zeros).non_trainable())?;
        weights.add(WeightSpec::new("variance", shape, &Initializer::Ones).non_trainable())?;
        weights.add(
            WeightSpec::new("count", Vec::<usize>::new(), &Initializer::Zeros).non_trainable().dtype(DType::I64),
        )?;
        Ok(())
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let x = inputs[0].cast(self.base.policy().compute_dtype());
        let (mean, variance) = self.statistics_for(&x.shape()?)?;
        let deviation = variance.sqrt().maximum(1e-7);
        Ok(smallvec![if self.invert { mean + x * deviation } else { (x - mean) / deviation }])
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(inputs.to_vec())
    }
}
