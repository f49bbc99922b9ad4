//! One of several functions, by a number.

use super::cond::cond;
use crate::core::prelude::*;

/// One of the branches of [`switch`].
pub type Branch<'a> = &'a dyn Fn() -> Result<Vec<Tensor>>;

/// What branch number `index` returns; a number below 0 stands for the first branch and one beyond the end for the last.
/// In a trace all branches are traced and one of them runs, found by halving.
///
/// ```
/// use cornet_ops::{Tensor, control::switch};
/// let x = Tensor::of(2.0_f32);
/// let y = switch(&Tensor::of(1), &[&|| Ok(vec![x.clone()]), &|| Ok(vec![x.square()])])?;
/// assert_eq!(y[0].item::<f32>()?, 4.0);
/// # Ok::<(), cornet_tensor::Error>(())
/// ```
///
/// # Errors
/// `invalid_argument` without branches; otherwise as [`cond`].
#[track_caller]
pub fn switch(index: &Tensor, branches: &[Branch<'_>]) -> Result<Vec<Tensor>> {
    match branches {
        [] => Err(err!(InvalidArgument, "switch: expected at least one branch, found none")),
        [one] => one(),
        _ => choose(index, branches, 0),
    }
}

/// A choice among branches that begin at number `first`.
fn choose(index: &Tensor, branches: &[Branch<'_>], first: usize) -> Result<Vec<Tensor>> {
    if let [one] = branches {
        return one();
    }
    let half = branches.len() / 2;
    let (low, high) = branches.split_at(half);
    cond(&index.less(first + half), || choose(index, low, first), || choose(index, high, first + half))
}
