//! What normalisations with a scale `gamma` and an offset `beta` have in common.

use cornet_error::Result;
use cornet_ops::Tensor;
use cornet_tensor::{DType, Shape};
use serde_json::{Map, Value, json};

use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::{LayerBase, WeightSpec, Weights};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};

/// The weights `gamma` and `beta`, and their arguments.
pub(crate) struct Scale {
    pub center: bool,
    pub scale: bool,
    pub beta_initializer: Initializer,
    pub gamma_initializer: Initializer,
    pub beta_regularizer: Option<Regularizer>,
    pub gamma_regularizer: Option<Regularizer>,
    pub beta_constraint: Option<Constraint>,
    pub gamma_constraint: Option<Constraint>,
}

impl Default for Scale {
    fn default() -> Self {
        Self {
            center: true,
            scale: true,
            beta_initializer: Initializer::Zeros,
            gamma_initializer: Initializer::Ones,
            beta_regularizer: None,
            gamma_regularizer: None,
            beta_constraint: None,
            gamma_constraint: None,
        }
    }
}

impl Scale {
    pub fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            center: config.flag("center", true)?,
            scale: config.flag("scale", true)?,
            beta_initializer: Initializer::argument(config, "beta_initializer", "zeros")?,
            gamma_initializer: Initializer::argument(config, "gamma_initializer", "ones")?,
            beta_regularizer: Regularizer::from_json(config.get("beta_regularizer"))?,
            gamma_regularizer: Regularizer::from_json(config.get("gamma_regularizer"))?,
            beta_constraint: Constraint::from_json(config.get("beta_constraint"))?,
            gamma_constraint: Constraint::from_json(config.get("gamma_constraint"))?,
        })
    }

    /// The arguments in Keras's order, with what a class has between the initializers and the rest.
    pub fn arguments(&self, between: Value) -> Map<String, Value> {
        let regularizer = |r: &Option<Regularizer>| r.as_ref().map_or(Value::Null, Regularizer::to_json);
        let constraint = |c: &Option<Constraint>| c.as_ref().map_or(Value::Null, Constraint::to_json);
        let mut config = map(json!({
            "beta_initializer": self.beta_initializer.to_json(), "gamma_initializer": self.gamma_initializer.to_json(),
        }));
        config.extend(map(between));
        config.extend(map(json!({
            "beta_regularizer": regularizer(&self.beta_regularizer),
            "gamma_regularizer": regularizer(&self.gamma_regularizer),
            "beta_constraint": constraint(&self.beta_constraint),
            "gamma_constraint": constraint(&self.gamma_constraint),
        })));
        config
    }

    /// Makes `gamma` and `beta`, as far as there are any.
    pub fn build(&self, shape: &Shape, weights: &mut Weights<'_>) -> Result<()> {
        if self.scale {
            let spec = WeightSpec::new("gamma", shape.clone(), &self.gamma_initializer);
            weights.add(spec.regularizer(self.gamma_regularizer).constraint(self.gamma_constraint))?;
        }
        if self.center {
            let spec = WeightSpec::new("beta", shape.clone(), &self.beta_initializer);
            weights.add(spec.regularizer(self.beta_regularizer).constraint(self.beta_constraint))?;
        }
        Ok(())
    }

    /// How many weights there are of the two.
    pub fn count(&self) -> usize {
        usize::from(self.scale) + usize::from(self.center)
    }

    /// `gamma` and `beta` in a dtype.
    pub fn read(&self, base: &LayerBase, dtype: DType) -> (Option<Tensor>, Option<Tensor>) {
        let read = |place: usize| base.weights().get(place).map(|w| w.variable.read().cast(dtype));
        let gamma = if self.scale { read(0) } else { None };
        let beta = if self.center { read(usize::from(self.scale)) } else { None };
        (gamma, beta)
    }
}

/// The tensor in the dtype that statistics are computed in: at least float32.
pub(crate) fn wide(x: &Tensor) -> Result<Tensor> {
    let dtype = x.dtype()?;
    Ok(x.cast(if dtype.is_float() && dtype.size() > DType::F32.size() { dtype } else { DType::F32 }))
}

/// The builder methods of normalisations with `gamma` and `beta`.
macro_rules! scale_arguments {
    () => {
        /// With an offset `beta` (the default), or without.
        #[must_use]
        pub fn center(mut self, center: bool) -> Self {
            self.scale.center = center;
            self
        }

        /// With a factor `gamma` (the default), or without.
        #[must_use]
        pub fn scale(mut self, scale: bool) -> Self {
            self.scale.scale = scale;
            self
        }

        /// With this number added to the variance, so that it is never 0; by default 0.001.
        #[must_use]
        pub fn epsilon(mut self, epsilon: f64) -> Self {
            self.epsilon = epsilon;
            self
        }

        /// With this rule for the first `beta`; by default `zeros`.
        #[must_use]
        pub fn beta_initializer(mut self, initializer: impl Into<crate::arg::Arg<Initializer>>) -> Self {
            if let Some(initializer) = self.base.accept(initializer.into()) {
                self.scale.beta_initializer = initializer;
            }
            self
        }

        /// With this rule for the first `gamma`; by default `ones`.
        #[must_use]
        pub fn gamma_initializer(mut self, initializer: impl Into<crate::arg::Arg<Initializer>>) -> Self {
            if let Some(initializer) = self.base.accept(initializer.into()) {
                self.scale.gamma_initializer = initializer;
            }
            self
        }

        /// With this penalty on `beta`.
        #[must_use]
        pub fn beta_regularizer(mut self, regularizer: impl Into<crate::arg::Arg<Regularizer>>) -> Self {
            self.scale.beta_regularizer = self.base.accept(regularizer.into());
            self
        }

        /// With this penalty on `gamma`.
        #[must_use]
        pub fn gamma_regularizer(mut self, regularizer: impl Into<crate::arg::Arg<Regularizer>>) -> Self {
            self.scale.gamma_regularizer = self.base.accept(regularizer.into());
            self
        }

        /// With this bound on `beta`.
        #[must_use]
        pub fn beta_constraint(mut self, constraint: impl Into<crate::arg::Arg<Constraint>>) -> Self {
            self.scale.beta_constraint = self.base.accept(constraint.into());
            self
        }

        /// With this bound on `gamma`.
        #[must_use]
        pub fn gamma_constraint(mut self, constraint: impl Into<crate::arg::Arg<Constraint>>) -> Self {
            self.scale.gamma_constraint = self.base.accept(constraint.into());
            self
        }
    };
}
pub(crate) use scale_arguments;
