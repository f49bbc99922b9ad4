//! `ctc_beam`: the likeliest labellings that a beam finds.

use std::collections::BTreeMap;

use super::ctc::{log_add, log_softmax};
use super::ctc_greedy::{for_each, infer_paths};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "ctc_beam",
    doc: "Of logits [batch, time, classes] and lengths [batch]: the `paths` likeliest labellings that a search keeping \
          `width` prefixes a step finds, as [paths, batch, time] filled up with -1 (int32); and their log-probabilities \
          [batch, paths], -inf where there are fewer. Prefixes equally likely come in lexical order.",
    source: "Keras 3 keras.ops.ctc_decode; Graves and Jaitly (2014)",
    arity: (2, 2),
    attrs: &["blank", "width", "paths"],
    dtypes: DTypes::Wide,
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::None("labels are chosen, not computed"),
    cases: Cases::Of(|| {
        let case = |width: usize, paths: usize| {
            let inputs = [distinct(&[2, 5, 3]), ints(&[2], 2, 6)];
            Case::new(inputs, attrs! { blank: 0_usize, width: width, paths: paths })
        };
        vec![case(8, 2), case(1, 1)]
    }),
    max_rel_err_f32: 16.0 * f32::EPSILON as f64,
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    let (width, paths) = (call.attrs.size("width")?, call.attrs.size("paths")?);
    if width == 0 || paths == 0 || paths > width {
        fail!(InvalidArgument, "paths: expected 1 to {width} (the width of the beam), found {paths}");
    }
    infer_paths(call, paths)
}

/// Log-probabilities of a prefix that ends in a blank, and in its last label.
type Ends = (f64, f64);

const NEVER: Ends = (f64::NEG_INFINITY, f64::NEG_INFINITY);

/// The prefixes after one more step.
fn advance(beam: &[(Vec<usize>, Ends)], log: &[f64], blank: usize) -> BTreeMap<Vec<usize>, Ends> {
    let mut next: BTreeMap<Vec<usize>, Ends> = BTreeMap::new();
    for (prefix, (in_blank, in_label)) in beam {
        let either = log_add(*in_blank, *in_label);
        let held = next.entry(prefix.clone()).or_insert(NEVER);
        held.0 = log_add(held.0, either + log[blank]);
        if let Some(&last) = prefix.last() {
            held.1 = log_add(held.1, in_label + log[last]);
        }
        for (class, log) in log.iter().enumerate().filter(|(c, _)| *c != blank) {
            let from = if prefix.last() == Some(&class) { *in_blank } else { either };
            let mut longer = prefix.clone();
            longer.push(class);
            let held = next.entry(longer).or_insert(NEVER);
            held.1 = log_add(held.1, from + log);
        }
    }
    next
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let types = infer(call)?;
    let (blank, width, paths) = (call.attrs.size("blank")?, call.attrs.size("width")?, call.attrs.size("paths")?);
    let (mut by_example, mut scores) = (Vec::new(), Vec::new());
    for_each(call, x, |rows, classes, time| {
        let log = log_softmax(rows, classes);
        let mut beam: Vec<(Vec<usize>, Ends)> = vec![(Vec::new(), (0.0, f64::NEG_INFINITY))];
        for step in log.chunks_exact(classes) {
            beam = advance(&beam, step, blank).into_iter().collect();
            beam.sort_by(|(_, a), (_, b)| log_add(b.0, b.1).total_cmp(&log_add(a.0, a.1)));
            beam.truncate(width);
        }
        let mut own = vec![-1_i64; paths * time];
        for p in 0..paths {
            let (prefix, ends) = beam.get(p).cloned().unwrap_or((Vec::new(), NEVER));
            prefix.iter().enumerate().for_each(|(t, &label)| own[p * time + t] = label as i64);
            scores.push(log_add(ends.0, ends.1));
        }
        by_example.push(own);
    })?;
    let time = call.shape(0)[1];
    let labels: Vec<i64> = (0..paths)
        .flat_map(|p| by_example.iter().flat_map(move |own| own[p * time..(p + 1) * time].to_vec()))
        .collect();
    Ok(vec![
        Array::from_i64(DType::I32, &types[0].shape, &labels)?,
        Array::from_f64(call.dtype(0), &types[1].shape, &scores)?,
    ])
}
