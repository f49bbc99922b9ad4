//! `slice`: a box cut out of a tensor, with steps of either sign.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "slice",
    doc: "y[i, j, ...] = x[start[0] + i * step[0], start[1] + j * step[1], ...], of the attribute `size`; steps may be \
          negative.",
    source: "NumPy basic slicing; StableHLO slice",
    attrs: &["start", "size", "step"],
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(gradient),
    cases: Cases::Of(|| {
        let at = |start: &[i64], size: &[usize], step: &[i64]| attrs! { start: start, size: size, step: step };
        vec![
            Case::new([any(&[4, 5])], at(&[1, 2], &[2, 3], &[1, 1])),
            Case::new([any(&[7, 5])], at(&[1, 4], &[3, 2], &[2, -3])),
            Case::new([any(&[2, 3, 4])], at(&[1, 0, 3], &[2, 1, 4], &[-1, 1, -1])),
            Case::new([any(&[1])], at(&[0], &[1], &[5])),
            Case::new([any(&[])], at(&[], &[], &[])),
            Case::new([any(&[3, 2])], at(&[3, 0], &[0, 2], &[1, 1])).without_gradient(),
        ]
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    let shape = call.shape(0);
    let (start, size, step) = (call.attrs.ints("start")?, call.attrs.sizes("size")?, call.attrs.ints("step")?);
    if [start.len(), size.len(), step.len()] != [shape.rank(); 3] {
        fail!(RankMismatch, "expected a start, size and step for each of {} axes, found {start:?}", shape.rank());
    }
    for a in 0..shape.rank() {
        let (n, first) = (shape[a] as i64, start[a]);
        if step[a] == 0 {
            fail!(InvalidArgument, "axis {a}: the step is 0");
        }
        let last = i64::try_from(size[a])
            .ok()
            .and_then(|s| (s - 1).checked_mul(step[a]))
            .and_then(|d| d.checked_add(first))
            .unwrap_or(i64::MAX);
        if size[a] > 0 && !((0..n).contains(&first) && (0..n).contains(&last)) {
            fail!(OutOfRange, "axis {a}: expected elements 0 to {}, found {first} to {last}", n - 1);
        }
    }
    Ok(smallvec![Type::new(call.dtype(0), size)])
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (start, to, step) = (call.attrs.ints("start")?, call.attrs.shape("size")?, call.attrs.ints("step")?);
    let (shape, strides) = (x[0].shape(), x[0].shape().strides());
    let part = |a: usize| step[a] == 1 || to[a] == 1;
    let outer = super::run_axes(to.rank(), |a| part(a) && to[a] == shape[a], part);
    // Without elements, the start may lie anywhere.
    let first = |a: usize| if to.elements() == 0 { 0 } else { start[a] as usize * strides[a] };
    let corner: usize = (outer..to.rank()).map(first).sum();
    Ok(vec![crate::shape::pick_runs(&x[0], &to, outer, |index| {
        let at = |a: usize| (start[a] + index[a] as i64 * step[a]) as usize * strides[a];
        corner + (0..index.len()).map(at).sum::<usize>()
    })?])
}

/// Zeros everywhere but where the slice was taken: `pad` with interior zeros, mirrored on axes of negative step.
fn gradient(g: &crate::Grad<'_>) -> crate::Cotangents {
    g.lift(|| {
        let (shape, step) = (g.shape(0), g.attrs.ints("step")?);
        let (start, size) = (g.attrs.ints("start")?, g.attrs.sizes("size")?);
        let backwards: Vec<isize> = (0..step.len()).filter(|&a| step[a] < 0).map(|a| a as isize).collect();
        let dy = if backwards.is_empty() { g.dy() } else { g.dy().flip(&backwards) };
        let mut widths: Vec<(usize, usize, usize)> = Vec::with_capacity(step.len());
        for a in 0..step.len() {
            if size[a] == 0 {
                widths.push((shape[a], 0, 0));
                continue;
            }
            let span = (size[a] - 1) * step[a].unsigned_abs() as usize;
            let first = if step[a] < 0 { start[a] as usize - span } else { start[a] as usize };
            widths.push((first, shape[a] - first - span - 1, step[a].unsigned_abs() as usize - 1));
        }
        Ok(grads![dy.pad_interior(&widths, 0.0)])
    })
}

impl Tensor {
    /// The box of this `size` that begins at `start`.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let x = Tensor::of([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.slice(&[0, 1], &[2, 2]).to_vec::<i32>()?, [2, 3, 5, 6]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `out_of_range` where the box leaves the tensor; `rank_mismatch`.
    #[track_caller]
    pub fn slice(&self, start: &[usize], size: &[usize]) -> Tensor {
        let start: Vec<i64> = start.iter().map(|&s| s as i64).collect();
        self.slice_with(&start, size, &vec![1; start.len()])
    }

    /// `size[a]` elements along each axis, from `start[a]` on in steps of `step[a]`, which may be negative.
    ///
    /// # Errors
    /// As [`Tensor::slice`].
    #[track_caller]
    pub fn slice_with(&self, start: &[i64], size: &[usize], step: &[i64]) -> Tensor {
        let whole =
            |shape: &Shape| start.iter().all(|&s| s == 0) && step.iter().all(|&s| s == 1) && shape.as_slice() == size;
        if self.type_ref().is_ok_and(|t| whole(&t.shape) && [start.len(), step.len()] == [t.shape.rank(); 2]) {
            return self.clone();
        }
        call1(&OP, &[self], attrs! { start: start, size: size, step: step })
    }

    /// Elements `start` to `start + size` of one axis.
    ///
    /// # Errors
    /// `out_of_range`.
    #[track_caller]
    pub fn slice_axis(&self, axis: isize, start: usize, size: usize) -> Tensor {
        self.slice_axis_step(axis, start, size, 1)
    }

    /// `size` elements of one axis, from `start` on in steps of `step`.
    #[track_caller]
    pub(crate) fn slice_axis_step(&self, axis: isize, start: usize, size: usize, step: usize) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            let axis = shape.axis(axis)?;
            let (mut starts, mut sizes, mut steps) = (vec![0; shape.rank()], shape.to_vec(), vec![1; shape.rank()]);
            (starts[axis], sizes[axis], steps[axis]) = (start as i64, size, step as i64);
            Ok(self.slice_with(&starts, &sizes, &steps))
        })
    }
}
