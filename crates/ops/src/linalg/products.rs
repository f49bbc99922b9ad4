//! Products of vectors, matrices and more axes, made of `matmul` and reshapes.

use crate::arithmetic::{Arg, common_dtype};
use crate::core::prelude::*;

/// Both operands in the dtype where they meet.
fn meet(a: &Tensor, b: impl Into<Arg>) -> Result<(Tensor, Tensor)> {
    let b = b.into();
    let dtype = match common_dtype(&[a.into(), b.clone()])? {
        DType::Bool => DType::I32,
        dtype => dtype,
    };
    Ok((a.cast(dtype), b.to(dtype)?))
}

/// The sum over `axes_a` of `a` against `axes_b` of `b`: what is left of a, then what is left of b.
fn contracted(a: &Tensor, b: &Tensor, axes_a: &[usize], axes_b: &[usize]) -> Result<Tensor> {
    let (sa, sb) = (a.shape()?, b.shape()?);
    for (&i, &j) in axes_a.iter().zip(axes_b) {
        if sa[i] != sb[j] {
            return Err(err!(DimMismatch, "axis {i} of a has size {}, axis {j} of b has {}", sa[i], sb[j])
                .operand("a", &sa)
                .operand("b", &sb));
        }
    }
    let rest = |s: &Shape, axes: &[usize]| (0..s.rank()).filter(|i| !axes.contains(i)).collect::<Vec<_>>();
    let (free_a, free_b) = (rest(&sa, axes_a), rest(&sb, axes_b));
    let sizes = |s: &Shape, axes: &[usize]| axes.iter().map(|&i| s[i]).collect::<Vec<_>>();
    let order = |first: &[usize], second: &[usize]| first.iter().chain(second).map(|&i| i as isize).collect::<Vec<_>>();
    let moved = |x: &Tensor, order: Vec<isize>| if order.is_empty() { x.clone() } else { x.transpose(&order) };
    let count = |s: &Shape, axes: &[usize]| sizes(s, axes).iter().product::<usize>();
    let (m, k, n) = (count(&sa, &free_a), count(&sa, axes_a), count(&sb, &free_b));
    let x = moved(a, order(&free_a, axes_a)).reshape([m, k]);
    let y = moved(b, order(axes_b, &free_b)).reshape([k, n]);
    Ok(x.matmul_with(&y, false, false).reshape([sizes(&sa, &free_a), sizes(&sb, &free_b)].concat()))
}

impl Tensor {
    /// The sum over the last `axes` axes of `self` against the first `axes` of `other`.
    ///
    /// # Shapes
    /// `[a…, k…] · [k…, b…]` gives `[a…, b…]`.
    ///
    /// # Errors
    /// `invalid_argument` for more axes than there are; `dim_mismatch` where sizes differ.
    #[track_caller]
    pub fn tensordot(&self, other: &Tensor, axes: usize) -> Tensor {
        Tensor::lift(|| {
            let (rank, other_rank) = (self.rank()?, other.rank()?);
            if axes > rank.min(other_rank) {
                fail!(InvalidArgument, "tensordot: expected at most {} axes, found {axes}", rank.min(other_rank));
            }
            let own: Vec<usize> = (rank - axes..rank).collect();
            let (a, b) = meet(self, other)?;
            contracted(&a, &b, &own, &(0..axes).collect::<Vec<_>>()).map_err(|e| e.within("tensordot"))
        })
    }

    /// The sum over `axes` of `self` against `other_axes` of `other`, in the order given.
    ///
    /// # Errors
    /// `invalid_argument` for lists of different lengths; `out_of_range`; `dim_mismatch` where sizes differ.
    #[track_caller]
    pub fn tensordot_axes(&self, other: &Tensor, axes: &[isize], other_axes: &[isize]) -> Tensor {
        Tensor::lift(|| {
            if axes.len() != other_axes.len() {
                fail!(InvalidArgument, "tensordot: {} axes against {}", axes.len(), other_axes.len());
            }
            let find = |t: &Tensor, axes: &[isize]| {
                let shape = t.shape()?;
                shape.axes(if axes.is_empty() { &[] } else { axes })?;
                axes.iter().map(|&a| shape.axis(a)).collect::<Result<Vec<_>>>()
            };
            let (own, others) = (find(self, axes)?, find(other, other_axes)?);
            let (a, b) = meet(self, other)?;
            contracted(&a, &b, &own, &others).map_err(|e| e.within("tensordot"))
        })
    }

    /// NumPy's dot: the product with a scalar; the inner product of vectors; otherwise the sum over the last axis of
    /// `self` and the last but one of `other` (its only one if it is a vector).
    ///
    /// # Errors
    /// `dim_mismatch` where the sizes differ.
    #[track_caller]
    pub fn dot(&self, other: impl Into<Arg>) -> Tensor {
        Tensor::lift(|| {
            let (a, b) = meet(self, other)?;
            let (rank, other_rank) = (a.rank()?, b.rank()?);
            if rank == 0 || other_rank == 0 {
                return Ok(a * b);
            }
            contracted(&a, &b, &[rank - 1], &[other_rank.max(2) - 2]).map_err(|e| e.within("dot"))
        })
    }

