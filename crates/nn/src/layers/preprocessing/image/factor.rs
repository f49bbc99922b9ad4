//! Ranges that random arguments are drawn from.

use cornet_error::{Result, err, fail};
use serde_json::{Value, json};

use crate::saving::config::{Config, brief};

/// A range: given by its ends, or as one number `f` for `-f` to `f` as far as the layer allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factor {
    low: f64,
    high: f64,
    is_one: bool,
}

impl From<f64> for Factor {
    fn from(factor: f64) -> Self {
        Self { low: -factor.abs(), high: factor.abs(), is_one: true }
    }
}

impl From<(f64, f64)> for Factor {
    fn from((a, b): (f64, f64)) -> Self {
        Self { low: a.min(b), high: a.max(b), is_one: false }
    }
}

impl From<[f64; 2]> for Factor {
    fn from([a, b]: [f64; 2]) -> Self {
        (a, b).into()
    }
}

impl Factor {
    fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Array(pair) => match &pair[..] {
                [a, b] => Some((a.as_f64()?, b.as_f64()?).into()),
                _ => None,
            },
            one => one.as_f64().map(Self::from),
        }
    }

    /// The range of a config, or the default.
    pub(super) fn from_config<'a>(config: &Config<'a>, key: &'a str, default: impl Into<Self>) -> Result<Self> {
        let found = config.optional(key, "a number or two numbers", Self::from_json)?;
        Ok(found.unwrap_or_else(|| default.into()))
    }

    /// The range of a config, if there is one.
    pub(super) fn maybe<'a>(config: &Config<'a>, key: &'a str) -> Result<Option<Self>> {
        config.optional(key, "a number or two numbers", Self::from_json)
    }

    /// The ends within a layer's bounds, where a single number reaches down to the lower bound at most.
    pub(super) fn within(self, (least, most): (f64, f64)) -> (f64, f64) {
        if self.is_one { (self.low.max(least), self.high.min(most)) } else { (self.low, self.high) }
    }

    /// Fails unless the range is within bounds.
    pub(super) fn check(self, name: &str, (least, most): (f64, f64)) -> Result<()> {
        match self.high >= least && self.low <= most && self.high <= most.max(least) + 1e-9 && self.low.is_finite() {
            true => Ok(()),
            false => Err(err!(
                InvalidArgument,
                "{name}: expected numbers from {least} to {most}, found {} to {}",
                self.low,
                self.high
            )),
        }
    }

    /// The ends as a config has them.
    pub(super) fn ends(self, bounds: (f64, f64)) -> Value {
        let (low, high) = self.within(bounds);
        json!([low, high])
    }

    /// The number or the ends, as they were given.
    pub(super) fn as_given(self) -> Value {
        if self.is_one { json!(self.high) } else { json!([self.low, self.high]) }
    }
}

/// The least and the greatest value of pixels.
pub(super) fn value_range(config: &Config<'_>) -> Result<(f64, f64)> {
    match config.get("value_range") {
        Value::Null => Ok((0.0, 255.0)),
        Value::Array(pair) => {
            match (pair.len(), pair.first().and_then(Value::as_f64), pair.get(1).and_then(Value::as_f64)) {
                (2, Some(low), Some(high)) if low != high => Ok((low, high)),
                _ => fail!(
                    Corrupt,
                    "value_range: expected two different numbers, found {}",
                    brief(config.get("value_range"))
                ),
            }
        }
        other => fail!(Corrupt, "value_range: expected two numbers, found {}", brief(other)),
    }
}
