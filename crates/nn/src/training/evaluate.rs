//! Loss and metrics over samples.

use std::sync::Arc;

use cornet_error::Result;
use cornet_ops::{backend, with_backend};
use cornet_runtime::Concrete;

use super::data::{Batches, Data, IntoArrays};
use super::predict::display;
use super::progress::Verbose;
use super::trainer::Compiled;
use super::{Logs, step};
use crate::models::Model;
use crate::models::model::not_compiled;

/// Options of `evaluate`.
#[derive(Clone, Debug)]
pub struct EvaluateOptions {
    batch_size: usize,
    verbose: Verbose,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self { batch_size: 32, verbose: Verbose::Silent }
    }
}

impl EvaluateOptions {
    /// Keras's defaults, but silent.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many samples are evaluated at once; by default 32.
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// How much is printed, to standard error; by default nothing.
    #[must_use]
    pub fn verbose(mut self, verbose: Verbose) -> Self {
        self.verbose = verbose;
        self
    }
}

/// Loss and metrics of a model over samples, weighted by the size of each batch.
///
/// # Errors
/// `invalid_state` before `compile`; what does not fit.
pub fn evaluate(model: &dyn Model, x: &dyn IntoArrays, y: &dyn IntoArrays, options: EvaluateOptions) -> Result<Logs> {
    let compiled = model.trainer().compiled().ok_or_else(|| not_compiled(model, "evaluate"))?;
    let data = Data::new(x, Some(y))?;
    model.build_for(&model.input_shapes().unwrap_or_else(|| data.input_shapes()))?;
    let mut pass = Evaluation::new(model, &compiled, data, options.batch_size)?;
    let mut progress = display(options.verbose, pass.batches.steps());
    let (chosen, mut outcome) = (backend(), Ok(Logs::default()));
    let mut run = || {
        pass.run(&compiled, |step, compiled| {
            if progress.is_due() {
                let logs = compiled.logs()?;
                let _ = progress.step(step as u64 + 1, &logs.iter().collect::<Vec<_>>());
            }
            Ok(())
        })
    };
    chosen.enter(&mut || outcome = with_backend(chosen, &mut run));
    let logs = outcome?;
    // A display that fails is no reason to stop.
    let _ = progress.end(&logs.iter().collect::<Vec<_>>());
    Ok(logs)
}

/// An evaluation that can be run again and again.
pub(super) struct Evaluation {
    pub batches: Batches,
    full: Arc<Concrete>,
    last: Option<Arc<Concrete>>,
}

impl Evaluation {
    pub fn new(model: &dyn Model, compiled: &Compiled, data: Data, batch_size: usize) -> Result<Self> {
        check_targets(model, compiled, &data)?;
        let batches = Batches::new(data, batch_size)?;
        let inputs = batches.inputs();
        let function = |types: &[_]| {
            let body = |arguments: &[_]| step::test(model, compiled, arguments, inputs).map(|()| Vec::new());
            compiled.test.get(types, || Concrete::trace("test_step", types, body))
        };
        let (full, last) = batches.types();
        Ok(Self { full: function(&full)?, last: last.map(|types| function(&types)).transpose()?, batches })
    }

    pub fn run(&mut self, compiled: &Compiled, mut after: impl FnMut(usize, &Compiled) -> Result<()>) -> Result<Logs> {
        compiled.reset_metrics()?;
        let mut outputs = Vec::new();
        for step in 0..self.batches.steps() {
            let (is_last, arguments) = self.batches.load(step);
            let function = if is_last { self.last.as_ref().unwrap_or(&self.full) } else { &self.full };
            function.run(&arguments, &mut outputs)?;
            after(step, compiled)?;
        }
        compiled.logs()
    }
}

/// Fails if targets are class numbers beyond the classes that the model tells apart.
pub(super) fn check_targets(model: &dyn Model, compiled: &Compiled, data: &Data) -> Result<()> {
    if !compiled.loss.function().takes_class_numbers() {
        return Ok(());
    }
    let outputs = model.compute_output_shape(&model.input_shapes().unwrap_or_else(|| data.input_shapes()))?;
    match outputs.first().and_then(|shape| shape.last().copied().flatten()) {
        Some(classes) => data.check_classes(classes),
        None => Ok(()),
    }
}
