//! Training.

use std::io::Write;
use std::sync::Arc;

use cornet_error::{Result, err, fail};
use cornet_ops::{backend, with_backend};

use super::arrays::IntoArrays;
use super::batches::{Batch, Batches, Pass, Source};
use super::evaluate::Evaluation;
use super::feed::Feed;
use super::options::{FitOptions, Validation, When, batch_size};
use super::progress::Progress;
use super::runner::{Kind, Runner, StepReport};
use super::samples::{SampleBatches, Samples, class_weights};
use super::trainer::Compiled;
use super::{History, Logs};
use crate::callbacks::{BatchLogs, Callback, Moment, Run};
use crate::models::Model;
use crate::models::model::not_compiled;
use crate::random::Key;
use crate::shape::PartialShape;

/// Trains a model on samples `x` with targets `y`.
///
/// # Errors
/// As [`Model::fit`].
pub fn fit(model: &dyn Model, x: &dyn IntoArrays, y: &dyn IntoArrays, mut options: FitOptions<'_>) -> Result<History> {
    let compiled = model.trainer().compiled().ok_or_else(|| not_compiled(model, "fit"))?;
    let all = Samples::new(x, y, options.sample_weight)?;
    check(model, &compiled, &all)?;
    let (samples, mut validation) = match options.validation {
        Validation::Split if options.validation_split != 0.0 => {
            all.split(options.validation_split).map(|(samples, rest)| (samples, Some(rest)))?
        }
        _ => (all, None),
    };
    let samples = match &options.class_weight[..] {
        [] => samples,
        of_classes => samples.with_class_weight(of_classes)?,
    };
    if let Validation::Arrays(x, y, weights) = options.validation {
        let found = Samples::new(x, y, weights).and_then(|found| check(model, &compiled, &found).map(|()| found));
        validation = Some(found.map_err(|e| e.within("validation_data"))?);
    }
    let size = batch_size(options.batch_size, options.steps_per_epoch, samples.len());
    let asked = options.validation_batch_size.or(options.batch_size);
    let sized = |found: Samples| {
        let size = batch_size(asked, options.validation_steps, found.len());
        found.batches(size)
    };
    let mut validation: Option<SampleBatches> = validation.map(sized).transpose()?;
    let on: Option<(&mut dyn Batches, bool)> = match std::mem::replace(&mut options.validation, Validation::Split) {
        Validation::Batches(batches) => Some((batches, true)),
        _ => validation.as_mut().map(|batches| (batches as &mut dyn Batches, false)),
    };
    let mut batches = samples.batches(size)?;
    train(model, &compiled, (&mut batches, false), on, options)
}

/// Trains a model on batches.
///
/// # Errors
/// As [`Model::fit`].
pub fn fit_on(model: &dyn Model, batches: &mut dyn Batches, mut options: FitOptions<'_>) -> Result<History> {
    let compiled = model.trainer().compiled().ok_or_else(|| not_compiled(model, "fit"))?;
    if options.validation_split != 0.0 {
        return Err(err!(
            InvalidArgument,
            "validation_split: expected 0 for batches, found {}",
            options.validation_split
        )
        .help("give validation_data or validation_batches"));
    }
    if options.sample_weight.is_some() {
        return Err(err!(InvalidArgument, "sample_weight: expected none for batches, found some")
            .help("let the batches have them: (x, y, sample_weight)"));
    }
    let mut validation = match &options.validation {
        Validation::Arrays(x, y, weights) => {
            let found =
                Samples::new(*x, *y, *weights).and_then(|found| check(model, &compiled, &found).map(|()| found));
            let found = found.map_err(|e| e.within("validation_data"))?;
            let asked = options.validation_batch_size.or(options.batch_size);
            let size = batch_size(asked, options.validation_steps, found.len());
            Some(found.batches(size)?)
        }
        _ => None,
    };
    let on: Option<(&mut dyn Batches, bool)> = match std::mem::replace(&mut options.validation, Validation::Split) {
        Validation::Batches(batches) => Some((batches, true)),
        _ => validation.as_mut().map(|batches| (batches as &mut dyn Batches, false)),
    };
    let of_classes = std::mem::take(&mut options.class_weight);
    if of_classes.is_empty() {
        return train(model, &compiled, (batches, true), on, options);
    }
    let mut weighted = Weighted { inner: batches, of_classes };
    train(model, &compiled, (&mut weighted, true), on, options)
}

/// Fails if samples do not fit the model's inputs and outputs, or are of classes that it does not tell apart.
pub(super) fn check(model: &dyn Model, compiled: &Compiled, samples: &Samples) -> Result<()> {
    let batch = samples.clone().whole();
    build(model, compiled, &batch)?;
    let mut feed = Feed::new(model, Some(compiled))?;
    let (layout, arguments) = feed.arguments(&batch)?;
    feed.check_classes(&layout, &arguments)
}

