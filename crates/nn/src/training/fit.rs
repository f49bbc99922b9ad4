//! Training.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use cornet_error::{Result, err, fail};
use cornet_ops::{Type, backend, with_backend};
use cornet_runtime::Concrete;

use super::data::{Batches, Data, IntoArrays};
use super::evaluate::{Evaluation, check_targets};
use super::progress::{ProgbarOptions, Progress, Verbose};
use super::trainer::Compiled;
use super::{History, Logs, step};
use crate::callbacks::{BatchLogs, Callback, CallbackList, Moment, Run};
use crate::models::Model;
use crate::models::model::not_compiled;
use crate::random::Key;

/// Options of `fit`, with Keras's names and defaults.
pub struct FitOptions<'a> {
    batch_size: usize,
    epochs: usize,
    initial_epoch: usize,
    verbose: Verbose,
    validation_split: f64,
    validation_data: Option<(&'a dyn IntoArrays, &'a dyn IntoArrays)>,
    validation_batch_size: Option<usize>,
    validation_freq: usize,
    shuffle: bool,
    seed: Option<u64>,
    stop_on_nan: bool,
    callbacks: CallbackList<'a>,
    output: Option<(Box<dyn Write + Send + 'a>, ProgbarOptions)>,
}

impl Default for FitOptions<'_> {
    fn default() -> Self {
        Self {
            batch_size: 32,
            epochs: 1,
            initial_epoch: 0,
            verbose: Verbose::Bar,
            validation_split: 0.0,
            validation_data: None,
            validation_batch_size: None,
            validation_freq: 1,
            shuffle: true,
            seed: None,
            stop_on_nan: false,
            callbacks: CallbackList::new(),
            output: None,
        }
    }
}

impl<'a> FitOptions<'a> {
    /// Keras's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many samples a step takes; by default 32.
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Up to which epoch it goes; by default 1.
    #[must_use]
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// The epoch that it begins with, counted from 0, when a training goes on.
    #[must_use]
    pub fn initial_epoch(mut self, epoch: usize) -> Self {
        self.initial_epoch = epoch;
        self
    }

    /// How much is printed, to standard error; by default a bar.
    #[must_use]
    pub fn verbose(mut self, verbose: Verbose) -> Self {
        self.verbose = verbose;
        self
    }

    /// Which fraction of the samples, the last ones, is kept to validate on.
    #[must_use]
    pub fn validation_split(mut self, fraction: f64) -> Self {
        self.validation_split = fraction;
        self
    }

    /// Samples and targets to validate on after each epoch.
    #[must_use]
    pub fn validation_data(mut self, x: &'a dyn IntoArrays, y: &'a dyn IntoArrays) -> Self {
        self.validation_data = Some((x, y));
        self
    }

    /// How many samples a step of the validation takes; by default as many as one of training.
    #[must_use]
    pub fn validation_batch_size(mut self, batch_size: usize) -> Self {
        self.validation_batch_size = Some(batch_size);
        self
    }

    /// After how many epochs each it validates; by default after every one.
    #[must_use]
    pub fn validation_freq(mut self, epochs: usize) -> Self {
        self.validation_freq = epochs;
        self
    }

    /// Whether samples come in a new random order in each epoch; by default they do.
    #[must_use]
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// What decides the orders; by default drawn from the model's seeds.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Whether a loss that is NaN or infinite ends the training with an error; by default it goes on, as in Keras.
    #[must_use]
    pub fn stop_on_nan(mut self, stop: bool) -> Self {
        self.stop_on_nan = stop;
        self
    }

    /// With this callback, after those given before.
    #[must_use]
    pub fn callback(mut self, callback: &'a mut dyn Callback) -> Self {
        self.callbacks.push(callback);
        self
    }

    /// Where the display is written and how it looks, instead of standard error.
    #[must_use]
    pub fn output(mut self, out: impl Write + Send + 'a, options: ProgbarOptions) -> Self {
        self.output = Some((Box::new(out), options));
        self
    }

    fn progress(&mut self, steps: usize) -> Progress<Box<dyn Write + Send + 'a>> {
        let (out, options) = self.output.take().unwrap_or_else(|| {
            let out = io::stderr();
            let options = ProgbarOptions::for_output(self.verbose, out.is_terminal());
            (Box::new(out), options)
        });
        let options = ProgbarOptions { verbose: self.verbose, ..options };
        Progress::new(out, options, self.epochs, Some(steps as u64))
    }
}

/// The compiled function of a training step for batches of these types.
fn train_function(model: &dyn Model, compiled: &Compiled, types: &[Type], inputs: usize) -> Result<Arc<Concrete>> {
    let body = |arguments: &[_]| step::train(model, compiled, arguments, inputs).map(|()| Vec::new());
    compiled.train.get(types, || Concrete::trace("train_step", types, body))
}

