//! Options of `fit`.

use std::io::{self, IsTerminal, Write};

use super::arrays::IntoArrays;
use super::batches::Batches;
use super::progress::{ProgbarOptions, Progress, Verbose};
use crate::callbacks::{Callback, CallbackList};

/// Options of `fit`, with Keras's names and defaults.
pub struct FitOptions<'a> {
    pub(super) batch_size: Option<usize>,
    pub(super) epochs: usize,
    pub(super) initial_epoch: usize,
    pub(super) steps_per_epoch: Option<usize>,
    pub(super) verbose: Verbose,
    pub(super) sample_weight: Option<&'a dyn IntoArrays>,
    pub(super) class_weight: Vec<(i64, f64)>,
    pub(super) validation_split: f64,
    pub(super) validation: Validation<'a>,
    pub(super) validation_batch_size: Option<usize>,
    pub(super) validation_steps: Option<usize>,
    pub(super) validation_when: When,
    pub(super) shuffle: bool,
    pub(super) seed: Option<u64>,
    pub(super) stop_on_nan: bool,
    pub(super) callbacks: CallbackList<'a>,
    output: Option<(Box<dyn Write + Send + 'a>, ProgbarOptions)>,
}

/// What is validated on.
pub(super) enum Validation<'a> {
    /// Nothing, or a part of the samples.
    Split,
    /// Inputs, targets, and weights if there are.
    Arrays(&'a dyn IntoArrays, &'a dyn IntoArrays, Option<&'a dyn IntoArrays>),
    /// Batches.
    Batches(&'a mut dyn Batches),
}

/// After which epochs is validated.
pub(super) enum When {
    /// After every so many.
    Every(usize),
    /// After these, counted from 1.
    After(Vec<usize>),
}

impl Default for FitOptions<'_> {
    fn default() -> Self {
        Self {
            batch_size: None,
            epochs: 1,
            initial_epoch: 0,
            steps_per_epoch: None,
            verbose: Verbose::Bar,
            sample_weight: None,
            class_weight: Vec::new(),
            validation_split: 0.0,
            validation: Validation::Split,
            validation_batch_size: None,
            validation_steps: None,
            validation_when: When::Every(1),
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

    /// How many samples a step takes; by default 32, or what `steps_per_epoch` makes of the samples.
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
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

    /// How many steps an epoch has; by default as many as it takes to see all samples once. Fewer steps leave the rest
    /// to the next epoch.
    #[must_use]
    pub fn steps_per_epoch(mut self, steps: usize) -> Self {
        self.steps_per_epoch = Some(steps);
        self
    }

    /// How much is printed, to standard error; by default a bar.
    #[must_use]
    pub fn verbose(mut self, verbose: Verbose) -> Self {
        self.verbose = verbose;
        self
    }

    /// The weight of each sample in the loss and in `weighted_metrics`, or of each value, such as each time step. One
    /// array for all outputs, or one for each target, in their order or by name.
    #[must_use]
    pub fn sample_weight(mut self, weights: &'a dyn IntoArrays) -> Self {
        self.sample_weight = Some(weights);
        self
    }

    /// The weights of classes, by their numbers, for a model of one output; classes that are not named weigh 1.
    #[must_use]
    pub fn class_weight(mut self, weights: impl IntoIterator<Item = (i64, f64)>) -> Self {
        self.class_weight = weights.into_iter().collect();
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
        self.validation = Validation::Arrays(x, y, None);
        self
    }

    /// The same with weights of the samples.
    #[must_use]
    pub fn validation_data_weighted(
        mut self,
        x: &'a dyn IntoArrays,
        y: &'a dyn IntoArrays,
        sample_weight: &'a dyn IntoArrays,
    ) -> Self {
        self.validation = Validation::Arrays(x, y, Some(sample_weight));
        self
    }

    /// Batches to validate on after each epoch, which begin anew each time.
    #[must_use]
    pub fn validation_batches(mut self, batches: &'a mut dyn Batches) -> Self {
        self.validation = Validation::Batches(batches);
        self
    }

    /// How many samples a step of the validation takes; by default as many as one of training.
    #[must_use]
    pub fn validation_batch_size(mut self, batch_size: usize) -> Self {
        self.validation_batch_size = Some(batch_size);
        self
    }

    /// How many steps a validation has; by default as many as there are.
    #[must_use]
    pub fn validation_steps(mut self, steps: usize) -> Self {
        self.validation_steps = Some(steps);
        self
    }

    /// After how many epochs each it validates; by default after every one.
    #[must_use]
    pub fn validation_freq(mut self, epochs: usize) -> Self {
        self.validation_when = When::Every(epochs);
        self
    }

    /// After which epochs it validates, counted from 1.
    #[must_use]
    pub fn validation_after(mut self, epochs: impl IntoIterator<Item = usize>) -> Self {
        self.validation_when = When::After(epochs.into_iter().collect());
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

    pub(super) fn progress(&mut self, steps: Option<usize>) -> Progress<Box<dyn Write + Send + 'a>> {
        let (out, options) = self.output.take().unwrap_or_else(|| {
            let out = io::stderr();
            let options = ProgbarOptions::for_output(self.verbose, out.is_terminal());
            (Box::new(out), options)
        });
        let options = ProgbarOptions { verbose: self.verbose, ..options };
        Progress::new(out, options, self.epochs, steps.map(|steps| steps as u64))
    }
}

/// The size of batches that is asked for, or follows from the steps, or is Keras's.
pub(super) fn batch_size(asked: Option<usize>, steps: Option<usize>, samples: usize) -> usize {
    asked.unwrap_or_else(|| match steps {
        Some(steps) if steps > 0 => samples.div_ceil(steps),
        _ => 32,
    })
}