/// Builds the model for a batch.
fn build(model: &dyn Model, compiled: &Compiled, batch: &Batch) -> Result<()> {
    if let Some(shapes) = model.input_shapes() {
        return model.build_for(&shapes);
    }
    let (layout, arguments) = Feed::new(model, Some(compiled))?.arguments(batch)?;
    let inputs = arguments[..layout.inputs].iter();
    model.build_for(&inputs.map(|a| PartialShape::of_batch(a.shape())).collect::<Vec<_>>())
}

/// Builds the model and the optimizer's state.
pub(super) fn prepare(model: &dyn Model, compiled: &Compiled, batch: &Batch) -> Result<()> {
    build(model, compiled, batch)?;
    compiled.optimizer.build(&model.trainable_weights())
}

/// Batches whose samples weigh as much as their classes.
struct Weighted<'a> {
    inner: &'a mut dyn Batches,
    of_classes: Vec<(i64, f64)>,
}

impl Batches for Weighted<'_> {
    fn next_batch(&mut self) -> Result<Option<Batch>> {
        let Some(mut batch) = self.inner.next_batch()? else { return Ok(None) };
        batch.sample_weight = class_weights(&batch.y, &batch.sample_weight, &self.of_classes)?;
        Ok(Some(batch))
    }

    fn start(&mut self, pass: Pass) -> Result<bool> {
        self.inner.start(pass)
    }

    fn batches(&self) -> Option<usize> {
        self.inner.batches()
    }
}

/// Trains on batches, of which it is said whether their classes are still to be checked.
fn train(
    model: &dyn Model,
    compiled: &Arc<Compiled>,
    (batches, is_foreign): (&mut dyn Batches, bool),
    validation: Option<(&mut dyn Batches, bool)>,
    mut options: FitOptions<'_>,
) -> Result<History> {
    if matches!(options.validation_when, When::Every(0)) {
        fail!(InvalidArgument, "validation_freq: expected at least 1, found 0");
    }
    for (what, steps) in [("steps_per_epoch", options.steps_per_epoch), ("validation_steps", options.validation_steps)]
    {
        if steps == Some(0) {
            fail!(InvalidArgument, "{what}: expected at least 1, found 0");
        }
    }
    let key = Key::new(options.seed.unwrap_or_else(|| model.seeds().draw()));
    let mut source = Source::new(batches);
    let pass = Pass { epoch: options.initial_epoch, key: options.shuffle.then_some(key) };
    let Some(first) = source.peek(pass)? else {
        return Err(err!(EmptyData, "fit: expected batches, found none"));
    };
    prepare(model, compiled, &first)?;
    let mut feed = Feed::new(model, Some(compiled))?;
    let mut runner = Runner::new(model, Some(compiled), Kind::Train);
    let (layout, arguments) = feed.arguments(&first)?;
    runner.prepare(&layout, &arguments)?;
    drop((first, arguments));
    let steps = options.validation_steps;
    let validation = validation.map(|(batches, is_foreign)| {
        Evaluation::new(model, compiled, batches, steps, is_foreign).map_err(|e| e.within("validation"))
    });
    let steps = options.steps_per_epoch.or(source.batches());
    let run = Run::new(model, options.epochs, steps.unwrap_or(0));
    let run = run.starting(options.initial_epoch, key).validated(validation.is_some());
    compiled.warnings(model).into_iter().for_each(|warning| run.say(warning));
    let progress = options.progress(steps);
    let validation = validation.transpose()?;
    let stage = Stage::Fresh;
    let mut training =
        Training { run, compiled, options, source, feed, runner, validation, progress, is_foreign, stage };
    // Inside the backend's threads, so that no step pays for waking them.
    let (chosen, mut outcome) = (backend(), Ok(History::default()));
    chosen.enter(&mut || outcome = with_backend(chosen, || training.run()));
    outcome
}

/// Where in their pass the batches are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// They have to begin.
    Fresh,
    /// They go on.
    Under,
}

struct Training<'a, 'o, 's> {
    run: Run<'a>,
    compiled: &'a Compiled,
    options: FitOptions<'o>,
    source: Source<'s>,
    feed: Feed,
    runner: Runner<'a>,
    validation: Option<Evaluation<'s>>,
    progress: Progress<Box<dyn Write + Send + 'o>>,
    is_foreign: bool,
    stage: Stage,
}

