use std::sync::{Arc, OnceLock};

use cornet_error::{Result, err, fail};
use cornet_format_keras::snake_case;
use cornet_ops::{Tensor, Variable};
use regex_lite::Regex;
use serde_json::{Map, Value, json};

use super::base::pattern_of;
use super::{Optimizer, OptimizerArg, OptimizerBase, SlotGroup, State, Step, optimizer_to_json};
use crate::arg::Arg;
use crate::layers::Weight;
use crate::saving::config::{self, Config, map};

/// Which optimizer a weight goes by: that of the pattern which its whole path matches, or the default one.
///
/// ```
/// use cornet_nn::optimizers::{Adam, MultiOptimizer, OptimizerMap, Sgd};
/// let map = OptimizerMap::new(Sgd::new()).with("encoder/.*", Adam::new());
/// let optimizer = MultiOptimizer::new(map);
/// ```
///
/// # Source
/// Keras 3 `keras.optimizers.OptimizerMap`.
pub struct OptimizerMap {
    default: Result<Arc<dyn Optimizer>>,
    patterns: Vec<Entry>,
}

struct Entry {
    pattern: String,
    regex: Result<Regex>,
    optimizer: Result<Arc<dyn Optimizer>>,
}

impl OptimizerMap {
    /// A map with an optimizer, or its word, for all that has no other.
    pub fn new(default_optimizer: impl Into<Arg<OptimizerArg>>) -> Self {
        Self { default: default_optimizer.into().0.map(|o| o.0), patterns: Vec::new() }
    }

    /// With an optimizer for weights of this path, or of paths such as `encoder/dense/kernel` that this regular
    /// expression matches from end to end.
    #[must_use]
    pub fn with(mut self, pattern: impl Into<String>, optimizer: impl Into<Arg<OptimizerArg>>) -> Self {
        let pattern = pattern.into();
        let regex = pattern_of(&format!("^(?:{pattern})$"));
        self.patterns.push(Entry { pattern, regex, optimizer: optimizer.into().0.map(|o| o.0) });
        self
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        let default = OptimizerArg::from_json(config.get("default_optimizer"))?;
        let empty = Map::new();
        let patterns = config.optional("optimizer_map", "an object", Value::as_object)?.unwrap_or(&empty);
        patterns.iter().try_fold(Self::new(Arg(Ok(default))), |map, (pattern, optimizer)| {
            let optimizer = OptimizerArg::from_json(optimizer).map_err(|e| e.within(pattern.clone()))?;
            Ok(map.with(pattern, Arg(Ok(optimizer))))
        })
    }

    fn to_json(&self) -> Result<Value> {
        let of = |optimizer: &Result<Arc<dyn Optimizer>>| match optimizer {
            Ok(optimizer) => optimizer_to_json(&**optimizer),
            Err(error) => Err(error.clone()),
        };
        let patterns = self.patterns.iter().map(|entry| Ok((entry.pattern.clone(), of(&entry.optimizer)?)));
        let patterns = patterns.collect::<Result<Map<_, _>>>()?;
        let config = map(json!({"default_optimizer": of(&self.default)?, "optimizer_map": patterns}));
        Ok(config::object("keras.optimizers", "OptimizerMap", config))
    }

    /// The optimizers: those of patterns, then the default one, each once. Fails for what was wrong in the map.
    fn optimizers(&self) -> Result<Vec<Arc<dyn Optimizer>>> {
        let mut found: Vec<Arc<dyn Optimizer>> = Vec::new();
        for (place, entry) in self.patterns.iter().enumerate() {
            entry.regex.as_ref().map_err(Clone::clone)?;
            if self.patterns[..place].iter().any(|other| other.pattern == entry.pattern) {
                fail!(InvalidArgument, "optimizer map: expected different patterns, found '{}' twice", entry.pattern);
            }
        }
        for optimizer in self.patterns.iter().map(|entry| &entry.optimizer).chain([&self.default]) {
            let optimizer = optimizer.as_ref().map_err(Clone::clone)?;
            if !optimizer.parts().is_empty() || optimizer.class_name() == "MultiOptimizer" {
                let class = optimizer.class_name();
                fail!(InvalidArgument, "optimizer map: expected optimizers that hold no others, found {class}");
            }
            if !found.iter().any(|known| Arc::ptr_eq(known, optimizer)) {
                found.push(optimizer.clone());
            }
        }
        Ok(found)
    }

    fn get(&self, path: &str) -> Result<&Arc<dyn Optimizer>> {
        let fits = |entry: &&Entry| entry.regex.as_ref().is_ok_and(|regex| regex.is_match(path));
        let exact = self.patterns.iter().find(|entry| entry.pattern == path);
        let mut matching = self.patterns.iter().filter(fits);
        let entry = match (exact, matching.next(), matching.next()) {
            (Some(entry), ..) | (None, Some(entry), None) => entry,
            (None, Some(a), Some(b)) => fail!(
                InvalidArgument,
                "optimizer of {path}: expected one pattern that matches, found '{}' and '{}'",
                a.pattern,
                b.pattern
            ),
            (None, None, _) => return self.default.as_ref().map_err(Clone::clone),
        };
        entry.optimizer.as_ref().map_err(Clone::clone)
    }
}

/// Several optimizers, each for a part of the weights.
///
/// Learning rates, counts and schedules are those of the parts. `loss_scale_factor` holds for all of them.
///
/// # Source
/// Keras 3 `keras.optimizers.MultiOptimizer`.
pub struct MultiOptimizer {
    base: OptimizerBase,
    map: OptimizerMap,
    optimizers: Vec<Arc<dyn Optimizer>>,
    /// For each weight, the place of its optimizer.
    places: OnceLock<Vec<usize>>,
}

