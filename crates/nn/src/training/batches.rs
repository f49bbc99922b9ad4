//! Batches: what a step takes, and where they come from.

use cornet_error::{Error, Result};
use cornet_ops::Tensor;
use cornet_tensor::Array;

use super::arrays::{Fields, IntoArrays};
use crate::random::Key;

/// What one step takes: inputs, targets if there are, weights of samples if there are.
#[derive(Clone, Default)]
pub struct Batch {
    /// The inputs.
    pub x: Fields,
    /// The targets.
    pub y: Fields,
    /// One weight a sample or a value: for all outputs, or for each target.
    pub sample_weight: Fields,
}

/// What is a batch, or fails to become one: `x` alone, `(x, y)` or `(x, y, sample_weight)`, and results of these.
pub trait IntoBatch {
    /// The batch.
    ///
    /// # Errors
    /// The failure that it is.
    fn into_batch(self) -> Result<Batch>;
}

impl IntoBatch for Batch {
    fn into_batch(self) -> Result<Batch> {
        Ok(self)
    }
}

impl IntoBatch for Array {
    fn into_batch(self) -> Result<Batch> {
        (self,).into_batch()
    }
}

impl IntoBatch for Tensor {
    fn into_batch(self) -> Result<Batch> {
        (self,).into_batch()
    }
}

impl<X: IntoArrays> IntoBatch for (X,) {
    fn into_batch(self) -> Result<Batch> {
        Ok(Batch { x: Fields::of(&self.0)?, ..Batch::default() })
    }
}

impl<X: IntoArrays, Y: IntoArrays> IntoBatch for (X, Y) {
    fn into_batch(self) -> Result<Batch> {
        Ok(Batch { x: Fields::of(&self.0)?, y: Fields::of(&self.1)?, ..Batch::default() })
    }
}

impl<X: IntoArrays, Y: IntoArrays, W: IntoArrays> IntoBatch for (X, Y, W) {
    fn into_batch(self) -> Result<Batch> {
        Ok(Batch { x: Fields::of(&self.0)?, y: Fields::of(&self.1)?, sample_weight: Fields::of(&self.2)? })
    }
}

impl<B: IntoBatch, E: Into<Error>> IntoBatch for Result<B, E> {
    fn into_batch(self) -> Result<Batch> {
        self.map_err(Into::into)?.into_batch()
    }
}

/// A pass over samples that begins.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// The epoch, counted from 0.
    pub epoch: usize,
    /// What decides the order of the samples in this pass; none if they are to come as they are.
    pub key: Option<Key>,
}

/// Where batches come from: samples in memory, an iterator, a pipeline of data.
///
/// Every [`Iterator`] over [`IntoBatch`] is one: it goes on where it is at each new epoch, so it must be endless, with
/// `steps_per_epoch` given, or is good for one epoch. What can begin anew implements this trait itself, or is made by
/// [`repeated`].
pub trait Batches: Send {
    /// The next batch of the pass; none at its end.
    ///
    /// # Errors
    /// What keeps the batch from being made.
    fn next_batch(&mut self) -> Result<Option<Batch>>;

    /// Begins a pass anew, before the first batch and then before each epoch, unless `steps_per_epoch` cuts epochs out
    /// of one pass. Whether it did: an iterator cannot, and goes on where it is.
    ///
    /// # Errors
    /// What keeps it from beginning.
    fn start(&mut self, _pass: Pass) -> Result<bool> {
        Ok(false)
    }

    /// How many batches a pass has, if that is known and finite.
    fn batches(&self) -> Option<usize> {
        None
    }

    /// Passes over batches, as a training does that goes on in the middle of an epoch.
    ///
    /// # Errors
    /// As [`Batches::next_batch`].
    fn skip(&mut self, batches: usize) -> Result<()> {
        for _ in 0..batches {
            self.next_batch()?;
        }
        Ok(())
    }
}

impl<I: Iterator<Item = B> + Send, B: IntoBatch> Batches for I {
    fn next_batch(&mut self) -> Result<Option<Batch>> {
        self.next().map(IntoBatch::into_batch).transpose()
    }

    fn batches(&self) -> Option<usize> {
        match self.size_hint() {
            (least, Some(most)) if least == most => Some(least),
            _ => None,
        }
    }
}

/// Batches of a new iterator for each pass: `repeated(|_| batches_of(folder))`.
pub fn repeated<F, I>(make: F) -> Repeated<F, I>
where
    F: FnMut(Pass) -> I + Send,
    I: Batches,
{
    Repeated { make, current: None }
}

/// What [`repeated`] makes.
pub struct Repeated<F, I> {
    make: F,
    current: Option<I>,
}

impl<F: FnMut(Pass) -> I + Send, I: Batches> Batches for Repeated<F, I> {
    fn next_batch(&mut self) -> Result<Option<Batch>> {
        match &mut self.current {
            Some(batches) => batches.next_batch(),
            None => Ok(None),
        }
    }

    fn start(&mut self, pass: Pass) -> Result<bool> {
        let mut made = (self.make)(pass);
        made.start(pass)?;
        self.current = Some(made);
        Ok(true)
    }

    fn batches(&self) -> Option<usize> {
        self.current.as_ref()?.batches()
    }
}

/// Batches of which the first may have been seen before the pass begins, since the model is built for it.
pub(crate) struct Source<'a> {
    inner: &'a mut dyn Batches,
    peeked: Option<Batch>,
    total: Option<usize>,
}

impl<'a> Source<'a> {
    pub fn new(inner: &'a mut dyn Batches) -> Self {
        Self { inner, peeked: None, total: None }
    }

    /// The first batch of a pass that begins, which then comes again.
    pub fn peek(&mut self, pass: Pass) -> Result<Option<Batch>> {
        self.start(pass)?;
        self.total = self.inner.batches();
        if self.peeked.is_none() {
            self.peeked = self.inner.next_batch()?;
        }
        Ok(self.peeked.clone())
    }

    pub fn start(&mut self, pass: Pass) -> Result<()> {
        if self.inner.start(pass)? {
            self.peeked = None;
        }
        Ok(())
    }

    pub fn next(&mut self) -> Result<Option<Batch>> {
        match self.peeked.take() {
            Some(batch) => Ok(Some(batch)),
            None => self.inner.next_batch(),
        }
    }

    pub fn skip(&mut self, batches: usize) -> Result<()> {
        match batches.checked_sub(1) {
            Some(rest) if self.peeked.take().is_some() => self.inner.skip(rest),
            _ => self.inner.skip(batches),
        }
    }

    /// How many batches a pass has, as known when it was first looked at.
    pub fn batches(&self) -> Option<usize> {
        self.total
    }
}