/// Trains a model on samples `x` with targets `y`.
///
/// # Errors
/// As [`Model::fit`].
pub fn fit(model: &dyn Model, x: &dyn IntoArrays, y: &dyn IntoArrays, mut options: FitOptions<'_>) -> Result<History> {
    let compiled = model.trainer().compiled().ok_or_else(|| not_compiled(model, "fit"))?;
    let data = Data::new(x, Some(y))?;
    let (data, validation) = match options.validation_data {
        Some((x, y)) => (data, Some(Data::new(x, Some(y)).map_err(|e| e.within("validation_data"))?)),
        None if options.validation_split != 0.0 => {
            data.split(options.validation_split).map(|(data, rest)| (data, Some(rest)))?
        }
        None => (data, None),
    };
    if options.validation_freq == 0 {
        fail!(InvalidArgument, "validation_freq: expected at least 1, found 0");
    }
    prepare(model, &compiled, &data)?;
    let batches = Batches::new(data, options.batch_size)?;
    let (full, last) = batches.types();
    let function = |types: &[Type]| train_function(model, &compiled, types, batches.inputs());
    let (full, last) = (function(&full)?, last.map(|types| function(&types)).transpose()?);
    let size = options.validation_batch_size.unwrap_or(options.batch_size);
    let validation = validation.map(|data| Evaluation::new(model, &compiled, data, size)).transpose()?;
    let key = Key::new(options.seed.unwrap_or_else(|| model.seeds().draw()));
    let run = Run::new(model, options.epochs, batches.steps());
    let run = run.starting(options.initial_epoch, key).validated(validation.is_some());
    let progress = options.progress(batches.steps());
    let mut training = Training { run, compiled: &compiled, options, batches, full, last, validation, progress };
    // Inside the backend's threads, so that no step pays for waking them.
    let (chosen, mut outcome) = (backend(), Ok(History::default()));
    chosen.enter(&mut || outcome = with_backend(chosen, || training.run()));
    outcome
}

/// Builds the model and the optimizer's state, and checks the targets.
fn prepare(model: &dyn Model, compiled: &Compiled, data: &Data) -> Result<()> {
    model.build_for(&model.input_shapes().unwrap_or_else(|| data.input_shapes()))?;
    if data.targets().is_empty() {
        fail!(EmptyData, "y: expected targets, found none");
    }
    let optimizer = &compiled.optimizer;
    optimizer.build(&model.trainable_weights())?;
    check_targets(model, compiled, data)
}

struct Training<'a, 'o> {
    run: Run<'a>,
    compiled: &'a Compiled,
    options: FitOptions<'o>,
    batches: Batches,
    full: Arc<Concrete>,
    last: Option<Arc<Concrete>>,
    validation: Option<Evaluation>,
    progress: Progress<Box<dyn Write + Send + 'o>>,
}

impl Training<'_, '_> {
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
                self.compiled.reset_metrics()?;
            }
            self.run.begin_epoch(Moment { epoch, step: first });
            self.options.callbacks.on_epoch_begin(&self.run, epoch)?;
            show_messages(&self.run, &mut self.progress);
            // A display that fails is no reason to stop training; so too below.
            let _ = self.progress.begin_epoch(epoch);
            self.train(epoch, first)?;
            logs = self.compiled.logs()?;
            if (epoch + 1).is_multiple_of(self.options.validation_freq) {
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

    /// The steps of an epoch. Nothing is allocated here, once the first step has run, but for the display.
    fn train(&mut self, epoch: usize, first: usize) -> Result<()> {
        if self.options.shuffle {
            self.batches.shuffle(self.run.key().fold_in(epoch as u64));
        }
        let mut outputs = Vec::new();
        for step in first..self.batches.steps() {
            self.options.callbacks.on_train_batch_begin(&self.run, step)?;
            let (is_last, arguments) = self.batches.load(step);
            let function = if is_last { self.last.as_ref().unwrap_or(&self.full) } else { &self.full };
            function.run(&arguments, &mut outputs)?;
            if self.options.stop_on_nan {
                check_finite(self.compiled, epoch, step)?;
            }
            self.options.callbacks.on_train_batch_end(&self.run, step, &BatchLogs(self.compiled))?;
            show_messages(&self.run, &mut self.progress);
            if self.progress.is_due() {
                let logs = self.compiled.logs()?;
                let _ = self.progress.step(step as u64 + 1, &logs.iter().collect::<Vec<_>>());
            }
            if self.run.is_stopped() {
                break;
            }
        }
        Ok(())
    }

    fn validate(&mut self, logs: &mut Logs) -> Result<()> {
        let Some(validation) = &mut self.validation else { return Ok(()) };
        let found = validation.run(self.compiled, &self.run, &mut self.options.callbacks)?;
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
fn check_finite(compiled: &Compiled, epoch: usize, step: usize) -> Result<()> {
    let loss = compiled.loss_tracker.value()?;
    if loss.is_finite() {
        return Ok(());
    }
    let what = if loss.is_nan() { "NaN" } else { "infinite" };
    Err(err!(NonFinite, "epoch {}, step {}: expected a finite loss, found {what}", epoch + 1, step + 1)
        .help("lower the learning rate, scale the inputs to about -1 to 1, and check them for NaN"))
}

/// One step of training on one batch; returns loss and metrics since they were last reset.
///
/// # Errors
/// As [`Model::fit`].
pub fn train_on_batch(model: &dyn Model, x: &dyn IntoArrays, y: &dyn IntoArrays) -> Result<Logs> {
    let compiled = model.trainer().compiled().ok_or_else(|| not_compiled(model, "train_on_batch"))?;
    let data = Data::new(x, Some(y))?;
    prepare(model, &compiled, &data)?;
    let samples = data.len();
    let mut batches = Batches::new(data, samples)?;
    let function = train_function(model, &compiled, &batches.types().0, batches.inputs())?;
    let (_, arguments) = batches.load(0);
    function.run(&arguments, &mut Vec::new())?;
    compiled.logs()
}
