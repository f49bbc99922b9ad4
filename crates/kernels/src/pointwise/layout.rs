//! How an input maps to the dense output, and reading a tile of it.

#![allow(unsafe_code)]

use cornet_error::{Code, Error, Result};

/// Largest rank after neighbouring axes with compatible strides are merged.
pub(super) const MAX_RANK: usize = 8;

/// Periods up to this many elements are spread into a buffer once a task.
pub(super) const MAX_PERIOD: usize = 1024;

/// Axes of an input, outermost first: sizes and strides in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axes {
    rank: usize,
    sizes: [usize; MAX_RANK],
    strides: [isize; MAX_RANK],
}

/// How the flat index of the output maps to the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mapping {
    /// Element `i`.
    Dense,
    /// The one element.
    Splat,
    /// Element `i mod period`.
    Periodic(usize),
    /// Any strides.
    Strided(Axes),
}

impl Mapping {
    /// Classifies strides over a shape without zero-sized axes.
    pub(super) fn new(shape: &[usize], strides: &[isize]) -> Result<Mapping> {
        let mut axes = Axes { rank: 0, sizes: [1; MAX_RANK], strides: [0; MAX_RANK] };
        for (&size, &stride) in shape.iter().zip(strides).filter(|&(&size, _)| size != 1) {
            let last = axes.rank.wrapping_sub(1);
            if axes.rank > 0 && axes.strides[last] == stride.wrapping_mul(size as isize) {
                axes.sizes[last] *= size;
                axes.strides[last] = stride;
            } else if axes.rank < MAX_RANK {
                axes.sizes[axes.rank] = size;
                axes.strides[axes.rank] = stride;
                axes.rank += 1;
            } else {
                let message = format!("strides {strides:?} over shape {shape:?}: more than {MAX_RANK} separate axes");
                return Err(Error::new(Code::LimitExceeded, message).help("copy the input to a dense layout first"));
            }
        }
        Ok(match (axes.rank, axes.strides[0], axes.strides[1]) {
            (0, ..) | (1, 0, _) => Mapping::Splat,
            (1, 1, _) => Mapping::Dense,
            (2, 0, 1) => Mapping::Periodic(axes.sizes[1]),
            _ => Mapping::Strided(axes),
        })
    }

    /// Smallest and largest offset in elements that the mapping touches for `len` elements.
    pub(super) fn extent(&self, len: usize) -> (isize, isize) {
        match self {
            Mapping::Dense => (0, len as isize - 1),
            Mapping::Splat => (0, 0),
            Mapping::Periodic(period) => (0, *period as isize - 1),
            Mapping::Strided(axes) => (0..axes.rank).fold((0, 0), |(low, high), i| {
                let reach = axes.strides[i].saturating_mul(axes.sizes[i] as isize - 1);
                (low.saturating_add(reach.min(0)), high.saturating_add(reach.max(0)))
            }),
        }
    }
}

/// Reads elements `start..start + n` of a strided input into a dense tile.
///
/// # Safety
/// `d` is writable for `n` elements of `size` bytes, and `base` readable at every offset of the axes; they do not overlap.
pub(super) unsafe fn gather(size: usize, d: *mut u8, base: *const u8, axes: &Axes, start: usize, n: usize) {
    // SAFETY: by contract.
    unsafe {
        match size {
            1 => gather_as::<u8>(d.cast(), base.cast(), axes, start, n),
            2 => gather_as::<u16>(d.cast(), base.cast(), axes, start, n),
            4 => gather_as::<u32>(d.cast(), base.cast(), axes, start, n),
            _ => gather_as::<u64>(d.cast(), base.cast(), axes, start, n),
        }
    }
}

unsafe fn gather_as<T: Copy>(d: *mut T, base: *const T, axes: &Axes, start: usize, n: usize) {
    let inner = axes.rank - 1;
    let mut index = [0usize; MAX_RANK];
    let (mut rest, mut offset) = (start, 0isize);
    for axis in (0..=inner).rev() {
        index[axis] = rest % axes.sizes[axis];
        rest /= axes.sizes[axis];
        offset += index[axis] as isize * axes.strides[axis];
    }
    let stride = axes.strides[inner];
    let mut done = 0;
    while done < n {
        let run = (axes.sizes[inner] - index[inner]).min(n - done);
        // SAFETY: done + run <= n, and the offsets are those of the axes.
        unsafe { gather_run(d.add(done), base.offset(offset), stride, run) };
        done += run;
        index[inner] += run;
        offset += run as isize * stride;
        let mut axis = inner;
        while axis > 0 && index[axis] == axes.sizes[axis] {
            offset += axes.strides[axis - 1] - axes.sizes[axis] as isize * axes.strides[axis];
            index[axis] = 0;
            axis -= 1;
            index[axis] += 1;
        }
    }
}

#[inline(always)]
unsafe fn gather_run<T: Copy>(d: *mut T, p: *const T, stride: isize, n: usize) {
    // SAFETY: the caller's run is valid on both sides.
    unsafe {
        match stride {
            0 => {
                let x = p.read_unaligned();
                (0..n).for_each(|i| d.add(i).write_unaligned(x));
            }
            1 if n >= 32 => std::ptr::copy_nonoverlapping(p.cast::<u8>(), d.cast::<u8>(), n * size_of::<T>()),
            _ => (0..n).for_each(|i| d.add(i).write_unaligned(p.offset(i as isize * stride).read_unaligned())),
        }
    }
}

/// Fills a tile with one element.
///
/// # Safety
/// `d` is writable for `n` elements of `size` bytes and `p` readable for one.
pub(super) unsafe fn fill(size: usize, d: *mut u8, p: *const u8, n: usize) {
    // SAFETY: by contract.
    unsafe {
        match size {
            1 => gather_run::<u8>(d, p, 0, n),
            2 => gather_run::<u16>(d.cast(), p.cast(), 0, n),
            4 => gather_run::<u32>(d.cast(), p.cast(), 0, n),
            _ => gather_run::<u64>(d.cast(), p.cast(), 0, n),
        }
    }
}