    /// The sum over the last axes of both; the product if either is a scalar.
    ///
    /// # Errors
    /// `dim_mismatch` where the sizes differ.
    #[track_caller]
    pub fn inner(&self, other: impl Into<Arg>) -> Tensor {
        Tensor::lift(|| {
            let (a, b) = meet(self, other)?;
            let (rank, other_rank) = (a.rank()?, b.rank()?);
            if rank == 0 || other_rank == 0 {
                return Ok(a * b);
            }
            contracted(&a, &b, &[rank - 1], &[other_rank - 1]).map_err(|e| e.within("inner"))
        })
    }

    /// Every product of an element of `self` and one of `other`, both flattened: `[m, n]`.
    #[track_caller]
    pub fn outer(&self, other: impl Into<Arg>) -> Tensor {
        Tensor::lift(|| {
            let (a, b) = meet(self, other)?;
            let (m, n) = (a.shape()?.elements(), b.shape()?.elements());
            Ok(a.reshape([m, 1]) * b.reshape([1, n]))
        })
    }

    /// The inner product of both flattened, the first one conjugated.
    ///
    /// # Errors
    /// `dim_mismatch` where the element counts differ.
    #[track_caller]
    pub fn vdot(&self, other: impl Into<Arg>) -> Tensor {
        Tensor::lift(|| {
            let (a, b) = meet(self, other)?;
            let (m, n) = (a.shape()?.elements(), b.shape()?.elements());
            if m != n {
                fail!(DimMismatch, "vdot: {m} elements against {n}");
            }
            let a = if a.dtype()?.is_complex() { a.conj() } else { a };
            Ok((a.reshape([m]) * b.reshape([n])).sum(&[], false))
        })
    }

    /// The cross product of vectors of 2 or 3 elements along `axis`; of two vectors of 2, its one element that is not
    /// zero, without the axis.
    ///
    /// # Errors
    /// `dim_mismatch` for vectors of another size; `shape_mismatch` where the other axes do not broadcast.
    #[track_caller]
    pub fn cross(&self, other: impl Into<Arg>, axis: isize) -> Tensor {
        self.cross_axes(other, axis, axis, axis)
    }

    /// The same with an axis for each operand and for the result.
    #[track_caller]
    pub fn cross_axes(&self, other: impl Into<Arg>, axis_a: isize, axis_b: isize, axis_c: isize) -> Tensor {
        Tensor::lift(|| {
            let (a, b) = meet(self, other)?;
            let parts = |x: &Tensor, axis: isize| {
                let n = x.shape()?[x.shape()?.axis(axis)?];
                if n != 2 && n != 3 {
                    fail!(DimMismatch, "cross: expected vectors of 2 or 3 elements, found {n}");
                }
                let one = |i: usize| x.slice_axis(axis, i, 1).squeeze(&[axis]);
                Ok((one(0), one(1), (n == 3).then(|| one(2))))
            };
            let ((a0, a1, a2), (b0, b1, b2)) = (parts(&a, axis_a)?, parts(&b, axis_b)?);
            let last = &a0 * &b1 - &a1 * &b0;
            if a2.is_none() && b2.is_none() {
                return Ok(last);
            }
            // A vector of 2 elements has 0 as its third.
            let (a2, b2) =
                (a2.unwrap_or_else(|| Tensor::zeros_like(&a0)), b2.unwrap_or_else(|| Tensor::zeros_like(&b0)));
            Ok(Tensor::stack(&[&(&a1 * &b2 - &a2 * &b1), &(&a2 * &b0 - &a0 * &b2), &last], axis_c))
        })
    }

    /// The sum of a diagonal of the matrices in two axes, `offset` above the main one.
    ///
    /// # Errors
    /// `out_of_range` for axes that are not there.
    #[track_caller]
    pub fn trace(&self, offset: i64, axis1: isize, axis2: isize) -> Tensor {
        self.diagonal(offset, axis1, axis2).sum(&[-1], false)
    }

    /// The Kronecker product: each element of `self` times all of `other`, laid out in blocks. Shapes of fewer axes get
    /// leading ones.
    #[track_caller]
    pub fn kron(&self, other: impl Into<Arg>) -> Tensor {
        Tensor::lift(|| {
            let (a, b) = meet(self, other)?;
            let (sa, sb) = (a.shape()?, b.shape()?);
            let rank = sa.rank().max(sb.rank());
            let at = |s: &Shape, i: usize| if i + s.rank() < rank { 1 } else { s[i + s.rank() - rank] };
            let spread = |s: &Shape, first: bool| -> Shape {
                (0..rank).flat_map(|i| if first { [at(s, i), 1] } else { [1, at(s, i)] }).collect()
            };
            let blocks = a.reshape(spread(&sa, true)) * b.reshape(spread(&sb, false));
            Ok(blocks.reshape((0..rank).map(|i| at(&sa, i) * at(&sb, i)).collect::<Shape>()))
        })
    }
}
