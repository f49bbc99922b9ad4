//! `dynamic_update_slice`: a box overwritten, at a corner known at run time only.

use super::dynamic_slice::{check, starts};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "dynamic_update_slice",
    doc: "x with the box that begins at `start` replaced by `update`. A box that leaves x is an error.",
    source: "Keras 3 keras.ops.slice_update; StableHLO dynamic_update_slice",
    arity: (3, 3),
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| {
        let (dy, start) = (g.dy(), g.x(2));
        grads![
            g.want(0, || dy.dynamic_update_slice(&Tensor::zeros_like(g.x(1)), start)),
            g.want(1, || dy.dynamic_slice(start, &g.shape(1))),
            None
        ]
    }),
    cases: Cases::Of(|| {
        vec![
            Case::new([any(&[4, 5]), any(&[2, 3]), ints(&[2], 0, 3)], Attrs::default()),
            Case::new([any(&[6]), any(&[6]), ints(&[1], 0, 1)], Attrs::default()),
            Case::new([any(&[3]), any(&[0]), ints(&[1], 0, 4)], Attrs::default()).without_gradient(),
        ]
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    if call.dtype(1) != call.dtype(0) {
        fail!(DtypeMismatch, "update: expected {}, found {}", call.dtype(0), call.dtype(1));
    }
    check(call, 2, call.shape(1))?;
    infer::same(call)
}

fn reference(_: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (shape, size) = (x[0].shape(), x[1].shape());
    let start = starts(&x[2], shape, size)?;
    let strides = shape.strides();
    let outer = super::run_axes(size.rank(), |a| size[a] == shape[a], |_| true);
    let corner: usize = (outer..size.rank()).map(|a| start[a] * strides[a]).sum();
    let mut targets = Vec::new();
    for_each_index(&size[..outer], |index| {
        targets.push(corner + (0..index.len()).map(|a| (start[a] + index[a]) * strides[a]).sum::<usize>());
    });
    let run = size[outer..].iter().product();
    Ok(vec![crate::index::put(&x[0], &x[1], &targets, run, crate::index::ScatterMode::Update)?])
}

impl Tensor {
    /// This tensor with the box that begins at `start`, a vector of integers, replaced by `update`.
    ///
    /// # Errors
    /// `dtype_mismatch`, `shape_mismatch`; `out_of_range` when it runs, if the box leaves the tensor.
    #[track_caller]
    pub fn dynamic_update_slice(&self, update: &Tensor, start: &Tensor) -> Tensor {
        call1(&OP, &[self, update, start], Attrs::default())
    }

    /// This tensor with the box that begins at `start` replaced by `updates`, in this tensor's dtype.
    ///
    /// # Errors
    /// As [`Tensor::dynamic_update_slice`].
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let x = Tensor::of([0, 0, 0, 0]);
    /// assert_eq!(x.slice_update(&[1], &Tensor::of([7, 8])).to_vec::<i32>()?, [0, 7, 8, 0]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn slice_update(&self, start: &[usize], updates: &Tensor) -> Tensor {
        let start: Vec<i64> = start.iter().map(|&s| s as i64).collect();
        let at = Tensor::from_slice(&start, [start.len()]);
        self.dynamic_update_slice(&updates.cast_like(self), &at)
    }
}
