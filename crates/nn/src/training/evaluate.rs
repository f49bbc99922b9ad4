//! Loss and metrics over samples.

use std::io;
use std::sync::Arc;

use cornet_error::Result;
use cornet_ops::{backend, with_backend};
use cornet_runtime::Concrete;

use super::data::{Batches, Data, IntoArrays};
use super::predict::display;
use super::progress::{Progress, Verbose};
use super::trainer::Compiled;
use super::{Logs, step};
use crate::callbacks::{BatchLogs, Callback, CallbackList, Run};
use crate::models::Model;
use crate::models::model::not_compiled;

/// Options of `evaluate`.
pub struct EvaluateOptions<'a> {
    batch_size: usize,
    verbose: Verbose,
    callbacks: CallbackList<'a>,
}

impl Default for EvaluateOptions<'_> {
    fn default() -> Self {
        Self { batch_size: 32, verbose: Verbose::Silent, callbacks: CallbackList::new() }
    }
}

impl<'a> EvaluateOptions<'a> {
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

    /// With this callback, after those given before.
    #[must_use]
    pub fn callback(mut self, callback: &'a mut dyn Callback) -> Self {
        self.callbacks.push(callback);
        self
    }
}

/// Loss and metrics of a model over samples, weighted by the size of each batch.
///
/// # Errors
/// `invalid_state` before `compile`; what does not fit; what callbacks return.
pub fn evaluate(
    model: &dyn Model,
    x: &dyn IntoArrays,
    y: &dyn IntoArrays,
    mut options: EvaluateOptions<'_>,
) -> Result<Logs> {
    let compiled = model.trainer().compiled().ok_or_else(|| not_compiled(model, "evaluate"))?;
    let data = Data::new(x, Some(y))?;
    model.build_for(&model.input_shapes().unwrap_or_else(|| data.input_shapes()))?;
    let mut pass = Evaluation::new(model, &compiled, data, options.batch_size)?;
    let run = Run::new(model, 1, pass.batches.steps());
    let mut display = Display(display(options.verbose, pass.batches.steps()));
    let mut callbacks = CallbackList::new();
    callbacks.push(&mut options.callbacks);
    callbacks.push(&mut display);
    let (chosen, mut outcome) = (backend(), Ok(Logs::default()));
    let mut run = || pass.run(&compiled, &run, &mut callbacks);
    chosen.enter(&mut || outcome = with_backend(chosen, &mut run));
    outcome
}

/// The progress of an evaluation. A display that fails is no reason to stop.
struct Display(Progress<io::Stderr>);

impl Display {
    fn show_messages(&mut self, run: &Run<'_>) {
        for message in run.take_messages() {
            let _ = self.0.message(&message);
        }
    }
}

impl Callback for Display {
    fn on_test_batch_end(&mut self, run: &Run<'_>, step: usize, logs: &BatchLogs<'_>) -> Result<()> {
        self.show_messages(run);
        if self.0.is_due() {
            let _ = self.0.step(step as u64 + 1, &logs.read()?.iter().collect::<Vec<_>>());
        }
        Ok(())
    }

    fn on_test_end(&mut self, run: &Run<'_>, logs: &Logs) -> Result<()> {
        let _ = self.0.end(&logs.iter().collect::<Vec<_>>());
        self.show_messages(run);
        Ok(())
    }
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

    /// Runs it, with callbacks at its milestones.
    pub fn run(&mut self, compiled: &Compiled, run: &Run<'_>, callbacks: &mut dyn Callback) -> Result<Logs> {
        callbacks.on_test_begin(run)?;
        compiled.reset_metrics()?;
        let mut outputs = Vec::new();
        for step in 0..self.batches.steps() {
            callbacks.on_test_batch_begin(run, step)?;
            let (is_last, arguments) = self.batches.load(step);
            let function = if is_last { self.last.as_ref().unwrap_or(&self.full) } else { &self.full };
            function.run(&arguments, &mut outputs)?;
            callbacks.on_test_batch_end(run, step, &BatchLogs(compiled))?;
        }
        let logs = compiled.logs()?;
        callbacks.on_test_end(run, &logs)?;
        Ok(logs)
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
