use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use super::{LearningRateSchedule, Steps, constant, named};
use crate::saving::config::{Config, map};

/// One rate up to the first boundary, another up to the second, and so on.
///
/// After s steps: `values[0]` if `s <= boundaries[0]`, `values[i]` if `boundaries[i - 1] < s <= boundaries[i]`, the last
/// value beyond the last boundary.
///
/// # Source
/// Keras 3 `keras.optimizers.schedules.PiecewiseConstantDecay`.
#[derive(Clone, Debug, PartialEq)]
pub struct PiecewiseConstantDecay {
    boundaries: Vec<Steps>,
    values: Vec<f64>,
    name: String,
}

impl PiecewiseConstantDecay {
    /// Rates between boundaries: one more than these.
    pub fn new(boundaries: impl IntoIterator<Item = impl Into<Steps>>, values: impl IntoIterator<Item = f64>) -> Self {
        let boundaries = boundaries.into_iter().map(Into::into).collect();
        Self { boundaries, values: values.into_iter().collect(), name: "PiecewiseConstant".into() }
    }

    named!();

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let numbers = |value: &Value| value.as_array()?.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>();
        let boundaries = config.need("boundaries", "numbers", numbers)?;
        let values = config.need("values", "numbers", numbers)?;
        Ok(Self::new(boundaries, values).name(config.text("name", "PiecewiseConstant")?))
    }
}

impl LearningRateSchedule for PiecewiseConstantDecay {
    fn class_name(&self) -> &str {
        "PiecewiseConstantDecay"
    }

    fn rate(&self, step: &Tensor) -> Tensor {
        if let Err(error) = self.check() {
            return Tensor::failed(error);
        }
        let Some((last, values)) = self.values.split_last() else {
            return Tensor::failed(err!(InvalidArgument, "values: expected at least one, found none"));
        };
        // Boundaries count whole steps.
        let pieces = self.boundaries.iter().zip(values).rev();
        pieces.fold(constant(*last), |rest, (boundary, value)| {
            step.less_equal(boundary.0 as i64).where_(constant(*value), rest)
        })
    }

    fn check(&self) -> Result<()> {
        let (boundaries, values) = (self.boundaries.len(), self.values.len());
        if values != boundaries + 1 || boundaries == 0 {
            fail!(InvalidArgument, "values: expected one more than the {boundaries} boundaries, found {values}");
        }
        if !self.boundaries.is_sorted_by(|a, b| a.0 <= b.0) {
            fail!(InvalidArgument, "boundaries: expected them in ascending order");
        }
        Ok(())
    }

    fn config(&self) -> Map<String, Value> {
        let boundaries: Vec<Value> = self.boundaries.iter().map(|b| b.to_json()).collect();
        map(json!({"boundaries": boundaries, "values": self.values, "name": self.name}))
    }
}
