use std::sync::{Mutex, MutexGuard, PoisonError};

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::encode::{OutputMode, encode, encoded_shape, refuse_sparse};
use crate::arg::{Arg, Choice};
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;
use crate::training::IntoArrays;

/// Numbers as the bins that they fall into. Bin `i` reaches from boundary `i - 1` to below boundary `i`.
///
/// # Shapes
/// As they come with `int`; else as `CategoryEncoding` has them.
/// # Errors
/// `invalid_state` when it is called without boundaries: give them, or let [`Discretization::adapt`] find them.
/// # Source
/// Keras 3 `keras.layers.Discretization`.
pub struct Discretization {
    base: LayerBase,
    boundaries: Mutex<Option<Vec<f64>>>,
    num_bins: Option<usize>,
    epsilon: f64,
    output_mode: OutputMode,
}

impl Discretization {
    /// A layer with these boundaries, ascending.
    pub fn new(bin_boundaries: impl Into<Vec<f64>>) -> Self {
        Self { boundaries: Mutex::new(Some(bin_boundaries.into())), ..Self::bins_maybe(None) }
    }

    /// A layer of so many bins, whose boundaries [`Discretization::adapt`] finds.
    pub fn with_bins(num_bins: usize) -> Self {
        Self::bins_maybe(Some(num_bins))
    }

    fn bins_maybe(num_bins: Option<usize>) -> Self {
        let base = LayerBase::new("Discretization");
        Self { base, boundaries: Mutex::default(), num_bins, epsilon: 0.01, output_mode: OutputMode::Int }
    }

    common_arguments!();

