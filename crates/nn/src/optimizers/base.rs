//! What all optimizers have.

use std::sync::{OnceLock, PoisonError, RwLock};

use cornet_error::{Error, Result, err};
use cornet_ops::{Tensor, Type, Variable};
use cornet_tensor::{Array, DType};
use regex_lite::Regex;
use serde_json::{Map, Value, json};
use smallvec::SmallVec;

use super::clip::{self, Clip};
use super::learning_rate::LearningRate;
use super::state::SlotGroup;
use crate::layers::Weight;
use crate::names::auto_name;
use crate::saving::config::{Config, map};

/// Name, learning rate, count of steps, weight decay, clipping, moving averages, gathering of gradients, and the state
/// of each weight.
pub struct OptimizerBase {
    name: String,
    learning_rate: LearningRate,
    weight_decay: Option<f64>,
    clip: Option<Clip>,
    use_ema: bool,
    ema_momentum: f64,
    ema_overwrite_frequency: Option<u64>,
    /// Optimizers that hold others set this for them.
    loss_scale_factor: RwLock<Option<f64>>,
    gradient_accumulation_steps: Option<u64>,
    excluded: Vec<String>,
    excluded_ids: Vec<u64>,
    wrong: Option<Error>,
    scalars: OnceLock<(Variable, Option<Variable>)>,
    built: OnceLock<Built>,
}

/// State of the weights that an optimizer was built for.
pub(super) struct Built {
    /// The ids of the weights.
    weights: Vec<u64>,
    /// A moving average for each weight, if asked for.
    pub averages: Vec<Variable>,
    /// The sum of gradients for each weight, if they are gathered.
    pub accumulators: Vec<Variable>,
    /// In Keras's order.
    pub slots: Vec<Variable>,
    /// For each weight, the places of its state among the slots, kind by kind.
    pub places: Vec<SmallVec<[usize; 3]>>,
    /// State that belongs to no weight.
    pub globals: Vec<Variable>,
    /// For each weight, whether it is not excluded from weight decay.
    pub is_decayed: Vec<bool>,
}

/// How weights are followed by moving averages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ema {
    pub momentum: f64,
    pub overwrite_frequency: Option<u64>,
}

impl OptimizerBase {
    /// The base of a new optimizer.
    pub fn new(class: &str, learning_rate: f64) -> Self {
        // Keras's class of that name is not in snake case.
        Self::named(if class == "SGD" { auto_name("sgd") } else { auto_name(class) }, learning_rate.into())
    }

    fn named(name: String, learning_rate: LearningRate) -> Self {
        Self {
            name,
            learning_rate,
            weight_decay: None,
            clip: None,
            use_ema: false,
            ema_momentum: 0.99,
            ema_overwrite_frequency: None,
            loss_scale_factor: RwLock::new(None),
            gradient_accumulation_steps: None,
            excluded: Vec::new(),
            excluded_ids: Vec::new(),
            wrong: None,
            scalars: OnceLock::new(),
            built: OnceLock::new(),
        }
    }

    /// The base that a config describes.
    ///
    /// # Errors
    /// `unsupported` for a learning rate that is code or an unknown schedule; `corrupt`.
    pub fn from_config(config: &Config<'_>, class: &str, learning_rate: f64) -> Result<Self> {
        let rate = LearningRate::from_config(config, learning_rate)?;
        let mut base = match config.optional("name", "a text", Value::as_str)? {
            Some(name) => Self::named(name.into(), rate),
            None => Self { learning_rate: rate, ..Self::new(class, learning_rate) },
        };
        let number = |key| config.optional(key, "a number", Value::as_f64);
        base.weight_decay = number("weight_decay")?;
        for (key, make) in clip::KINDS {
            if let Some(limit) = number(key)? {
                base.set_clip(make(limit));
            }
        }
        base.set_use_ema(config.flag("use_ema", false)?);
        let momentum = config.float("ema_momentum", 0.99)?;
        let frequency = config.optional("ema_overwrite_frequency", "an integer", Value::as_u64)?;
        // Without moving averages these two have no effect, and any value is in order.
        if base.use_ema {
            base.set_ema_momentum(momentum);
            frequency.filter(|&steps| steps > 0).into_iter().for_each(|steps| base.set_ema_overwrite_frequency(steps));
        } else {
            (base.ema_momentum, base.ema_overwrite_frequency) = (momentum, frequency);
        }
        base.set_loss_scale_factor(number("loss_scale_factor")?);
        let steps = config.optional("gradient_accumulation_steps", "an integer", Value::as_u64)?;
        steps.filter(|&steps| steps > 0).into_iter().for_each(|steps| base.set_gradient_accumulation_steps(steps));
        base.check_arguments().map(|()| base)
    }

