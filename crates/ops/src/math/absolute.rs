//! `absolute`: `|x|`.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "absolute",
    doc: "|x|. The least signed integer is its own absolute value. The derivative at 0 is 0.",
    source: "Keras 3 keras.ops.absolute",
    dtypes: DTypes::Real,
    reference: Reference::Point(PointRef::real(|x| x[0].abs(), |x| x[0].wrapping_abs()).with_uint(|x| x[0])),
    gradient: Gradient::Rule(|g| grads![g.dy() * g.x(0).sign()]),
    max_rel_err_f32: 0.0,
    ..Op::UNARY
};

impl Tensor {
    /// `|x|`, element-wise; of complex numbers the magnitude, in float32. Bools stay as they are.
    #[track_caller]
    pub fn absolute(&self) -> Tensor {
        match self.dtype() {
            Ok(DType::Bool) => self.clone(),
            Ok(DType::C64) => self.real().hypot(self.imag()),
            _ => call1(&OP, &[self], Attrs::default()),
        }
    }

    /// [`Tensor::absolute`].
    #[track_caller]
    pub fn abs(&self) -> Tensor {
        self.absolute()
    }

    /// `|x|` in a float dtype; integers become float32.
    #[track_caller]
    pub fn fabs(&self) -> Tensor {
        self.to_float().absolute()
    }
}
