//! Images: resizing, colours, filters, geometric transformations, patches.
//!
//! An image is `[height, width, channels]`, or `[channels, height, width]` with channels first; a leading axis makes a
//! batch of them.

mod color;
mod filters;
mod patches;
mod resize;
mod sample;
mod similarity;

pub use patches::Edges;
pub use resize::{Aspect, Interpolation, ResizeOptions};
pub use sample::{FillMode, WarpOptions};

use crate::core::prelude::*;
use crate::nn::geometry::DataFormat;

/// Runs `change` on the images as `[batch, height, width, channels]` and undoes what that took.
#[track_caller]
pub(crate) fn batched(
    x: &Tensor,
    format: DataFormat,
    change: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let rank = x.rank()?;
    if rank != 3 && rank != 4 {
        return Err(err!(RankMismatch, "images: expected 3 axes (one image) or 4 (a batch), found {rank}")
            .operand("images", x.ty()?));
    }
    let x = if rank == 3 { x.expand_dims(&[0]) } else { x.clone() };
    let first = format == DataFormat::ChannelsFirst;
    let y = change(&if first { x.transpose(&[0, 2, 3, 1]) } else { x })?;
    let y = if first { y.transpose(&[0, 3, 1, 2]) } else { y };
    Ok(if rank == 3 { y.squeeze(&[0]) } else { y })
}

/// The images in a float dtype, and the dtype they came in.
pub(crate) fn as_float(x: &Tensor) -> Result<(Tensor, DType)> {
    let dtype = x.dtype()?;
    if dtype.is_complex() || dtype == DType::Str {
        fail!(DtypeMismatch, "images: expected real numbers, found {dtype}");
    }
    Ok((if dtype.is_float() { x.clone() } else { x.cast(DType::F32) }, dtype))
}

/// Rounded and brought within the bounds of the dtype, if that is an integer.
pub(crate) fn back_to(y: Tensor, dtype: DType) -> Tensor {
    if dtype.is_int() { y.round().cast(dtype) } else { y.cast(dtype) }
}
