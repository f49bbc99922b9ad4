//! What `compile` sets, and the functions that it is traced to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use cornet_error::{Result, err, fail};
use cornet_ops::{Tensor, Type, Variable};
use cornet_runtime::Concrete;

use super::Logs;
use crate::losses::{Loss, Reduction};
use crate::metrics::{Mean, Metric, MetricArg, Metrics, check_word};
use crate::optimizers::{Optimizer, OptimizerArg};

/// How many signatures a model keeps compiled functions for.
const SIGNATURES_MAX: usize = 32;

/// The training side of a model: nothing before `compile`.
#[derive(Default)]
pub struct Trainer {
    compiled: RwLock<Option<Arc<Compiled>>>,
    pub(crate) predict: Cache,
}

/// Loss, optimizer and metrics of a model, with the state of the metrics.
pub struct Compiled {
    /// The optimizer.
    pub optimizer: Arc<dyn Optimizer>,
    /// The loss.
    pub loss: Loss,
    /// The metrics as they were given.
    pub metrics: Vec<MetricArg>,
    /// What they are, once shapes are known.
    resolved: OnceLock<Vec<Arc<dyn Metric>>>,
    pub(crate) loss_tracker: Mean,
    pub(crate) train: Cache,
    pub(crate) test: Cache,
}

/// Compiled functions by the types of their arguments.
#[derive(Default)]
pub(crate) struct Cache(Mutex<HashMap<Vec<Type>, Arc<Concrete>>>);

impl Cache {
    pub fn get(&self, types: &[Type], make: impl FnOnce() -> Result<Concrete>) -> Result<Arc<Concrete>> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = lock().get(types) {
            return Ok(found.clone());
        }
        let made = Arc::new(make()?);
        let mut all = lock();
        if all.len() >= SIGNATURES_MAX {
            all.clear();
        }
        all.insert(types.to_vec(), made.clone());
        Ok(made)
    }

    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn describe(&self) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().map(|function| function.describe()).collect()
    }
}

impl Trainer {
    /// Compiles the model anew.
    pub fn set(&self, compiled: Compiled) {
        *self.compiled.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(compiled));
    }

    /// What the model is compiled to, if it is.
    pub fn compiled(&self) -> Option<Arc<Compiled>> {
        self.compiled.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the backend runs the functions that were traced so far: steps, fused groups, memory.
    pub fn describe(&self) -> String {
        let compiled = self.compiled();
        let own = compiled.iter().flat_map(|c| [c.train.describe(), c.test.describe()]);
        own.chain([self.predict.describe()]).collect()
    }

    /// Forgets functions that were traced, since the model has changed.
    pub fn forget(&self) {
        self.predict.forget();
        if let Some(compiled) = self.compiled() {
            compiled.train.forget();
            compiled.test.forget();
        }
    }
}

impl Compiled {
    /// Checks what `compile` was given.
    ///
    /// # Errors
    /// `invalid_argument` for an unknown metric, or a loss without reduction.
    pub fn new(optimizer: OptimizerArg, loss: Loss, metrics: Metrics) -> Result<Self> {
        if loss.get_reduction() == Reduction::None {
            return Err(err!(InvalidArgument, "loss: expected a reduction, found 'none'")
                .help("training needs one number a batch: use 'sum_over_batch_size'"));
        }
        optimizer.0.base().check_arguments()?;
        for metric in &metrics.0 {
            if let MetricArg::Word(word) = metric {
                check_word(word)?;
            }
        }
        Ok(Self {
            optimizer: optimizer.0,
            loss,
            metrics: metrics.0,
            resolved: OnceLock::new(),
            loss_tracker: Mean::new("loss")?,
            train: Cache::default(),
            test: Cache::default(),
        })
    }

    /// The metrics for targets and predictions like these, found out by the first ones.
    pub(crate) fn metrics_for(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<&[Arc<dyn Metric>]> {
        if let Some(metrics) = self.resolved.get() {
            return Ok(metrics);
        }
        let (targets, outputs) = (y_true.shape()?, y_pred.shape()?);
        let metrics = self.metrics.iter().map(|m| m.resolve(&targets, &outputs)).collect::<Result<Vec<_>>>()?;
        for (i, metric) in metrics.iter().enumerate() {
            if metric.name() == "loss" || metrics[..i].iter().any(|other| other.name() == metric.name()) {
                fail!(InvalidArgument, "metrics: expected different names, found '{}' twice", metric.name());
            }
        }
        Ok(self.resolved.get_or_init(|| metrics))
    }

    /// The metrics, once shapes are known.
    pub(crate) fn resolved(&self) -> &[Arc<dyn Metric>] {
        self.resolved.get().map_or(&[], Vec::as_slice)
    }

    /// The state of loss and metrics.
    pub(crate) fn metric_variables(&self) -> Vec<Variable> {
        let metrics = self.resolved().iter().flat_map(|metric| metric.variables());
        self.loss_tracker.variables().into_iter().chain(metrics).collect()
    }

    pub(crate) fn reset_metrics(&self) -> Result<()> {
        self.loss_tracker.reset_state()?;
        self.resolved().iter().try_for_each(|metric| metric.reset_state())
    }

    /// Loss and metrics as of now.
    pub(crate) fn logs(&self) -> Result<Logs> {
        let metrics = self.resolved().iter().map(|metric| Ok((metric.name().to_owned(), metric.result()?)));
        let loss = self.loss_tracker.value().map(|loss| ("loss".to_owned(), loss));
        Ok(Logs::sorted([loss].into_iter().chain(metrics).collect::<Result<Vec<_>>>()?))
    }
}
