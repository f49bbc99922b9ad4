//! Channels a constant number at a time, so that the compiler keeps them in registers.
#![allow(unsafe_code)]

/// `L` channels at a time where as many are left, else fewer: `$body` sees the first channel and the constant.
macro_rules! by_chunks {
    ($channels:expr, |$c:ident, $l:ident| $body:expr) => {{
        let channels: std::ops::Range<usize> = $channels;
        let mut $c = channels.start;
        while $c < channels.end {
            let left = channels.end - $c;
            if left >= 32 {
                const $l: usize = 32;
                $body;
                $c += $l;
            } else if left >= 8 {
                const $l: usize = 8;
                $body;
                $c += $l;
            } else {
                const $l: usize = 1;
                $body;
                $c += $l;
            }
        }
    }};
}

pub(crate) use by_chunks;

/// The `L` values from `at`.
///
/// # Safety
/// They lie inside what `p` points to.
#[inline(always)]
pub(crate) unsafe fn chunk<'a, T, const L: usize>(p: *const T, at: usize) -> &'a [T; L] {
    // SAFETY: the caller's contract.
    unsafe { &*p.add(at).cast() }
}

/// The `L` values from `at`, to change.
///
/// # Safety
/// They lie inside what `p` points to, and no one else reads or writes them meanwhile.
#[inline(always)]
pub(crate) unsafe fn chunk_mut<'a, T, const L: usize>(p: *mut T, at: usize) -> &'a mut [T; L] {
    // SAFETY: the caller's contract.
    unsafe { &mut *p.add(at).cast() }
}
