//! Reductions of slices that share an id: composites of `scatter_nd`.

use super::ScatterMode;
use crate::core::prelude::*;

macro_rules! segments {
    ($($name:ident $mode:ident $start:ident $doc:literal;)+) => { impl Tensor { $(
        #[doc = $doc]
        ///
        /// Slice `i` of axis 0 belongs to segment `ids[i]`; a slice with an id outside 0 to `segments - 1` is dropped.
        /// Without a number of segments, it is one more than the greatest id.
        ///
        /// # Shapes
        /// `[n, …a]` with ids `[n]` gives `[segments, …a]`.
        ///
        /// # Errors
        /// `data_dependent_shape` for traced ids without a number of segments; `shape_mismatch`.
        #[track_caller]
        pub fn $name(&self, ids: &Tensor, segments: Option<usize>) -> Tensor {
            Tensor::lift(|| segment(self, ids, segments, ScatterMode::$mode, Start::$start))
        }
    )+ } };
}

segments! {
    segment_sum Add Zero "The sum of each segment; 0 for an empty one.";
    segment_prod Mul One "The product of each segment; 1 for an empty one.";
    segment_max Max Least "The greatest of each segment; the least number of the dtype for an empty one.";
    segment_min Min Greatest "The least of each segment; the greatest number of the dtype for an empty one.";
}

/// What an empty segment holds.
#[derive(Clone, Copy)]
enum Start {
    Zero,
    One,
    Least,
    Greatest,
}

impl Start {
    fn array(self, dtype: DType) -> Result<Array> {
        let (least, greatest) = extremes(dtype);
        match self {
            Start::Zero => Array::full(dtype, [], 0.0),
            Start::One => Array::full(dtype, [], 1.0),
            Start::Least if dtype.is_float() => Array::full(dtype, [], f64::NEG_INFINITY),
            Start::Greatest if dtype.is_float() => Array::full(dtype, [], f64::INFINITY),
            Start::Least => Array::from_i64(dtype, [], &[least]),
            Start::Greatest => Array::from_i64(dtype, [], &[greatest]),
        }
    }
}

/// The least and the greatest integer of a dtype; those of uint64 by their bits.
pub(crate) fn extremes(dtype: DType) -> (i64, i64) {
    let bits = 8 * dtype.size() as u32;
    match dtype {
        DType::U64 => (0, -1),
        DType::Bool => (0, 1),
        d if d.is_unsigned_int() => (0, (1_i64 << bits) - 1),
        _ if bits >= 64 => (i64::MIN, i64::MAX),
        _ => (-(1_i64 << (bits - 1)), (1_i64 << (bits - 1)) - 1),
    }
}

fn segment(x: &Tensor, ids: &Tensor, segments: Option<usize>, mode: ScatterMode, start: Start) -> Result<Tensor> {
    let (ty, found) = (x.ty()?, ids.ty()?);
    super::index_dtype(found.dtype)?;
    if found.shape.rank() != 1 || ty.shape.first() != found.shape.first() {
        fail!(ShapeMismatch, "segment ids: expected one for each slice of {}, found {}", ty.shape, found.shape);
    }
    let segments = match segments {
        Some(n) => n,
        None if ids.is_traced() => {
            return Err(super::nonzero::data_dependent("segments", "give the number of segments"));
        }
        None => ids.array()?.to_i64()?.into_iter().max().map_or(0, |m| (m.max(-1) + 1) as usize),
    };
    // One more row takes what has no segment.
    let mut to = Dims::from_slice(&ty.shape);
    to[0] = segments.saturating_add(1);
    let to = Shape::checked(&to, ty.dtype.size())?;
    let wide = ids.cast(DType::I64);
    let inside = wide.greater_equal(0).logical_and(wide.less(segments as i64));
    let safe = inside.where_(&wide, segments as i64);
    let empty = Tensor::from_result(start.array(ty.dtype)).broadcast_to(to);
    let all = empty.scatter_nd(&safe.expand_dims(&[-1]), x, mode);
    Ok(all.slice_axis(0, 0, segments))
}
