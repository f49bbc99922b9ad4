//! Copies of operands in the order a tile reads them, and the memory for them.
#![allow(unsafe_code)]

use crate::simd::Simd;
use std::cell::RefCell;

/// `(from, stride, to, step, k, n)`: writes `k` rows of `n` to `to`, `step` apart; what `stride` counts is the packer's.
pub(crate) type PackFn<E> = unsafe fn(*const E, usize, *mut E, usize, usize, usize);

/// `to[i * step + j] = from[i * stride + j]` for `i < k`, `j < n`: rows that are contiguous already.
///
/// # Safety
/// The CPU runs `S`; the elements named are readable and writable.
#[inline(always)]
pub(crate) unsafe fn rows<S: Simd>(from: *const S::E, stride: usize, to: *mut S::E, step: usize, k: usize, n: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        if n == 2 * S::LANES {
            for i in 0..k {
                let (from, to) = (from.add(i * stride), to.add(i * step));
                S::store(to, S::load(from));
                S::store(to.add(S::LANES), S::load(from.add(S::LANES)));
            }
            return;
        }
        let whole = n - n % S::LANES;
        for i in 0..k {
            let (from, to) = (from.add(i * stride), to.add(i * step));
            for j in (0..whole).step_by(S::LANES) {
                S::store(to.add(j), S::load(from.add(j)));
            }
            if whole < n {
                S::store_first(to.add(whole), S::load_first(from.add(whole), n - whole), n - whole);
            }
        }
    }
}

/// `to[i * step + j] = from[j * stride + i]` for `i < k`, `j < n`: a transpose. `step` is at least `n` rounded up to
/// whole vectors, and each row of `to` may be written that far.
///
/// # Safety
/// The CPU runs `S`; the elements named are readable and writable.
#[inline(always)]
pub(crate) unsafe fn columns<S: Simd>(
    from: *const S::E,
    stride: usize,
    to: *mut S::E,
    step: usize,
    k: usize,
    n: usize,
) {
    debug_assert!(n.next_multiple_of(S::LANES) <= step);
    let whole = k - k % S::LANES;
    // SAFETY: the caller's contract.
    unsafe {
        for j in (0..n).step_by(S::LANES) {
            let from = from.add(j * stride);
            let columns = S::LANES.min(n - j);
            for i in (0..whole).step_by(S::LANES) {
                let (from, to) = (from.add(i), to.add(i * step + j));
                if columns == S::LANES {
                    S::transpose(from, stride, S::LANES, to, step);
                } else {
                    S::transpose(from, stride, columns, to, step);
                }
            }
            for i in whole..k {
                for l in 0..columns {
                    *to.add(i * step + j + l) = *from.add(l * stride + i);
                }
            }
        }
    }
}

/// A cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// A thread's first packing takes 2 MiB, so that a thread which meets the largest of a plan's products late takes no more
/// then. Pages that are never written cost nothing.
const LEAST_LINES: usize = (2 << 20) / 64;

thread_local! {
    static BUFFER: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Hands `body` this thread's packing memory, of at least `len` elements, aligned to a cache line and of unspecified
/// content. It grows to the largest length asked for and is then kept, so a steady state allocates nothing.
///
/// `body` must not come back here: it runs while the memory is lent, so it may not wait on other tasks of the pool.
pub(crate) fn with_buffer<E: Copy + 'static, R>(len: usize, body: impl FnOnce(*mut E) -> R) -> R {
    BUFFER.with(|buffer| {
        let mut buffer = buffer.borrow_mut();
        let lines = (len * size_of::<E>()).div_ceil(size_of::<Line>());
        if buffer.len() < lines {
            *buffer = Vec::new();
            *buffer = vec![Line([0; 64]); lines.max(LEAST_LINES)];
        }
        body(buffer.as_mut_ptr().cast())
    })
}
