//! Bounds on gradients.

use cornet_error::Result;
use cornet_ops::Tensor;

/// A bound on gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Clip {
    /// On the norm of each.
    Norm(f64),
    /// On the norm of all together.
    GlobalNorm(f64),
    /// On each element's magnitude.
    Value(f64),
}

/// Makes a bound from its limit.
type Maker = fn(f64) -> Clip;

/// The words of a config.
pub(super) const KINDS: [(&str, Maker); 3] =
    [("clipnorm", Clip::Norm), ("global_clipnorm", Clip::GlobalNorm), ("clipvalue", Clip::Value)];

impl Clip {
    pub fn key(self) -> &'static str {
        match self {
            Clip::Norm(_) => "clipnorm",
            Clip::GlobalNorm(_) => "global_clipnorm",
            Clip::Value(_) => "clipvalue",
        }
    }

    pub fn limit(self) -> f64 {
        match self {
            Clip::Norm(limit) | Clip::GlobalNorm(limit) | Clip::Value(limit) => limit,
        }
    }

    pub fn apply(self, gradients: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let limit = self.limit();
        if limit <= 0.0 {
            return Ok(gradients);
        }
        let squares = |g: &Tensor| g.square().sum(&[], false);
        Ok(match self {
            Clip::Value(_) => gradients.iter().map(|g| g.maximum(-limit).minimum(limit)).collect(),
            Clip::Norm(_) => gradients.iter().map(|g| g * limit / squares(g).sqrt().maximum(limit)).collect(),
            Clip::GlobalNorm(_) => match gradients.iter().map(squares).reduce(|a, b| a + b) {
                Some(total) => {
                    let norm = total.sqrt();
                    // An infinite norm makes every gradient NaN, so that it is seen.
                    let scale = norm.isfinite().where_(limit / norm.maximum(limit), f64::NAN);
                    gradients.iter().map(|g| g * &scale).collect()
                }
                None => gradients,
            },
        })
    }
}
