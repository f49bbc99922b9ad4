//! Predictions.

use std::io;
use std::io::IsTerminal;

use cornet_error::{Result, err};
use cornet_ops::{backend, with_backend};
use cornet_runtime::Concrete;
use cornet_tensor::{Array, Shape};

use super::data::{Batches, Data, IntoArrays};
use super::progress::{ProgbarOptions, Progress, Verbose};
use super::step;
use crate::callbacks::{Callback, CallbackList, Run};
use crate::models::Model;

/// Options of `predict`.
pub struct PredictOptions<'a> {
    batch_size: usize,
    verbose: Verbose,
    callbacks: CallbackList<'a>,
}

impl Default for PredictOptions<'_> {
    fn default() -> Self {
        Self { batch_size: 32, verbose: Verbose::Silent, callbacks: CallbackList::new() }
    }
}

impl<'a> PredictOptions<'a> {
    /// Keras's defaults, but silent.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many samples are predicted at once; by default 32.
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

/// The predictions of a model for samples, output by output.
///
/// # Errors
/// `empty_data`, or what does not fit.
pub fn predict(model: &dyn Model, x: &dyn IntoArrays, mut options: PredictOptions<'_>) -> Result<Vec<Array>> {
    let data = Data::new(x, None)?;
    model.build_for(&model.input_shapes().unwrap_or_else(|| data.input_shapes()))?;
    let samples = data.len();
    let mut batches = Batches::new(data, options.batch_size)?;
    let (full, last) = batches.types();
    let function = |types: &[_]| {
        model.trainer().predict.get(types, || Concrete::trace("predict", types, |x| step::predict(model, x)))
    };
    let (full, last) = (function(&full)?, last.map(|types| function(&types)).transpose()?);
    let mut results = Vec::new();
    let mut done = 0;
    let mut progress = display(options.verbose, batches.steps());
    let state = Run::new(model, 1, batches.steps());
    let callbacks = &mut options.callbacks;
    let mut run = || -> Result<()> {
        let mut outputs = Vec::new();
        callbacks.on_predict_begin(&state)?;
        for step in 0..batches.steps() {
            callbacks.on_predict_batch_begin(&state, step)?;
            let (is_last, arguments) = batches.load(step);
            let function = if is_last { last.as_ref().unwrap_or(&full) } else { &full };
            function.run(&arguments, &mut outputs)?;
            if results.is_empty() {
                results = outputs.iter().map(|batch| whole(batch, samples)).collect::<Result<Vec<Array>>>()?;
            }
            for (result, batch) in results.iter_mut().zip(&outputs) {
                let row = batch.bytes().len() / batch.shape()[0].max(1);
                let bytes = batch.bytes();
                result.bytes_mut()[done * row..][..bytes.len()].copy_from_slice(bytes);
            }
            done += arguments[0].shape()[0];
            callbacks.on_predict_batch_end(&state, step)?;
            // A display that fails is no reason to stop.
            if progress.is_due() {
                let _ = progress.step(step as u64 + 1, &[]);
            }
        }
        let _ = progress.end(&[]);
        callbacks.on_predict_end(&state)?;
        state.take_messages().iter().for_each(|message| drop(progress.message(message)));
        Ok(())
    };
    let (chosen, mut outcome) = (backend(), Ok(()));
    chosen.enter(&mut || outcome = with_backend(chosen, &mut run));
    outcome.map(|()| results)
}

/// A progress bar on standard error.
pub(super) fn display(verbose: Verbose, steps: usize) -> Progress<io::Stderr> {
    let out = io::stderr();
    let options = ProgbarOptions::for_output(verbose, out.is_terminal());
    Progress::new(out, options, 1, Some(steps as u64))
}

/// An array for the outputs of all samples, like those of a batch.
fn whole(batch: &Array, samples: usize) -> Result<Array> {
    match batch.shape()[..] {
        [_, ref rest @ ..] => {
            let shape: Shape = [samples].into_iter().chain(rest.iter().copied()).collect();
            Ok(Array::zeros(batch.dtype(), shape))
        }
        [] => Err(err!(RankMismatch, "predict: expected outputs with one row a sample, found a scalar")),
    }
}