impl MultiOptimizer {
    /// The optimizers of a map.
    pub fn new(optimizer_map: OptimizerMap) -> Self {
        Self::of(OptimizerBase::new("MultiOptimizer", 0.0), optimizer_map)
    }

    fn of(mut base: OptimizerBase, map: OptimizerMap) -> Self {
        let optimizers = map.optimizers().unwrap_or_else(|error| {
            base.refuse(error);
            Vec::new()
        });
        let made = Self { base, map, optimizers, places: OnceLock::new() };
        let factor = made.base.get_loss_scale_factor();
        made.optimizers.iter().for_each(|o| o.base().set_loss_scale_factor(factor));
        made
    }

    /// With the loss multiplied by this before it is differentiated, and the gradients divided by it.
    #[must_use]
    pub fn loss_scale_factor(self, factor: f64) -> Self {
        let all = self.optimizers.iter().map(|o| o.base()).chain([&self.base]);
        all.for_each(|base| base.set_loss_scale_factor(Some(factor)));
        self
    }

    /// With this name instead of an automatic one.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.base.set_name(name);
        self
    }

    /// The optimizers: those of the map's patterns, then the default one.
    pub fn optimizers(&self) -> &[Arc<dyn Optimizer>] {
        &self.optimizers
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = OptimizerBase::from_config(config, "MultiOptimizer", 0.0)?;
        let optimizer_map = Config::of(config.get("optimizer_map"))?;
        let made = Self::of(base, OptimizerMap::from_config(&optimizer_map).map_err(|e| e.within("optimizer_map"))?);
        made.base.check_arguments().map(|()| made)
    }

    /// The share of each optimizer in what the weights have one each of.
    fn shares<T>(&self, all: impl IntoIterator<Item = T>) -> Vec<Vec<T>> {
        let mut shares: Vec<Vec<T>> = self.optimizers.iter().map(|_| Vec::new()).collect();
        for (item, &place) in all.into_iter().zip(self.places.get().into_iter().flatten()) {
            if let Some(share) = shares.get_mut(place) {
                share.push(item);
            }
        }
        shares
    }

    /// Calls `f` for each optimizer that has weights.
    fn each(&self, weights: &[Weight], f: impl Fn(&dyn Optimizer, &[Weight]) -> Result<()>) -> Result<()> {
        let shares = self.shares(weights.iter().cloned());
        self.optimizers.iter().zip(shares).filter(|(_, share)| !share.is_empty()).try_for_each(|(o, w)| f(&**o, &w))
    }

    fn several<T>(&self) -> Result<T> {
        Err(err!(InvalidState, "optimizer {}: expected one learning rate, found one each part", self.base.name())
            .help("ask the parts: MultiOptimizer::optimizers"))
    }
}

impl Optimizer for MultiOptimizer {
    fn class_name(&self) -> &'static str {
        "MultiOptimizer"
    }

    fn base(&self) -> &OptimizerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }

    fn slots(&self, _weight: &Weight) -> Vec<SlotGroup> {
        Vec::new()
    }

    fn build(&self, weights: &[Weight]) -> Result<()> {
        self.base.build(weights, |_| Vec::new(), Vec::new())?;
        let place = |weight: &Weight| {
            let optimizer = self.map.get(weight.path())?;
            Ok(self.optimizers.iter().position(|known| Arc::ptr_eq(known, optimizer)).unwrap_or_default())
        };
        let places = weights.iter().map(place).collect::<Result<_>>()?;
        self.places.get_or_init(|| places);
        self.each(weights, |optimizer, weights| optimizer.build(weights))
    }

    fn update_step(&self, _step: &Step<'_>) -> Result<()> {
        fail!(Internal, "MultiOptimizer: expected its parts to change weights")
    }

    fn apply(&self, weights: &[Weight], gradients: Vec<Tensor>, gate: Option<&Tensor>) -> Result<()> {
        self.base.check(weights)?;
        let shares = self.shares(weights.iter().cloned()).into_iter().zip(self.shares(gradients));
        for (optimizer, (weights, gradients)) in self.optimizers.iter().zip(shares) {
            if !weights.is_empty() {
                optimizer.apply(&weights, gradients, gate)?;
            }
        }
        let iteration = self.base.iterations();
        State::new(iteration, gate).assign(&(iteration.read() + 1))
    }

    fn finalize_variable_values(&self, weights: &[Weight]) -> Result<()> {
        self.each(weights, |optimizer, weights| optimizer.finalize_variable_values(weights))
    }

    fn variables(&self) -> Vec<Variable> {
        let mut variables = self.base.variables();
        variables.extend(self.optimizers.iter().flat_map(|o| o.variables()));
        variables
    }

    fn learning_rate(&self) -> Result<f64> {
        self.several()
    }

    fn set_learning_rate(&self, _learning_rate: f64) -> Result<()> {
        self.several()
    }

    fn parts(&self) -> Vec<(String, Arc<dyn Optimizer>)> {
        let mut parts: Vec<(String, Arc<dyn Optimizer>)> = Vec::new();
        for (place, optimizer) in self.optimizers.iter().enumerate() {
            let is_alike = |other: &&Arc<dyn Optimizer>| other.class_name() == optimizer.class_name();
            let class = snake_case(optimizer.class_name());
            let path = match self.optimizers[..place].iter().filter(is_alike).count() {
                0 => format!("optimizers/{class}"),
                count => format!("optimizers/{class}_{count}"),
            };
            parts.push((path, optimizer.clone()));
        }
        parts
    }

    fn config(&self) -> Result<Map<String, Value>> {
        Ok(map(json!({
            "optimizer_map": self.map.to_json()?, "loss_scale_factor": self.base.get_loss_scale_factor(),
            "name": self.base.name(),
        })))
    }
}
