//! Predictions.

use std::io;
use std::io::IsTerminal;

use cornet_error::{Result, err, fail};
use cornet_ops::{backend, with_backend};
use cornet_tensor::{Array, DType, Shape};

use super::arrays::IntoArrays;
use super::batches::{Batch, Batches, Pass, Source};
use super::feed::Feed;
use super::options::batch_size;
use super::progress::{ProgbarOptions, Progress, Verbose};
use super::runner::{Kind, Runner};
use super::samples::Samples;
use crate::callbacks::{Callback, CallbackList, Run};
use crate::models::Model;
use crate::shape::PartialShape;

/// Options of `predict`.
pub struct PredictOptions<'a> {
    batch_size: Option<usize>,
    steps: Option<usize>,
    verbose: Verbose,
    callbacks: CallbackList<'a>,
}

impl Default for PredictOptions<'_> {
    fn default() -> Self {
        Self { batch_size: None, steps: None, verbose: Verbose::Silent, callbacks: CallbackList::new() }
    }
}

impl<'a> PredictOptions<'a> {
    /// Keras's defaults, but silent.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many samples are predicted at once; by default 32, or what `steps` makes of the samples.
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// How many batches are predicted; by default all.
    #[must_use]
    pub fn steps(mut self, steps: usize) -> Self {
        self.steps = Some(steps);
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
pub fn predict(model: &dyn Model, x: &dyn IntoArrays, options: PredictOptions<'_>) -> Result<Vec<Array>> {
    let samples = Samples::new(x, &(), None)?;
    let count = samples.len();
    let size = batch_size(options.batch_size, options.steps, count);
    let expected = options.steps.map_or(count, |steps| count.min(steps.saturating_mul(size)));
    pass_over(model, &mut samples.batches(size)?, options, expected)
}

/// The predictions of a model for batches, output by output.
///
/// # Errors
/// As [`predict`]; `shape_mismatch` for batches whose predictions cannot be put behind each other.
pub fn predict_on(model: &dyn Model, batches: &mut dyn Batches, options: PredictOptions<'_>) -> Result<Vec<Array>> {
    pass_over(model, batches, options, 0)
}

/// Builds the model for a batch, unless it is.
pub(super) fn build_for(model: &dyn Model, batch: &Batch) -> Result<()> {
    if let Some(shapes) = model.input_shapes() {
        return model.build_for(&shapes);
    }
    let (layout, arguments) = Feed::new(model, None)?.arguments(batch)?;
    let inputs = arguments[..layout.inputs].iter();
    model.build_for(&inputs.map(|a| PartialShape::of_batch(a.shape())).collect::<Vec<_>>())
}

fn pass_over(
    model: &dyn Model,
    batches: &mut dyn Batches,
    options: PredictOptions<'_>,
    expected: usize,
) -> Result<Vec<Array>> {
    let PredictOptions { steps, verbose, mut callbacks, .. } = options;
    if steps == Some(0) {
        fail!(InvalidArgument, "steps: expected at least 1, found 0");
    }
    let mut source = Source::new(batches);
    let Some(first) = source.peek(Pass { epoch: 0, key: None })? else {
        return Err(err!(EmptyData, "predict: expected batches, found none"));
    };
    build_for(model, &first)?;
    let mut feed = Feed::new(model, None)?;
    let mut runner = Runner::new(model, None, Kind::Predict);
    let (layout, arguments) = feed.arguments(&inputs_of(first))?;
    runner.prepare(&layout, &arguments)?;
    drop(arguments);
    let known = steps.or(source.batches());
    let mut progress = display(verbose, known);
    let state = Run::new(model, 1, known.unwrap_or(0));
    let mut results = Rows::new(expected);
    let mut run = || -> Result<()> {
        callbacks.on_predict_begin(&state)?;
        let mut step = 0;
        while steps.is_none_or(|steps| step < steps) {
            let Some(batch) = source.next()? else { break };
            callbacks.on_predict_batch_begin(&state, step)?;
            let (layout, arguments) = feed.arguments(&inputs_of(batch))?;
            runner.run(&layout, &arguments)?;
            results.add(&runner.outputs)?;
            callbacks.on_predict_batch_end(&state, step)?;
            step += 1;
            // A display that fails is no reason to stop.
            if progress.is_due() {
                let _ = progress.step(step as u64, &[]);
            }
        }
        let _ = progress.end(&[]);
        callbacks.on_predict_end(&state)?;
        state.take_messages().iter().for_each(|message| drop(progress.message(message)));
        Ok(())
    };
    let (chosen, mut outcome) = (backend(), Ok(()));
    chosen.enter(&mut || outcome = with_backend(chosen, &mut run));
    outcome.and_then(|()| results.whole())
}

/// The batch without what predictions take no notice of.
fn inputs_of(batch: Batch) -> Batch {
    Batch { x: batch.x, ..Batch::default() }
}

/// A progress bar on standard error.
pub(super) fn display(verbose: Verbose, steps: Option<usize>) -> Progress<io::Stderr> {
    let out = io::stderr();
    let options = ProgbarOptions::for_output(verbose, out.is_terminal());
    Progress::new(out, options, 1, steps.map(|steps| steps as u64))
}

/// The outputs of batches, put behind each other in arrays that have room for as many samples as are expected and grow
/// where there are more.
struct Rows {
    columns: Vec<Column>,
    room: usize,
    done: usize,
}

/// One output: an array with room, or the texts so far.
enum Column {
    Numbers(Array),
    Texts { strings: Vec<Vec<u8>>, row: Shape },
}

impl Rows {
    fn new(expected: usize) -> Self {
        Self { columns: Vec::new(), room: expected, done: 0 }
    }

    fn add(&mut self, batch: &[Array]) -> Result<()> {
        let count = batch.first().and_then(|a| a.shape().first().copied()).unwrap_or(0);
        if self.columns.is_empty() {
            self.room = self.room.max(count);
            self.columns = batch.iter().map(|a| Column::new(a, self.room)).collect::<Result<_>>()?;
        }
        if self.done + count > self.room {
            self.resize((self.done + count).max(2 * self.room))?;
        }
        self.columns.iter_mut().zip(batch).try_for_each(|(column, batch)| column.set(self.done, count, batch))?;
        self.done += count;
        Ok(())
    }

    fn resize(&mut self, rows: usize) -> Result<()> {
        self.room = rows;
        self.columns.iter_mut().try_for_each(|column| column.resize(rows))
    }

    fn whole(mut self) -> Result<Vec<Array>> {
        if self.done != self.room {
            self.resize(self.done)?;
        }
        self.columns.into_iter().map(|column| column.array(self.done)).collect()
    }
}

impl Column {
    /// A column of rows like those of this batch.
    fn new(batch: &Array, room: usize) -> Result<Self> {
        match batch.shape()[..] {
            [] => Err(err!(RankMismatch, "predict: expected outputs with one row a sample, found a scalar")),
            [_, ref rest @ ..] if batch.dtype() == DType::Str => {
                Ok(Self::Texts { strings: Vec::new(), row: Shape::from(rest) })
            }
            _ => Ok(Self::Numbers(with_rows(batch, room)?)),
        }
    }

    /// Sets `count` rows from `done` on.
    fn set(&mut self, done: usize, count: usize, batch: &Array) -> Result<()> {
        let (row, dtype) = match self {
            Self::Numbers(whole) => (&whole.shape()[1..], whole.dtype()),
            Self::Texts { row, .. } => (&row[..], DType::Str),
        };
        let is_alike = batch.shape().rank() > 0 && batch.shape()[1..] == *row;
        if !is_alike || batch.shape()[0] != count || batch.dtype() != dtype {
            return Err(err!(ShapeMismatch, "predict: expected batches alike, found {}", batch.shape())
                .operand("before", Shape::from(row))
                .help("predict batch by batch with predict_on_batch"));
        }
        match self {
            Self::Numbers(whole) => {
                let row = batch.bytes().len() / count.max(1);
                whole.bytes_mut()[done * row..][..batch.bytes().len()].copy_from_slice(batch.bytes());
            }
            Self::Texts { strings, .. } => strings.extend_from_slice(batch.strings()?),
        }
        Ok(())
    }

    fn resize(&mut self, rows: usize) -> Result<()> {
        let Self::Numbers(array) = self else { return Ok(()) };
        let mut other = with_rows(array, rows)?;
        let kept = other.bytes().len().min(array.bytes().len());
        other.bytes_mut()[..kept].copy_from_slice(&array.bytes()[..kept]);
        *array = other;
        Ok(())
    }

    fn array(self, rows: usize) -> Result<Array> {
        match self {
            Self::Numbers(array) => Ok(array),
            Self::Texts { strings, row } => {
                Array::from_strings(strings, [rows].into_iter().chain(row.iter().copied()).collect::<Shape>())
            }
        }
    }
}

/// An array like this one of so many rows.
fn with_rows(batch: &Array, rows: usize) -> Result<Array> {
    let shape: Shape = [rows].into_iter().chain(batch.shape().iter().skip(1).copied()).collect();
    Array::try_zeros(batch.dtype(), shape)
}
