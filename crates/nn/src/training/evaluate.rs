//! Loss and metrics over samples.

use std::io;
use std::sync::Arc;

use cornet_error::{Result, err, fail};
use cornet_ops::{backend, with_backend};

use super::Logs;
use super::arrays::IntoArrays;
use super::batches::{Batches, Pass, Source};
use super::feed::Feed;
use super::fit::{check, prepare};
use super::options::batch_size;
use super::predict::display;
use super::progress::{Progress, Verbose};
use super::runner::{Kind, Runner};
use super::samples::Samples;
use super::trainer::Compiled;
use crate::callbacks::{BatchLogs, Callback, CallbackList, Run};
use crate::models::Model;
use crate::models::model::not_compiled;

/// Options of `evaluate`.
pub struct EvaluateOptions<'a> {
    batch_size: Option<usize>,
    steps: Option<usize>,
    sample_weight: Option<&'a dyn IntoArrays>,
    verbose: Verbose,
    callbacks: CallbackList<'a>,
}

impl Default for EvaluateOptions<'_> {
    fn default() -> Self {
        Self {
            batch_size: None,
            steps: None,
            sample_weight: None,
            verbose: Verbose::Silent,
            callbacks: CallbackList::new(),
        }
    }
}

impl<'a> EvaluateOptions<'a> {
    /// Keras's defaults, but silent.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many samples are evaluated at once; by default 32, or what `steps` makes of the samples.
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// How many batches are evaluated; by default all.
    #[must_use]
    pub fn steps(mut self, steps: usize) -> Self {
        self.steps = Some(steps);
        self
    }

    /// The weights of the samples, as [`FitOptions::sample_weight`](super::FitOptions::sample_weight).
    #[must_use]
    pub fn sample_weight(mut self, weights: &'a dyn IntoArrays) -> Self {
        self.sample_weight = Some(weights);
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
    options: EvaluateOptions<'_>,
) -> Result<Logs> {
    let compiled = model.trainer().compiled().ok_or_else(|| not_compiled(model, "evaluate"))?;
    let samples = Samples::new(x, y, options.sample_weight)?;
    check(model, &compiled, &samples)?;
    let size = batch_size(options.batch_size, options.steps, samples.len());
    pass_over(model, &compiled, &mut samples.batches(size)?, options, false)
}

/// Loss and metrics of a model over batches.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_on(model: &dyn Model, batches: &mut dyn Batches, options: EvaluateOptions<'_>) -> Result<Logs> {
    let compiled = model.trainer().compiled().ok_or_else(|| not_compiled(model, "evaluate"))?;
    if options.sample_weight.is_some() {
        return Err(err!(InvalidArgument, "sample_weight: expected none for batches, found some")
            .help("let the batches have them: (x, y, sample_weight)"));
    }
    pass_over(model, &compiled, batches, options, true)
}

fn pass_over(
    model: &dyn Model,
    compiled: &Arc<Compiled>,
    batches: &mut dyn Batches,
    mut options: EvaluateOptions<'_>,
    is_foreign: bool,
) -> Result<Logs> {
    let mut pass = Evaluation::new(model, compiled, batches, options.steps, is_foreign)?;
    let steps = options.steps.or(pass.source.batches());
    let run = Run::new(model, 1, steps.unwrap_or(0));
    let mut display = Display(display(options.verbose, steps));
    let mut callbacks = CallbackList::new();
    callbacks.push(&mut options.callbacks);
    callbacks.push(&mut display);
    let (chosen, mut outcome) = (backend(), Ok(Logs::default()));
    let mut run = || pass.run(&run, &mut callbacks);
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

/// An evaluation that can be run again and again, where the batches can begin anew.
pub(super) struct Evaluation<'a> {
    model: &'a dyn Model,
    compiled: &'a Compiled,
    source: Source<'a>,
    feed: Feed,
    runner: Runner<'a>,
    steps: Option<usize>,
    is_foreign: bool,
}

impl<'a> Evaluation<'a> {
    pub fn new(
        model: &'a dyn Model,
        compiled: &'a Compiled,
        batches: &'a mut dyn Batches,
        steps: Option<usize>,
        is_foreign: bool,
    ) -> Result<Self> {
        if steps == Some(0) {
            fail!(InvalidArgument, "steps: expected at least 1, found 0");
        }
        let mut source = Source::new(batches);
        let Some(first) = source.peek(Pass { epoch: 0, key: None })? else {
            return Err(err!(EmptyData, "evaluate: expected batches, found none"));
        };
        prepare(model, compiled, &first)?;
        let mut feed = Feed::new(model, Some(compiled))?;
        let mut runner = Runner::new(model, Some(compiled), Kind::Test);
        let (layout, arguments) = feed.arguments(&first)?;
        runner.prepare(&layout, &arguments)?;
        Ok(Self { model, compiled, source, feed, runner, steps, is_foreign })
    }

    /// Runs it, with callbacks at its milestones.
    pub fn run(&mut self, run: &Run<'_>, callbacks: &mut dyn Callback) -> Result<Logs> {
        callbacks.on_test_begin(run)?;
        self.compiled.reset_of(self.model)?;
        self.source.start(Pass { epoch: 0, key: None })?;
        let (group, mut step) = (self.compiled.options().steps_per_execution, 0_usize);
        let mut next = self.source.next()?;
        if next.is_none() {
            return Err(err!(EmptyData, "validation: expected batches, found none")
                .help("an iterator is good for one pass: make a new one for each with training::repeated"));
        }
        while let Some(batch) = next.take() {
            if step.is_multiple_of(group) {
                callbacks.on_test_batch_begin(run, step)?;
            }
            let (layout, arguments) = self.feed.arguments(&batch)?;
            if self.is_foreign {
                self.feed.check_classes(&layout, &arguments)?;
            }
            self.runner.run(&layout, &arguments)?;
            drop((batch, arguments));
            step += 1;
            if self.steps.is_none_or(|steps| step < steps) {
                next = self.source.next()?;
            }
            if step.is_multiple_of(group) || next.is_none() {
                callbacks.on_test_batch_end(run, step - 1, &BatchLogs(self.runner.report()))?;
            }
        }
        let logs = self.runner.report().logs()?;
        callbacks.on_test_end(run, &logs)?;
        Ok(logs)
    }
}
