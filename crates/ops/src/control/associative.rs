//! Prefix combinations by an associative function.

use super::body::{checked, types};
use crate::core::prelude::*;

/// All prefix combinations along an axis: `[x0, f(x0, x1), f(f(x0, x1), x2), ...]`, in about two logarithms of its size
/// many calls of `f`, each on whole tensors. `f` must be associative and act on each slice by itself.
///
/// ```
/// use cornet_ops::{Tensor, control::associative_scan};
/// let x = Tensor::of([1, 2, 3, 4]);
/// let y = associative_scan(|a, b| Ok(vec![&a[0] * &b[0]]), &[x], false, 0)?;
/// assert_eq!(y[0].to_vec::<i32>()?, [1, 2, 6, 24]);
/// # Ok::<(), cornet_tensor::Error>(())
/// ```
///
/// # Errors
/// `out_of_range` for an axis that is none; `dim_mismatch` for elements of different sizes along it; whatever `f`
/// returns.
#[track_caller]
pub fn associative_scan(
    mut f: impl FnMut(&[Tensor], &[Tensor]) -> Result<Vec<Tensor>>,
    elems: &[Tensor],
    reverse: bool,
    axis: isize,
) -> Result<Vec<Tensor>> {
    let Some(first) = elems.first() else { return Ok(Vec::new()) };
    let n = first.shape()?[first.shape()?.axis(axis)?];
    for (i, ty) in types(elems)?.iter().enumerate() {
        let found = ty.shape[ty.shape.axis(axis)?];
        if found != n {
            fail!(DimMismatch, "associative_scan: element {i}: expected {n} along axis {axis}, found {found}");
        }
    }
    let turn = |list: Vec<Tensor>| if reverse { list.iter().map(|t| t.flip(&[axis])).collect() } else { list };
    let result = prefix(&mut f, &turn(elems.to_vec()), n, axis)?;
    checked(turn(result))
}

/// A combining function.
type Combine<'a> = &'a mut dyn FnMut(&[Tensor], &[Tensor]) -> Result<Vec<Tensor>>;

/// Pairs are combined, their prefixes found, and the elements between them filled in.
fn prefix(f: Combine<'_>, elems: &[Tensor], n: usize, axis: isize) -> Result<Vec<Tensor>> {
    if n < 2 {
        return Ok(elems.to_vec());
    }
    let every = |list: &[Tensor], start: usize, size: usize, step: usize| -> Vec<Tensor> {
        list.iter().map(|t| t.slice_axis_step(axis, start, size, step)).collect()
    };
    let half = n / 2;
    let pairs = f(&every(elems, 0, half, 2), &every(elems, 1, half, 2))?;
    let odd = prefix(f, &pairs, half, axis)?;
    let between = (n - 1) / 2;
    let mut even = every(elems, 0, 1, 1);
    if between > 0 {
        let filled = f(&every(&odd, 0, between, 1), &every(elems, 2, between, 2))?;
        even = even.iter().zip(&filled).map(|(a, b)| Tensor::concat(&[a, b], axis)).collect();
    }
    Ok(even.iter().zip(&odd).map(|(a, b)| interleave(a, b, n, axis)).collect())
}

/// `a0 b0 a1 b1 ...`; the first may have one slice more.
fn interleave(even: &Tensor, odd: &Tensor, n: usize, axis: isize) -> Tensor {
    Tensor::lift(|| {
        let half = n / 2;
        let mut to = odd.shape()?;
        let at = to.axis(axis)?;
        let pairs = Tensor::stack(&[&even.slice_axis(axis, 0, half), odd], at as isize + 1);
        to = to.iter().enumerate().map(|(a, &d)| if a == at { 2 * half } else { d }).collect();
        let merged = pairs.reshape(to);
        Ok(match n % 2 {
            0 => merged,
            _ => Tensor::concat(&[&merged, &even.slice_axis(axis, half, 1)], axis),
        })
    })
}