    /// Gives the optimizer another name.
    pub fn set_name(&mut self, name: impl Into<String>) {
        self.name = name.into();
    }

    /// Sets what the learning rate is at first.
    pub fn set_initial_rate(&mut self, learning_rate: impl Into<LearningRate>) {
        self.learning_rate = learning_rate.into();
    }

    /// Sets how much of each weight is taken away in a step, times the learning rate.
    pub fn set_weight_decay(&mut self, weight_decay: Option<f64>) {
        self.weight_decay = weight_decay;
    }

    /// Leaves weights out of weight decay whose path one of these regular expressions is found in.
    pub fn exclude(&mut self, patterns: impl IntoIterator<Item = impl Into<String>>) {
        self.excluded.extend(patterns.into_iter().map(Into::into));
        for pattern in &self.excluded {
            if let Err(error) = pattern_of(pattern) {
                self.wrong.get_or_insert(error);
            }
        }
    }

    /// Leaves these weights out of weight decay.
    pub fn exclude_variables<'a>(&mut self, variables: impl IntoIterator<Item = &'a Variable>) {
        self.excluded_ids.extend(variables.into_iter().map(Variable::id));
    }

    pub(crate) fn set_clip(&mut self, clip: Clip) {
        if self.clip.replace(clip).is_some() {
            self.refuse(err!(InvalidArgument, "clipnorm, clipvalue, global_clipnorm: expected one of them, found two"));
        }
    }

    /// Sets whether moving averages of the weights are kept.
    pub fn set_use_ema(&mut self, use_ema: bool) {
        self.use_ema = use_ema;
    }

    /// Sets how much of a moving average is kept in a step.
    pub fn set_ema_momentum(&mut self, momentum: f64) {
        if !(0.0..=1.0).contains(&momentum) {
            self.refuse(err!(InvalidArgument, "ema_momentum: expected 0 to 1, found {momentum}"));
        }
        self.ema_momentum = momentum;
    }

    /// Sets after how many steps each the weights are set to their moving averages.
    pub fn set_ema_overwrite_frequency(&mut self, steps: u64) {
        if steps == 0 {
            self.refuse(err!(InvalidArgument, "ema_overwrite_frequency: expected at least 1, found 0"));
        }
        self.ema_overwrite_frequency = Some(steps);
    }

    /// Sets what the loss is multiplied with before it is differentiated, and the gradients divided by.
    pub fn set_loss_scale_factor(&self, factor: Option<f64>) {
        *self.loss_scale_factor.write().unwrap_or_else(PoisonError::into_inner) = factor;
    }

    /// Sets over how many steps gradients are gathered before the weights change.
    pub fn set_gradient_accumulation_steps(&mut self, steps: u64) {
        if steps < 2 {
            self.refuse(err!(InvalidArgument, "gradient_accumulation_steps: expected at least 2, found {steps}"));
        }
        self.gradient_accumulation_steps = Some(steps);
    }

    /// Keeps the error of a wrong argument for `compile`.
    pub fn refuse(&mut self, error: Error) {
        self.wrong.get_or_insert(error);
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How much of each weight is taken away in a step, times the learning rate.
    pub fn get_weight_decay(&self) -> Option<f64> {
        self.weight_decay
    }

    /// What the loss is multiplied with before it is differentiated.
    pub fn get_loss_scale_factor(&self) -> Option<f64> {
        *self.loss_scale_factor.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Over how many steps gradients are gathered, if they are.
    pub fn get_gradient_accumulation_steps(&self) -> Option<u64> {
        self.gradient_accumulation_steps
    }

    /// What the learning rate was at first.
    pub fn get_learning_rate(&self) -> &LearningRate {
        &self.learning_rate
    }

    /// Whether moving averages of the weights are kept.
    pub fn uses_ema(&self) -> bool {
        self.use_ema
    }

    pub(super) fn ema(&self) -> Option<Ema> {
        let Self { ema_momentum: momentum, ema_overwrite_frequency: overwrite_frequency, .. } = *self;
        self.use_ema.then_some(Ema { momentum, overwrite_frequency })
    }

    pub(crate) fn clip(&self, gradients: Vec<Tensor>) -> Result<Vec<Tensor>> {
        match self.clip {
            Some(clip) => clip.apply(gradients),
            None => Ok(gradients),
        }
    }

    fn scalars(&self) -> &(Variable, Option<Variable>) {
        self.scalars.get_or_init(|| {
            let scalar = |name: &str, value: Array| {
                let variable = Variable::uninitialized(format!("{}/{name}", self.name), Type::of(&value), false);
                // The value has the variable's own type.
                let _ = variable.set(value);
                variable
            };
            let rate = match self.learning_rate {
                LearningRate::Value(rate) => Some(scalar("learning_rate", Array::scalar(rate as f32))),
                LearningRate::Schedule(_) | LearningRate::Function(_) => None,
            };
            (scalar("iteration", Array::scalar(0_i64)), rate)
        })
    }

    /// The variable that counts the steps: int64.
    pub fn iterations(&self) -> &Variable {
        &self.scalars().0
    }

    /// The learning rate as of this point of the program: a scalar of float32.
    pub fn rate(&self) -> Tensor {
        let (iteration, rate) = self.scalars();
        match (&self.learning_rate, rate) {
            (LearningRate::Schedule(schedule), _) => schedule.rate(&iteration.read()).cast(DType::F32),
            (LearningRate::Function(function), _) => function(&iteration.read()).cast(DType::F32),
            (LearningRate::Value(_), Some(rate)) => rate.read(),
            (LearningRate::Value(rate), None) => constant(*rate, DType::F32),
        }
    }

    /// The learning rate as of now.
    ///
    /// # Errors
    /// What a schedule refuses.
    pub fn learning_rate(&self) -> Result<f64> {
        Ok(f64::from(self.rate().item::<f32>()?))
    }

    /// Sets the learning rate, also between steps.
    ///
    /// # Errors
    /// `invalid_state` if it follows a schedule.
    pub fn set_learning_rate(&self, learning_rate: f64) -> Result<()> {
        match &self.scalars().1 {
            Some(rate) => rate.set(Array::scalar(learning_rate as f32)),
            None => {
                Err(err!(InvalidState, "optimizer {}: expected a learning rate that is a number, found a schedule", {
                    &self.name
                })
                .help("compile the model anew with a number to be able to set it"))
            }
        }
    }

    /// Makes the state of these weights, once: `slots` gives the kinds of each weight, as many groups for all; `globals`
    /// what belongs to no weight.
    ///
    /// # Errors
    /// A wrong argument of the optimizer; `invalid_state` for other weights than before.
    pub fn build(
        &self,
        weights: &[Weight],
        slots: impl Fn(&Weight) -> Vec<SlotGroup>,
        globals: Vec<(String, Array)>,
    ) -> Result<()> {
        self.check_arguments()?;
        if self.built.get().is_some() {
            return self.check(weights).map(drop);
        }
        let each = |is_wanted: bool, kind: &'static str| {
            let wanted = if is_wanted { weights } else { &[] };
            wanted.iter().map(|weight| super::Slot::new(kind).make(&self.name, weight)).collect::<Result<Vec<_>>>()
        };
        let averages = each(self.use_ema, "average")?;
        let accumulators = each(self.gradient_accumulation_steps.is_some(), "gradient_accumulator")?;
        let groups: Vec<Vec<SlotGroup>> = weights.iter().map(slots).collect();
        let (mut made, mut places) = (Vec::new(), vec![SmallVec::new(); weights.len()]);
        for group in 0..groups.iter().map(Vec::len).max().unwrap_or(0) {
            for ((weight, groups), places) in weights.iter().zip(&groups).zip(&mut places) {
                for slot in groups.get(group).into_iter().flatten() {
                    places.push(made.len());
                    made.push(slot.make(&self.name, weight)?);
                }
            }
        }
        let globals = globals.into_iter().map(|(name, value)| Variable::non_trainable(name, value));
        let built = Built {
            weights: weights.iter().map(|w| w.variable.id()).collect(),
            averages,
            accumulators,
            slots: made,
            places,
            globals: globals.collect::<Result<_>>()?,
            is_decayed: self.decayed(weights)?,
        };
        let _ = self.built.set(built);
        Ok(())
    }

    fn decayed(&self, weights: &[Weight]) -> Result<Vec<bool>> {
        let patterns = self.excluded.iter().map(|p| pattern_of(p)).collect::<Result<Vec<_>>>()?;
        let is_excluded = |weight: &Weight| {
            self.excluded_ids.contains(&weight.variable.id()) || patterns.iter().any(|p| p.is_match(weight.path()))
        };
        Ok(weights.iter().map(|weight| !is_excluded(weight)).collect())
    }

    /// Fails if an argument was wrong.
    ///
    /// # Errors
    /// `invalid_argument`.
    pub fn check_arguments(&self) -> Result<()> {
        let wrong = self.wrong.clone().map_or(Ok(()), Err);
        wrong.and_then(|()| self.learning_rate.check()).map_err(|e| e.within(format!("optimizer {}", self.name)))
    }

    /// Whether the state is made.
    pub fn is_built(&self) -> bool {
        self.built.get().is_some()
    }

    pub(super) fn check(&self, weights: &[Weight]) -> Result<&Built> {
        let built = self.built.get();
        let is_same = |b: &&Built| b.weights.iter().copied().eq(weights.iter().map(|w| w.variable.id()));
        built.filter(is_same).ok_or_else(|| {
            err!(InvalidState, "optimizer {}: expected the weights that it was built for, found others", self.name)
                .help("compile the model anew after weights are added, removed or frozen")
        })
    }

    /// All variables in Keras's order: `iteration`, `learning_rate` if it is a number, moving averages, gathered
    /// gradients, the state of the weights, and what belongs to no weight.
    pub fn variables(&self) -> Vec<Variable> {
        let (iteration, rate) = self.scalars();
        let own = [iteration].into_iter().chain(rate);
        let built = self.built.get().into_iter();
        let state = built.flat_map(|b| b.averages.iter().chain(&b.accumulators).chain(&b.slots).chain(&b.globals));
        own.chain(state).cloned().collect()
    }

    /// The moving average of each weight; none before the state is made, or without `use_ema`.
    pub fn averages(&self) -> &[Variable] {
        self.built.get().map_or(&[], |b| &b.averages)
    }

    /// State that belongs to no weight.
    pub fn globals(&self) -> &[Variable] {
        self.built.get().map_or(&[], |b| &b.globals)
    }

    /// Sets weights to their moving averages, if these are kept.
    ///
    /// # Errors
    /// `invalid_state` for other weights than the optimizer was built for.
    pub fn overwrite_with_averages(&self, weights: &[Weight]) -> Result<()> {
        if !self.use_ema || !self.is_built() {
            return Ok(());
        }
        let averages = &self.check(weights)?.averages;
        weights.iter().zip(averages).try_for_each(|(weight, average)| weight.variable.set(average.value()?))
    }

    /// The config that all optimizers have.
    ///
    /// # Errors
    /// `unsupported` for a learning rate that is a closure.
    pub fn config(&self) -> Result<Map<String, Value>> {
        let learning_rate = match self.learning_rate {
            LearningRate::Value(_) => self.learning_rate()?.into(),
            _ => self.learning_rate.to_json()?,
        };
        let mut config = map(json!({
            "name": self.name, "learning_rate": learning_rate, "weight_decay": self.weight_decay,
            "clipnorm": null, "global_clipnorm": null, "clipvalue": null, "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum, "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.get_loss_scale_factor(),
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }));
        if let Some(clip) = self.clip {
            config.insert(clip.key().into(), clip.limit().into());
        }
        Ok(config)
    }
}

/// A constant of a dtype.
pub(super) fn constant(value: f64, dtype: DType) -> Tensor {
    Tensor::full([], value, dtype)
}

/// A regular expression.
pub(super) fn pattern_of(pattern: &str) -> Result<Regex> {
    Regex::new(pattern).map_err(|error| {
        err!(InvalidArgument, "pattern '{pattern}': expected a regular expression, found one that is wrong: {error}")
    })
}
