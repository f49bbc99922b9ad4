//! Loops that are scans in disguise.

use super::scan::{ScanOptions, scan};
use super::while_loop::while_loop;
use crate::arithmetic::Arg;
use crate::core::prelude::*;

/// Runs `body` with the int32 numbers from `lower` to below `upper`, carrying values. Bounds that are known when the
/// program is traced make a `scan`, others a `while_loop`.
///
/// ```
/// use cornet_ops::{Tensor, control::fori_loop};
/// let x = fori_loop(0, 4, |i, x| Ok(vec![&x[0] + i]), &[Tensor::of(10)])?;
/// assert_eq!(x[0].item::<i32>()?, 16);
/// # Ok::<(), cornet_tensor::Error>(())
/// ```
///
/// # Errors
/// As [`scan`]; `shape_mismatch` for bounds with more than one element.
#[track_caller]
pub fn fori_loop(
    lower: impl Into<Arg>,
    upper: impl Into<Arg>,
    mut body: impl FnMut(&Tensor, &[Tensor]) -> Result<Vec<Tensor>>,
    init: &[Tensor],
) -> Result<Vec<Tensor>> {
    let bound = |arg: Arg| -> Result<Tensor> { Ok(arg.tensor()?.cast(DType::I32).reshape([])) };
    let (lower, upper) = (bound(lower.into())?, bound(upper.into())?);
    for tensor in [&lower, &upper] {
        tensor.ty()?;
    }
    if lower.is_traced() || upper.is_traced() {
        let vars: Vec<Tensor> = std::iter::once(lower).chain(init.iter().cloned()).collect();
        let step = |x: &[Tensor]| {
            let mut next = body(&x[0], &x[1..])?;
            next.insert(0, &x[0] + 1);
            Ok(next)
        };
        return Ok(while_loop(|x| Ok(x[0].less(&upper)), step, &vars, None)?.split_off(1));
    }
    let (lower, upper) = (lower.item::<i32>()?, upper.item::<i32>()?);
    let numbers = Tensor::arange(lower.into(), upper.into(), 1.0, DType::I32);
    let step = |carry: &[Tensor], i: &[Tensor]| Ok((body(&i[0], carry)?, Vec::new()));
    Ok(scan(step, init, &[numbers], ScanOptions::default())?.0)
}

/// `f` of each slice of `xs` along axis 0, results stacked along a new axis 0.
///
/// ```
/// use cornet_ops::{Tensor, control::map};
/// let y = map(|x| Ok(vec![x[0].sum(&[], false)]), &[Tensor::of([[1, 2], [3, 4]])])?;
/// assert_eq!(y[0].to_vec::<i32>()?, [3, 7]);
/// # Ok::<(), cornet_tensor::Error>(())
/// ```
///
/// # Errors
/// As [`scan`].
#[track_caller]
pub fn map(mut f: impl FnMut(&[Tensor]) -> Result<Vec<Tensor>>, xs: &[Tensor]) -> Result<Vec<Tensor>> {
    Ok(scan(|_, x| Ok((Vec::new(), f(x)?)), &[], xs, ScanOptions::default())?.1)
}

/// [`map`] by the name under which Keras promises that slices do not depend on each other. They run one after the other:
/// where `f` can be written for a whole batch, that is faster.
///
/// # Errors
/// As [`scan`].
#[track_caller]
pub fn vectorized_map(f: impl FnMut(&[Tensor]) -> Result<Vec<Tensor>>, xs: &[Tensor]) -> Result<Vec<Tensor>> {
    map(f, xs)
}
