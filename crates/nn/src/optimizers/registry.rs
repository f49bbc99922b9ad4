//! Which optimizers a config may name.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use cornet_error::{Result, err};
use serde_json::{Map, Value};

use super::{
    Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion, LossScaleOptimizer, MultiOptimizer, Muon,
    Nadam, Optimizer, RmsProp, ScheduleFreeAdamW, Sgd,
};
use crate::arg::{Arg, Choice, unknown};
use crate::saving::config::{self, Config};

/// Makes an optimizer from the arguments in its config.
pub type FromConfig = fn(&Config<'_>) -> Result<Arc<dyn Optimizer>>;

macro_rules! optimizers {
    ($($class:literal $type:ident)+) => {
        static OPTIMIZERS: &[(&str, FromConfig)] = &[$(($class, |config| Ok(Arc::new($type::from_config(config)?))),)+];
    };
}

optimizers! {
    "Adadelta" Adadelta
    "Adafactor" Adafactor
    "Adagrad" Adagrad
    "Adam" Adam
    "AdamW" AdamW
    "Adamax" Adamax
    "Ftrl" Ftrl
    "Lamb" Lamb
    "Lion" Lion
    "LossScaleOptimizer" LossScaleOptimizer
    "MultiOptimizer" MultiOptimizer
    "Muon" Muon
    "Nadam" Nadam
    "RMSprop" RmsProp
    "SGD" Sgd
    "ScheduleFreeAdamW" ScheduleFreeAdamW
}

/// Optimizers of the program, by registered name.
static REGISTERED: RwLock<Option<HashMap<String, FromConfig>>> = RwLock::new(None);

/// Admits an optimizer of the program itself into model files, under its registered name, such as
/// `my_package>MyOptimizer`. A later registration replaces an earlier one.
pub fn register_optimizer(registered_name: impl Into<String>, from_config: FromConfig) {
    let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    registered.get_or_insert_with(HashMap::new).insert(registered_name.into(), from_config);
}

/// An optimizer of `compile`: an object or a word.
#[derive(Clone)]
pub struct OptimizerArg(pub(crate) Arc<dyn Optimizer>);

impl OptimizerArg {
    /// The optimizer.
    pub fn optimizer(&self) -> &Arc<dyn Optimizer> {
        &self.0
    }

    /// From a compile config: a word or an object.
    ///
    /// # Errors
    /// `unsupported` for an optimizer or an argument that there is not; `corrupt`.
    pub fn from_json(value: &Value) -> Result<Self> {
        let (class, arguments) = config::class_and_config(value)?;
        let empty = Map::new();
        let config = Config::new(class, arguments.unwrap_or(&empty));
        let registered = value.get("registered_name").and_then(Value::as_str).unwrap_or(class);
        let Some(optimizer) = find(registered, class, &config)? else {
            return Err(err!(Unsupported, "{}", unknown("optimizer", class, &known()).message())
                .help("register an optimizer of your own with register_optimizer"));
        };
        config.finish()?;
        Ok(Self(optimizer))
    }
}

impl<O: Optimizer + 'static> From<O> for Arg<OptimizerArg> {
    fn from(optimizer: O) -> Self {
        Self(Ok(OptimizerArg(Arc::new(optimizer))))
    }
}

impl From<Arc<dyn Optimizer>> for Arg<OptimizerArg> {
    fn from(optimizer: Arc<dyn Optimizer>) -> Self {
        Self(Ok(OptimizerArg(optimizer)))
    }
}

impl Choice for OptimizerArg {
    fn parse(name: &str) -> Result<Self> {
        let empty = Map::new();
        match find(name, name, &Config::new(name, &empty))? {
            Some(optimizer) => Ok(Self(optimizer)),
            None => Err(unknown("optimizer", name, &known())),
        }
    }
}

fn known() -> Vec<&'static str> {
    OPTIMIZERS.iter().map(|(class, _)| *class).collect()
}

fn find(registered_name: &str, class: &str, config: &Config<'_>) -> Result<Option<Arc<dyn Optimizer>>> {
    let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    let own = registered.as_ref().and_then(|map| map.get(registered_name)).copied();
    drop(registered);
    let found = own.or_else(|| OPTIMIZERS.iter().find(|(known, _)| class.eq_ignore_ascii_case(known)).map(|(_, f)| *f));
    found.map(|make| make(config)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optimizers_are_listed_by_name_and_go_by_any_case() {
        assert!(OPTIMIZERS.is_sorted_by_key(|(class, _)| *class));
        for word in ["adam", "ADAM", "sgd", "rmsprop", "schedulefreeadamw"] {
            assert!(OptimizerArg::parse(word).is_ok(), "{word}");
        }
        assert!(OptimizerArg::parse("adma").is_err_and(|e| e.message().contains("Adam")));
    }
}
