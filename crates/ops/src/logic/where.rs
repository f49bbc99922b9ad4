//! `where`: one of two values, by a condition.

use crate::arithmetic::{Arg, common_dtype};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "where",
    doc: "a where the condition holds and b elsewhere, element-wise with broadcasting of all three.",
    source: "Keras 3 keras.ops.where",
    arity: (3, 3),
    dtypes: DTypes::Bool,
    infer,
    reference: Reference::Point(
        PointRef::real(|x| if x[0] != 0.0 { x[1] } else { x[2] }, |x| if x[0] != 0 { x[1] } else { x[2] })
            .with_complex(|x| if x[0].re != 0.0 { x[1] } else { x[2] }),
    ),
    gradient: Gradient::Rule(|g| {
        let (condition, dy) = (g.x(0), g.dy());
        grads![None, g.want(1, || condition.where_(&dy, 0)), g.want(2, || condition.where_(0, &dy))]
    }),
    cases: Cases::Of(|| {
        let case = |condition: &[usize], a: &[usize], b: &[usize]| {
            let condition = Sample::Ints { dtype: DType::Bool, shape: condition.to_vec(), low: 0, high: 2 };
            Case::new([condition, any(a), any(b)], Attrs::default())
        };
        vec![
            case(&[], &[], &[]),
            case(&[5], &[5], &[5]),
            case(&[2, 1], &[3], &[]),
            case(&[3], &[], &[2, 3]),
            case(&[2, 517], &[2, 517], &[517]),
            case(&[0], &[1], &[]).without_gradient(),
        ]
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    let dtype = infer::one_dtype(call, 1)?;
    if dtype == DType::Str {
        fail!(DtypeMismatch, "values: expected numbers or bools, found string");
    }
    Ok(smallvec![Type::new(dtype, infer::broadcast_shape(call)?)])
}

impl Tensor {
    #[doc(alias = "where")]
    /// `a` where `self` holds and `b` elsewhere, element-wise with broadcasting of all three; Keras's
    /// `where(condition, a, b)`. A number holds unless it is 0.
    ///
    /// The gradient of the side that is not taken is zero; but a NaN or an infinity in that side's own derivative still
    /// reaches it as NaN, so make the argument of such a function safe first.
    ///
    /// ```
    /// # use cornet_ops::Tensor;
    /// let x = Tensor::of([-1.0_f32, 2.0]);
    /// assert_eq!(x.greater(0).where_(&x, 0).to_vec::<f32>()?, [0.0, 2.0]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn where_(&self, a: impl Into<Arg>, b: impl Into<Arg>) -> Tensor {
        let (a, b) = (a.into(), b.into());
        Tensor::lift(|| {
            let dtype = common_dtype(&[a.clone(), b.clone()])?;
            Ok(call1(&OP, &[&self.cast(DType::Bool), &a.to(dtype)?, &b.to(dtype)?], Attrs::default()))
        })
    }
}
