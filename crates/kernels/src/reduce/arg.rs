//! Positions of extreme elements.

use super::{Extents, check};
use crate::element::Element;
use crate::shared::{Shared, for_each_task};
use cornet_error::{Code, Error, Result};
use half::{bf16, f16};

/// Elements of a task.
const CHUNK: usize = 1 << 16;
/// Columns whose best elements are kept at once.
const COLUMNS: usize = 256;

/// Elements with an order in which NaN comes before everything.
trait Rank: Copy {
    /// Whether `self` is to be preferred to an earlier `other`.
    fn better(self, other: Self, largest: bool) -> bool;
}

macro_rules! ordered {
    ($($t:ty)+) => { $(
        impl Rank for $t {
            #[inline(always)]
            fn better(self, other: Self, largest: bool) -> bool {
                if largest { self > other } else { self < other }
            }
        }
    )+ };
}

ordered! { i8 i16 i32 i64 u8 u16 u32 u64 }

macro_rules! floats {
    ($($t:ty)+) => { $(
        impl Rank for $t {
            #[inline(always)]
            fn better(self, other: Self, largest: bool) -> bool {
                let beyond = if largest { self > other } else { self < other };
                // A first NaN is better than any number; nothing is better than a NaN.
                beyond || self.is_nan() && !other.is_nan()
            }
        }
    )+ };
}

floats! { f32 f64 f16 bf16 }

/// `y[o, i]` = the index `r` of the first largest (or smallest) of `x[o, r, i]`; a NaN counts as both. `index` is the
/// element of `y`: `i32` or `i64`.
///
/// # Errors
/// `dtype_mismatch` for another index element; `empty_data` when nothing is reduced; `out_of_range` when a slice is
/// too short; `limit_exceeded` when a size overflows or an index does not fit.
pub fn arg_reduce(
    largest: bool,
    element: Element,
    extents: Extents,
    index: Element,
    x: &[u8],
    y: &mut [u8],
) -> Result<()> {
    let what = if largest { "argmax" } else { "argmin" };
    check(what, &extents, element.size(), index.size(), x, y)?;
    if !matches!(index, Element::I32 | Element::I64) {
        let message = format!("{what}: expected an index of i32 or i64, found {index}");
        return Err(Error::new(Code::DtypeMismatch, message));
    }
    if extents.outer == 0 || extents.inner == 0 {
        return Ok(());
    }
    if extents.reduced == 0 {
        return Err(Error::new(Code::EmptyData, format!("{what}: no elements to choose from")));
    }
    if index == Element::I32 && i32::try_from(extents.reduced).is_err() {
        return Err(Error::new(Code::LimitExceeded, format!("{what}: indices do not fit i32")).help("use i64"));
    }
    let run = Run { largest, extents, wide: index == Element::I64, x };
    match element {
        Element::Bool | Element::U8 => run.all::<u8>(y),
        Element::I8 => run.all::<i8>(y),
        Element::I16 => run.all::<i16>(y),
        Element::I32 => run.all::<i32>(y),
        Element::I64 => run.all::<i64>(y),
        Element::U16 => run.all::<u16>(y),
        Element::U32 => run.all::<u32>(y),
        Element::U64 => run.all::<u64>(y),
        Element::F16 => run.all::<f16>(y),
        Element::Bf16 => run.all::<bf16>(y),
        Element::F32 => run.all::<f32>(y),
        Element::F64 => run.all::<f64>(y),
    }
    Ok(())
}

struct Run<'a> {
    largest: bool,
    extents: Extents,
    wide: bool,
    x: &'a [u8],
}

impl Run<'_> {
    fn all<T: Rank>(&self, y: &mut [u8]) {
        let Extents { outer, reduced, inner } = self.extents;
        let size = if self.wide { 8 } else { 4 };
        let group = (CHUNK / (reduced * inner)).max(1);
        let y = Shared::new(&mut y[..outer * inner * size]);
        let blocks = if inner == 1 { 1 } else { inner.div_ceil(COLUMNS) };
        for_each_task(outer.div_ceil(group) * blocks, &|task| {
            let (b, g) = (task % blocks, task / blocks);
            for o in g * group..((g + 1) * group).min(outer) {
                let (j, width) = (b * COLUMNS, (inner - b * COLUMNS).min(COLUMNS));
                // SAFETY: outputs of different tasks are disjoint; the rows lie within the input.
                unsafe {
                    let out = y.part((o * inner + j) * size, (o * inner + j + width) * size);
                    let x = self.x.as_ptr().cast::<T>().add(o * reduced * inner + j);
                    if inner == 1 {
                        self.put(out, 0, self.row(x));
                    } else {
                        self.columns(x, width, out);
                    }
                }
            }
        });
    }

    fn put(&self, out: &mut [u8], i: usize, index: usize) {
        if self.wide {
            out[i * 8..i * 8 + 8].copy_from_slice(&(index as i64).to_ne_bytes());
        } else {
            out[i * 4..i * 4 + 4].copy_from_slice(&(index as i32).to_ne_bytes());
        }
    }

    /// One dense row: sixteen candidates side by side, then the best of them, the earliest where equal.
    unsafe fn row<T: Rank>(&self, x: *const T) -> usize {
        let n = self.extents.reduced;
        // SAFETY: n elements are readable at x.
        let at = |i: usize| unsafe { x.add(i).read_unaligned() };
        let mut best = [at(0); 16];
        let mut found = [0usize; 16];
        let whole = n / 16 * 16;
        for i in (0..whole).step_by(16) {
            for k in 0..16 {
                let candidate = at(i + k);
                let better = candidate.better(best[k], self.largest);
                best[k] = if better { candidate } else { best[k] };
                found[k] = if better { i + k } else { found[k] };
            }
        }
        let (mut value, mut index) = (best[0], found[0]);
        for k in 1..16 {
            let equal = !value.better(best[k], self.largest) && !best[k].better(value, self.largest);
            if best[k].better(value, self.largest) || equal && found[k] < index {
                (value, index) = (best[k], found[k]);
            }
        }
        for i in whole..n {
            if at(i).better(value, self.largest) {
                (value, index) = (at(i), i);
            }
        }
        index
    }

    unsafe fn columns<T: Rank>(&self, x: *const T, width: usize, out: &mut [u8]) {
        let Extents { reduced, inner, .. } = self.extents;
        // SAFETY: `reduced` rows of `width` elements, `inner` apart, are readable at x.
        let at = |r: usize, j: usize| unsafe { x.add(r * inner + j).read_unaligned() };
        let mut best = [at(0, 0); COLUMNS];
        let mut found = [0usize; COLUMNS];
        (0..width).for_each(|j| best[j] = at(0, j));
        for r in 1..reduced {
            for j in 0..width {
                let candidate = at(r, j);
                let better = candidate.better(best[j], self.largest);
                best[j] = if better { candidate } else { best[j] };
                found[j] = if better { r } else { found[j] };
            }
        }
        (0..width).for_each(|j| self.put(out, j, found[j]));
    }
}
