//! `ctc_loss`: the loss of unaligned labels.

use super::ctc;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "ctc_loss",
    doc: "-ln of the probability of labels [batch, length] given logits [batch, time, classes], summed over all \
          alignments with the class of the attribute `blank` between; both lengths follow as [batch]. Primitive because \
          it walks a lattice step by step, which as tensor ops takes a dozen of them each step.",
    source: "Keras 3 keras.ops.ctc_loss; Graves et al. (2006)",
    arity: (4, 4),
    attrs: &["blank"],
    dtypes: DTypes::Wide,
    infer: |call| {
        ctc::check(call)?;
        Ok(smallvec![Type::new(call.dtype(0), &call.shape(0)[..1])])
    },
    reference: Reference::Whole(|call, x| {
        let mut losses = Vec::new();
        ctc::for_each(call, x, |_, example| losses.push(example.loss()))?;
        Ok(vec![Array::from_f64(call.dtype(0), &call.shape(0)[..1], &losses)?])
    }),
    gradient: Gradient::Rule(|g| {
        let slope = || {
            let inputs = [g.x(0), g.x(1), g.x(2), g.x(3)];
            call1(&super::ctc_loss_gradient::OP, &inputs, g.attrs.clone()) * g.dy().expand_dims(&[-1, -2])
        };
        grads![g.want(0, slope), None, None, None]
    }),
    cases: Cases::Of(cases),
    max_rel_err_f32: 16.0 * f32::EPSILON as f64,
    ..Op::BASE
};

/// Labels with and without repeats, full and short lengths.
pub(super) fn cases() -> Vec<Case> {
    let lengths =
        |values: &[i32]| exactly(Array::from_slice(values, [values.len()]).unwrap_or_else(|_| Array::scalar(0_i32)));
    let case = |time: usize, classes: usize, length: usize, label: &[i32], step: &[i32]| {
        let n = label.len();
        let inputs = [any(&[n, time, classes]), ints(&[n, length], 1, classes as i64), lengths(label), lengths(step)];
        Case::new(inputs, attrs! { blank: 0_usize })
    };
    vec![case(7, 4, 3, &[3, 2], &[7, 6]), case(6, 2, 2, &[2, 0, 1], &[6, 5, 3]), case(4, 3, 1, &[1], &[4])]
}