impl Training<'_, '_, '_> {
    fn run(&mut self) -> Result<History> {
        let mut history = History::default();
        let mut logs = Logs::default();
        self.options.callbacks.on_train_begin(&self.run)?;
        show_messages(&self.run, &mut self.progress);
        let start = self.run.moment();
        for epoch in start.epoch..self.options.epochs {
            if self.run.is_stopped() {
                break;
            }
            let first = if epoch == start.epoch { start.step } else { 0 };
            // The metrics of an epoch that goes on in the middle go on, too.
            if first == 0 {
                self.compiled.reset_of(self.run.model())?;
            }
            let batch = self.begin(epoch, first)?;
            // An epoch that goes on behind its last step has its end still before it.
            if batch.is_none() && first == 0 {
                break;
            }
            self.run.begin_epoch(Moment { epoch, step: first });
            self.options.callbacks.on_epoch_begin(&self.run, epoch)?;
            show_messages(&self.run, &mut self.progress);
            // A display that fails is no reason to stop training; so too below.
            let _ = self.progress.begin_epoch(epoch);
            self.train(epoch, first, batch)?;
            logs = self.runner.report().logs()?;
            if self.is_validated(epoch) {
                self.validate(&mut logs)?;
            }
            self.options.callbacks.on_epoch_end(&self.run, epoch, &mut logs)?;
            show_messages(&self.run, &mut self.progress);
            let _ = self.progress.end(&logs.iter().collect::<Vec<_>>());
            history.push(epoch, &logs);
        }
        if self.options.epochs > 0 {
            self.compiled.optimizer.finalize_variable_values(&self.run.model().trainable_weights())?;
        }
        self.options.callbacks.on_train_end(&self.run, &logs)?;
        show_messages(&self.run, &mut self.progress);
        Ok(history)
    }

    fn is_validated(&self, epoch: usize) -> bool {
        match &self.options.validation_when {
            When::Every(epochs) => (epoch + 1).is_multiple_of(*epochs),
            When::After(epochs) => epochs.contains(&(epoch + 1)),
        }
    }

    /// The first batch of an epoch, which may be the next one of a pass that `steps_per_epoch` has cut. None when the
    /// batches have run out and do not begin anew.
    fn begin(&mut self, epoch: usize, first: usize) -> Result<Option<Batch>> {
        let key = self.options.shuffle.then(|| self.run.key());
        let next = if self.stage == Stage::Under { self.source.next()? } else { None };
        if next.is_some() {
            return Ok(next);
        }
        self.source.start(Pass { epoch, key })?;
        self.source.skip(first)?;
        let batch = self.source.next()?;
        if batch.is_none() && first == 0 {
            self.run.say(
                "the batches have run out and do not begin anew: training ends here; give steps_per_epoch and enough \
                 batches, or batches of training::repeated",
            );
            show_messages(&self.run, &mut self.progress);
        }
        Ok(batch)
    }

    /// The steps of an epoch. Nothing is allocated here, once the first step has run, but for the display.
    fn train(&mut self, epoch: usize, first: usize, batch: Option<Batch>) -> Result<()> {
        let (mut step, mut next) = (first, batch);
        let group = self.compiled.options().steps_per_execution;
        let last = self.options.steps_per_epoch;
        self.stage = Stage::Under;
        while let Some(batch) = next.take() {
            if (step - first).is_multiple_of(group) {
                self.options.callbacks.on_train_batch_begin(&self.run, step)?;
            }
            let (layout, arguments) = self.feed.arguments(&batch)?;
            if self.is_foreign {
                self.feed.check_classes(&layout, &arguments)?;
            }
            self.runner.run(&layout, &arguments)?;
            // Their memory is that of the next batch.
            drop((batch, arguments));
            if self.options.stop_on_nan {
                check_finite(self.runner.report(), epoch, step)?;
            }
            step += 1;
            if last.is_none_or(|last| step < last) {
                next = self.source.next()?;
                self.stage = if next.is_none() { Stage::Fresh } else { Stage::Under };
            }
            if (step - first).is_multiple_of(group) || next.is_none() {
                let logs = BatchLogs(self.runner.report());
                self.options.callbacks.on_train_batch_end(&self.run, step - 1, &logs)?;
            }
            show_messages(&self.run, &mut self.progress);
            if self.progress.is_due() {
                let logs = self.runner.report().logs()?;
                let _ = self.progress.step(step as u64, &logs.iter().collect::<Vec<_>>());
            }
            if self.run.is_stopped() {
                break;
            }
        }
        if let Some(last) = last.filter(|last| step < *last && !self.run.is_stopped()) {
            self.run.say(format!("the batches have run out after {step} of {last} steps: the epoch ends here"));
        }
        Ok(())
    }

    fn validate(&mut self, logs: &mut Logs) -> Result<()> {
        let Some(validation) = &mut self.validation else { return Ok(()) };
        let found = validation.run(&self.run, &mut self.options.callbacks)?;
        logs.add_validation(&found);
        Ok(())
    }
}

/// Writes what callbacks have said.
fn show_messages(run: &Run<'_>, progress: &mut Progress<impl Write>) {
    for message in run.take_messages() {
        let _ = progress.message(&message);
    }
}

/// Fails if the loss of the epoch so far is not a number.
fn check_finite(report: StepReport<'_>, epoch: usize, step: usize) -> Result<()> {
    let loss = report.loss()?;
    if loss.is_finite() {
        return Ok(());
    }
    let what = if loss.is_nan() { "NaN" } else { "infinite" };
    Err(err!(NonFinite, "epoch {}, step {}: expected a finite loss, found {what}", epoch + 1, step + 1)
        .help("lower the learning rate, scale the inputs to about -1 to 1, and check them for NaN"))
}
