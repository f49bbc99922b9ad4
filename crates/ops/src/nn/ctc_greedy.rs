//! `ctc_greedy`: the likeliest class at each step, as labels.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "ctc_greedy",
    doc: "Of logits [batch, time, classes] and lengths [batch]: the greatest class at each step, without the class of the \
          attribute `blank` and, with `merge_repeated`, without repeats that no blank parts, as [1, batch, time] filled \
          up with -1 (int32); and minus the sum of the greatest logits, [batch, 1].",
    source: "Keras 3 keras.ops.ctc_decode; TensorFlow tf.nn.ctc_greedy_decoder",
    arity: (2, 2),
    attrs: &["blank", "merge_repeated"],
    dtypes: DTypes::Wide,
    infer: |call| infer_paths(call, 1),
    reference: Reference::Whole(|call, x| {
        let (blank, merge) = (call.attrs.size("blank")?, call.attrs.bool("merge_repeated")?);
        let types = infer_paths(call, 1)?;
        let (mut labels, mut scores) = (Vec::new(), Vec::new());
        for_each(call, x, |rows, classes, time| {
            let (mut own, mut score, mut held) = (Vec::new(), 0.0, None);
            for row in rows.chunks_exact(classes) {
                let best = (1..classes).fold(0, |best, c| if row[c] > row[best] { c } else { best });
                score -= row[best];
                if best != blank && !(merge && held == Some(best)) {
                    own.push(best as i64);
                }
                held = Some(best);
            }
            own.resize(time, -1);
            labels.extend(own);
            scores.push(score);
        })?;
        Ok(vec![
            Array::from_i64(DType::I32, &types[0].shape, &labels)?,
            Array::from_f64(call.dtype(0), &types[1].shape, &scores)?,
        ])
    }),
    gradient: Gradient::None("labels are chosen, not computed"),
    cases: Cases::Of(|| {
        let case = |merge: bool| {
            let inputs = [distinct(&[2, 6, 4]), ints(&[2], 2, 6)];
            Case::new(inputs, attrs! { blank: 0_usize, merge_repeated: merge })
        };
        vec![case(true), case(false)]
    }),
    max_rel_err_f32: 8.0 * f32::EPSILON as f64,
    ..Op::BASE
};

/// Labels `[paths, batch, time]` and scores `[batch, paths]` of logits `[batch, time, classes]` and lengths `[batch]`.
pub(super) fn infer_paths(call: &Call<'_>, paths: usize) -> Result<Types> {
    infer::rank(call, 0, 3)?;
    let &[batch, time, classes] = call.shape(0).as_slice() else { fail!(RankMismatch, "logits: expected 3 axes") };
    if call.shape(1).as_slice() != [batch] || !call.dtype(1).is_int() {
        fail!(ShapeMismatch, "lengths: expected int32[{batch}], found {}", call.inputs[1]);
    }
    let blank = call.attrs.size("blank")?;
    if blank >= classes {
        fail!(OutOfRange, "blank: expected 0 to {}, found {blank}", classes as isize - 1);
    }
    Ok(smallvec![Type::new(DType::I32, [paths, batch, time]), Type::new(call.dtype(0), [batch, paths])])
}

/// Calls `visit(logits, classes, time)` with the steps of every example.
pub(super) fn for_each(call: &Call<'_>, x: &[Array], mut visit: impl FnMut(&[f64], usize, usize)) -> Result<()> {
    let (logits, lengths) = (x[0].to_f64()?, x[1].to_i64()?);
    let (time, classes) = (call.shape(0)[1], call.shape(0)[2]);
    for (i, &length) in lengths.iter().enumerate() {
        let Some(steps) = usize::try_from(length).ok().filter(|&n| n <= time) else {
            fail!(OutOfRange, "length of example {i}: expected 0 to {time}, found {length}");
        };
        let start = i * time * classes;
        visit(&logits[start..start + steps * classes], classes, time);
    }
    Ok(())
}
