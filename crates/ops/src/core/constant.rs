//! `constant`: a value known when the graph is built.

use cornet_tensor::Result;
use smallvec::smallvec;

use super::grad::Gradient;
use super::op::{Call, DTypes, Op, Reference, Type, Types};
use super::samples::{Case, Cases};
use crate::attrs;

/// The op.
pub static OP: Op = Op {
    name: "constant",
    doc: "The array in the attribute `value`.",
    source: "TensorFlow tf.constant",
    arity: (0, 0),
    attrs: &["value"],
    dtypes: DTypes::Any,
    infer,
    reference: Reference::Whole(|call, _| Ok(vec![call.attrs.array("value")?.clone()])),
    gradient: Gradient::Zero,
    cases: Cases::Of(|| vec![Case::new([], attrs! { value: cornet_tensor::Array::scalar(1.5_f32) })]),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    Ok(smallvec![Type::of(call.attrs.array("value")?)])
}
