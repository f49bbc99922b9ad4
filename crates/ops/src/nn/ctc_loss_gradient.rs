//! `ctc_loss_gradient`: the derivative of `ctc_loss` by its logits.

use super::ctc;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "ctc_loss_gradient",
    doc: "softmax(logits) minus the probability, given the labels, of each class at each step; 0 beyond an example's \
          steps, and where its loss is infinite. Takes what ctc_loss takes.",
    source: "Graves et al. (2006), equation 16",
    arity: (4, 4),
    attrs: &["blank"],
    dtypes: DTypes::Wide,
    infer: |call| ctc::check(call).map(|()| smallvec![call.inputs[0].clone()]),
    reference: Reference::Whole(|call, x| {
        let mut out = vec![0.0; x[0].elements()];
        ctc::for_each(call, x, |start, example| {
            let gradient = example.gradient();
            out[start..start + gradient.len()].copy_from_slice(&gradient);
        })?;
        Ok(vec![Array::from_f64(call.dtype(0), call.shape(0), &out)?])
    }),
    gradient: Gradient::None("second derivatives of the CTC loss are not worked out"),
    cases: Cases::Of(super::ctc_loss::cases),
    max_rel_err_f32: 32.0 * f32::EPSILON as f64,
    ..Op::BASE
};
