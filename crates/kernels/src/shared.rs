//! Slices that parallel tasks take disjoint parts of.

#![allow(unsafe_code)]

use crate::parallel::parallel_for;
use std::marker::PhantomData;

/// [`parallel_for`] compiled once: kernels with many instances would each bring a copy of the fork and join.
pub(crate) fn for_each_task(tasks: usize, body: &(dyn Fn(usize) + Sync)) {
    parallel_for(tasks, body);
}

/// A mutable slice whose disjoint ranges may be borrowed from several tasks at once.
pub(crate) struct Shared<'a, T> {
    start: *mut T,
    len: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: `part`'s contract keeps borrowed ranges disjoint, as if the slice were split between the threads.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// Elements `start..end`.
    ///
    /// # Safety
    /// No other borrowed part overlaps it.
    #[allow(clippy::mut_from_ref)]
    #[inline(always)]
    pub(crate) unsafe fn part(&self, start: usize, end: usize) -> &mut [T] {
        assert!(start <= end && end <= self.len);
        // SAFETY: inside the slice; disjoint by contract.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), end - start) }
    }
}