    /// How exact the boundaries are that `adapt` finds, as a share of the samples; by default 0.01.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// With `int` (the default), `one_hot`, `multi_hot` or `count`.
    #[must_use]
    pub fn output_mode(mut self, mode: impl Into<Arg<OutputMode>>) -> Self {
        if let Some(mode) = self.base.accept(mode.into()) {
            self.output_mode = mode;
        }
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        refuse_sparse(config.flag("sparse", false)?)?;
        let numbers = |v: &Value| v.as_array()?.iter().map(Value::as_f64).collect::<Option<Vec<_>>>();
        let boundaries = config.optional("bin_boundaries", "a list of numbers", numbers)?;
        let num_bins = config.optional("num_bins", "an integer", Value::as_u64)?.map(|n| n as usize);
        let output_mode = OutputMode::parse(config.text("output_mode", "int")?)?;
        let (base, epsilon) = (LayerBase::from_config(config)?, config.float("epsilon", 0.01)?);
        Ok(Self { base, boundaries: Mutex::new(boundaries), num_bins, epsilon, output_mode })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<f64>>> {
        self.boundaries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The boundaries, if they are known.
    pub fn bin_boundaries(&self) -> Option<Vec<f64>> {
        self.lock().clone()
    }

    /// Finds boundaries that cut the samples into bins of about as many each, in place of those before. What was traced
    /// before keeps the old ones: adapt before a model is used.
    ///
    /// # Errors
    /// `invalid_state` if the boundaries are given; `empty_data`.
    pub fn adapt(&self, data: &dyn IntoArrays) -> Result<()> {
        let Some(num_bins) = self.num_bins else {
            return Err(err!(InvalidState, "adapt: expected a number of bins, found boundaries")
                .help("make the layer with Discretization::with_bins"));
        };
        if num_bins == 0 || !(self.epsilon > 0.0 && self.epsilon <= 1.0) {
            fail!(
                InvalidArgument,
                "num_bins, epsilon: expected at least 1, and above 0 to 1, found {num_bins}, {}",
                self.epsilon
            );
        }
        let mut summary = Summary::default();
        for array in data.arrays()? {
            let values = array.cast(DType::F32)?.to_vec::<f32>()?;
            if values.is_empty() {
                fail!(EmptyData, "adapt: expected numbers, found none");
            }
            summary = Summary::of(values, self.epsilon).merged(&summary).compressed(self.epsilon);
        }
        let found = summary.compressed(1.0 / num_bins as f64);
        let count = found.values.len().saturating_sub(1);
        *self.lock() = Some(found.values[..count].iter().map(|&x| f64::from(x)).collect());
        Ok(())
    }

    fn depth(&self) -> Result<usize> {
        match (&*self.lock(), self.num_bins) {
            (Some(boundaries), _) => Ok(boundaries.len() + 1),
            (None, Some(bins)) => Ok(bins),
            (None, None) => fail!(InvalidArgument, "num_bins, bin_boundaries: expected one of them, found none"),
        }
    }
}

/// Numbers in order, each standing for so many: Keras's sketch of a distribution, in its single precision.
#[derive(Clone, Debug, Default)]
struct Summary {
    values: Vec<f32>,
    weights: Vec<f32>,
}

impl Summary {
    fn of(mut values: Vec<f32>, epsilon: f64) -> Self {
        values.sort_by(f32::total_cmp);
        let step = (values.len() as f64 * epsilon).max(1.0);
        let kept: Vec<f32> = values.into_iter().skip((step - 1.0) as usize).step_by(step as usize).collect();
        Self { weights: vec![step as f32; kept.len()], values: kept }
    }

    fn merged(&self, other: &Self) -> Self {
        let both = |s: &Self| s.values.iter().copied().zip(s.weights.iter().copied()).collect::<Vec<_>>();
        let mut all = [both(self), both(other)].concat();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (values, weights) = all.into_iter().unzip();
        Self { values, weights }
    }

    fn compressed(&self, epsilon: f64) -> Self {
        if (self.values.len() as f64) * epsilon < 1.0 {
            return self.clone();
        }
        let mut total = 0.0_f32;
        let sums: Vec<f64> = self
            .weights
            .iter()
            .map(|w| {
                total += w;
                f64::from(total)
            })
            .collect();
        let last = sums.last().copied().unwrap_or(1.0);
        let shares: Vec<f64> = sums.iter().map(|s| f64::from((*s / last) as f32)).collect();
        let count = (1.0 / epsilon).ceil() as usize;
        let wanted: Vec<f64> = (0..count).map(|i| epsilon + i as f64 * epsilon).collect();
        let values: Vec<f64> = self.values.iter().map(|&v| f64::from(v)).collect();
        let new: Vec<f32> = wanted.iter().map(|&p| interpolate(p, &shares, &values) as f32).collect();
        let at: Vec<f64> = wanted.iter().map(|&p| interpolate(p, &shares, &sums)).collect();
        let weights = at.iter().enumerate().map(|(i, s)| (s - if i == 0 { 0.0 } else { at[i - 1] }) as f32).collect();
        Self { values: new, weights }
    }
}

/// The value at `x` on the line through the points; constant beyond its ends.
fn interpolate(x: f64, xs: &[f64], ys: &[f64]) -> f64 {
    let right = xs.partition_point(|&known| known <= x);
    match (right.checked_sub(1), right) {
        (None, _) => ys[0],
        (Some(left), right) if right == xs.len() => ys[left],
        (Some(left), right) => {
            let slope = (ys[right] - ys[left]) / (xs[right] - xs[left]);
            slope * (x - xs[left]) + ys[left]
        }
    }
}

impl Layer for Discretization {
    fn class_name(&self) -> &str {
        "Discretization"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }

    fn config(&self) -> Map<String, Value> {
        map(json!({
            "bin_boundaries": self.bin_boundaries(), "num_bins": self.num_bins, "epsilon": self.epsilon,
            "output_mode": self.output_mode.name(), "sparse": false, "name": self.base.name(),
            "dtype": self.base.policy().compute_dtype().name(),
        }))
    }

    fn build(&self, _inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        self.output_mode.one_of(&[OutputMode::Int, OutputMode::OneHot, OutputMode::MultiHot, OutputMode::Count])?;
        self.depth().map(|_| ())
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let Some(boundaries) = self.bin_boundaries() else {
            return Err(err!(InvalidState, "expected bin boundaries, found none").help("call adapt on samples first"));
        };
        let bounds: Vec<f32> = boundaries.iter().map(|&x| x as f32).collect();
        let bins = inputs[0].cast(DType::F32).digitize(&Tensor::from_slice(&bounds, [bounds.len()]));
        let dtype = if self.output_mode == OutputMode::Int { DType::I32 } else { self.base.policy().compute_dtype() };
        Ok(smallvec![encode(&bins, self.output_mode, bounds.len() + 1, dtype, None)?])
    }

    fn compute_output_dtype(&self, _inputs: &[DType], outputs: usize) -> Vec<DType> {
        let dtype = if self.output_mode == OutputMode::Int { DType::I32 } else { self.base.policy().compute_dtype() };
        vec![dtype; outputs]
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(vec![encoded_shape(&inputs[0], self.output_mode, self.depth()?)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_cut_samples_into_equal_bins() {
        let layer = Discretization::with_bins(4);
        layer.adapt(&Tensor::range(100).cast(DType::F32)).unwrap();
        let found = layer.bin_boundaries().unwrap();
        assert_eq!(found.len(), 3);
        for (found, expected) in found.iter().zip([24.0, 49.0, 74.0]) {
            assert!((found - expected).abs() <= 1.0, "{found} {expected}");
        }
    }
}
