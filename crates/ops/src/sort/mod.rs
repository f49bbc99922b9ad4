//! Order: sorting, searching and counting.

family! {
    argsort
    searchsorted
    sort
    top_k
    unique
}

mod bins;
mod partition;

pub use unique::Unique;

use std::cmp::Ordering;

use cornet_tensor::{Array, DType, Result};

/// The elements of an array as what orders them.
pub(crate) enum Keys {
    Floats(Vec<f64>),
    Ints(Vec<i64>),
    Uints(Vec<u64>),
    Strings(Vec<Vec<u8>>),
}

impl Keys {
    pub fn of(x: &Array) -> Result<Keys> {
        Ok(match x.dtype() {
            DType::Str => Keys::Strings(x.strings()?.to_vec()),
            d if d.is_float() => Keys::Floats(x.to_f64()?),
            d if d.is_unsigned_int() => Keys::Uints(x.to_i64()?.into_iter().map(|v| v as u64).collect()),
            _ => Keys::Ints(x.to_i64()?),
        })
    }

    /// Ascending, NaN after everything else.
    pub fn compare(&self, a: usize, b: usize) -> Ordering {
        match self {
            Keys::Floats(v) => floats(v[a], v[b]),
            Keys::Ints(v) => v[a].cmp(&v[b]),
            Keys::Uints(v) => v[a].cmp(&v[b]),
            Keys::Strings(v) => v[a].cmp(&v[b]),
        }
    }
}

/// Ascending, NaN after everything else; zeros of both signs are equal.
pub(crate) fn floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// For each lane along `axis`, the flat positions of its elements in sorted order: `visit(first, stride, order)`, where
/// order counts along the lane. Ties keep their order in either direction.
pub(crate) fn for_each_sorted_lane(
    x: &Array,
    axis: usize,
    descending: bool,
    mut visit: impl FnMut(usize, usize, &[usize]),
) -> Result<()> {
    let (keys, shape) = (Keys::of(x)?, x.shape());
    let inner: usize = shape[axis + 1..].iter().product();
    let outer: usize = shape[..axis].iter().product();
    let n = shape[axis];
    let mut order: Vec<usize> = Vec::with_capacity(n);
    for (o, i) in (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))) {
        let first = o * n * inner + i;
        order.clear();
        order.extend(0..n);
        order.sort_by(|&a, &b| {
            let found = keys.compare(first + a * inner, first + b * inner);
            if descending { found.reverse() } else { found }
        });
        visit(first, inner, &order);
    }
    Ok(())
}
