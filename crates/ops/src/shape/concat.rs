//! `concat`: tensors end to end along an axis.

use crate::arithmetic::{Arg, common_dtype};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "concat",
    doc: "The inputs one after the other along the attribute `axis`.",
    source: "Keras 3 keras.ops.concatenate",
    arity: (1, MANY),
    attrs: &["axis"],
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(gradient),
    cases: Cases::Of(|| {
        vec![
            Case::new([any(&[2, 3]), any(&[2, 1]), any(&[2, 2])], attrs! { axis: 1 }),
            Case::new([any(&[1, 3]), any(&[2, 3])], attrs! { axis: 0 }),
            Case::new([any(&[2])], attrs! { axis: 0 }),
            Case::new([any(&[0, 2]), any(&[1, 2])], attrs! { axis: 0 }).without_gradient(),
        ]
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    let dtype = infer::one_dtype(call, 0)?;
    let mut to = Dims::from_slice(call.shape(0));
    let axis = call.attrs.size("axis")?;
    call.shape(0).axis(axis as isize)?;
    for (i, ty) in call.inputs.iter().enumerate().skip(1) {
        let fits = ty.shape.rank() == to.len() && (0..to.len()).all(|a| a == axis || ty.shape[a] == to[a]);
        if !fits {
            return Err(err!(
                ShapeMismatch,
                "input {i}: expected {} but for axis {axis}, found {}",
                call.shape(0),
                ty.shape
            )
            .help("tensors to concatenate differ in no axis but the one they are joined along"));
        }
        to[axis] += ty.shape[axis];
    }
    Ok(smallvec![Type::new(dtype, Shape::checked(&to, dtype.size())?)])
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let ty = call.infer()?.remove(0);
    let axis = call.attrs.size("axis")?;
    let rows: usize = ty.shape[..axis].iter().product();
    let inner: usize = ty.shape[axis + 1..].iter().product();
    if ty.dtype == DType::Str {
        let mut out = Vec::with_capacity(ty.shape.elements());
        for row in 0..rows {
            for part in x {
                let run = part.shape()[axis] * inner;
                out.extend_from_slice(&part.strings()?[row * run..(row + 1) * run]);
            }
        }
        return Ok(vec![Array::from_strings(out, ty.shape)?]);
    }
    let mut out = Vec::with_capacity(ty.shape.elements() * ty.dtype.size());
    for row in 0..rows {
        for part in x {
            let run = part.shape()[axis] * inner * ty.dtype.size();
            out.extend_from_slice(&part.bytes()[row * run..(row + 1) * run]);
        }
    }
    Ok(vec![Array::from_bytes(ty.dtype, ty.shape, &out)?])
}

fn gradient(g: &crate::Grad<'_>) -> crate::Cotangents {
    g.lift(|| {
        let (axis, dy) = (g.attrs.size("axis")?, g.dy());
        let mut start = 0;
        Ok((0..g.inputs.len())
            .map(|i| {
                let size = g.shape(i)[axis];
                start += size;
                g.want(i, || dy.slice_axis(axis as isize, start - size, size))
            })
            .collect())
    })
}

impl Tensor {
    /// Tensors end to end along an axis, in their common dtype.
    ///
    /// # Shapes
    /// All axes but `axis` are equal; `axis` of the result is the sum.
    ///
    /// # Errors
    /// `shape_mismatch`; `invalid_argument` without tensors.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let (a, b) = (Tensor::of([[1, 2]]), Tensor::of([[3, 4]]));
    /// assert_eq!(Tensor::concat(&[&a, &b], 0).shape()?.as_slice(), [2, 2]);
    /// assert_eq!(Tensor::concat(&[&a, &b], -1).to_vec::<i32>()?, [1, 2, 3, 4]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn concat(tensors: &[&Tensor], axis: isize) -> Tensor {
        Tensor::lift(|| {
            let tensors = promoted(tensors)?;
            if let [one] = &tensors[..] {
                one.shape()?.axis(axis)?;
                return Ok(one.clone());
            }
            let axis = tensors[0].shape()?.axis(axis)?;
            Ok(call1(&OP, &tensors.iter().collect::<Vec<_>>(), attrs! { axis: axis }))
        })
    }

    /// [`Tensor::concat`] by its name in Keras.
    #[track_caller]
    pub fn concatenate(tensors: &[&Tensor], axis: isize) -> Tensor {
        Tensor::concat(tensors, axis)
    }
}

/// The tensors in their common dtype.
pub(crate) fn promoted(tensors: &[&Tensor]) -> Result<Vec<Tensor>> {
    if tensors.is_empty() {
        fail!(InvalidArgument, "expected at least one tensor, found none");
    }
    let dtype = common_dtype(&tensors.iter().map(|&t| Arg::from(t)).collect::<Vec<_>>())?;
    Ok(tensors.iter().map(|t| t.cast(dtype)).collect())
}
