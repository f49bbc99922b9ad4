//! `scan`: a loop over the first axis of its inputs that carries a state and stacks results.

use std::sync::Arc;

use super::body::{Ready, argument_types, checked, expect, result_types, trace_body, types, unify};
use super::partial::split;
use crate::core::graph::Graph;
use crate::core::prelude::*;
use crate::core::tape::is_recorded;
use crate::core::trace::is_tracing;

/// The op.
pub static OP: Op = Op {
    name: "scan",
    doc: "`length` runs of the graph `body`, from carries, one slice of each sequence, and constants, to new carries and \
          results. The inputs are `carries` carries, `sequences` tensors to slice along axis 0, and constants; the \
          results are the last carries and the stacked results. With `reverse` the last slices come first. The \
          body of a scan that is differentiated has more results than the first `results`, which the graph `backward` \
          takes on the way back.",
    source: "Keras 3 keras.ops.scan",
    arity: (0, MANY),
    attrs: &["body", "carries", "sequences", "length", "reverse", "backward", "results"],
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(super::scan_grad::gradient),
    cases: Cases::Of(cases),
    ..Op::BASE
};

fn cases() -> Vec<Case> {
    // A counter, a state, a sequence, and a constant: s' = tanh(s * w + x), y = s * x.
    let scalar = |d: DType| Type::new(d, []);
    let vector = || Type::new(DType::F64, [2]);
    let body = trace_body("body", &[scalar(DType::I32), vector(), vector(), vector()], |x| {
        let state = (&x[1] * &x[3] + &x[2]).tanh();
        Ok(vec![&x[0] + 1, state, &x[1] * &x[2]])
    });
    let Ok(body) = body else { return Vec::new() };
    let body = Arc::new(body.graph);
    let case = |n: usize, reverse: bool| {
        let counts = Counts { carries: 1 + 1, sequences: 1, length: n, reverse };
        Case::new([ints(&[], 0, 9), any(&[2]), any(&[n, 2]), any(&[2])], counts.attrs(body.clone()))
    };
    vec![case(3, false), case(2, true), case(1, false), case(0, false).without_gradient()]
}

/// The static arguments but for the body.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub carries: usize,
    pub sequences: usize,
    pub length: usize,
    pub reverse: bool,
}

impl Counts {
    pub fn of(attrs: &Attrs) -> Result<Self> {
        Ok(Self {
            carries: attrs.size("carries")?,
            sequences: attrs.size("sequences")?,
            length: attrs.size("length")?,
            reverse: attrs.bool("reverse")?,
        })
    }

    pub fn attrs(self, body: Arc<Graph>) -> Attrs {
        let Self { carries, sequences, length, reverse } = self;
        attrs! { body: body, carries: carries, sequences: sequences, length: length, reverse: reverse }
    }

    /// The types of what the body takes, from those of the inputs.
    pub fn slices(self, inputs: &[Type]) -> Result<Vec<Type>> {
        let mut arguments = inputs.to_vec();
        let sequences = arguments.iter_mut().skip(self.carries).take(self.sequences);
        for (i, ty) in sequences.enumerate() {
            match ty.shape.split_first() {
                Some((&n, rest)) if n == self.length => ty.shape = rest.into(),
                Some((&n, _)) => fail!(DimMismatch, "sequence {i}: expected {} slices, found {n}", self.length),
                None => fail!(RankMismatch, "sequence {i}: expected at least 1 axis, found none"),
            }
        }
        Ok(arguments)
    }
}

fn infer(call: &Call<'_>) -> Result<Types> {
    let (counts, body) = (Counts::of(call.attrs)?, call.attrs.graph("body")?);
    if counts.carries + counts.sequences > call.inputs.len() {
        fail!(InvalidArgument, "expected {} inputs, found {}", counts.carries + counts.sequences, call.inputs.len());
    }
    expect("input", &argument_types(body), &counts.slices(call.inputs)?)?;
    let results = result_types(body);
    let carried = results.get(..counts.carries).unwrap_or(&results);
    expect("carry that the body returns", &call.inputs[..counts.carries], carried)
        .map_err(|e| e.help("the state that leaves the body has the dtypes and shapes of the one that enters"))?;
    let stacked = results[counts.carries..].iter().map(|ty| {
        let to: Dims = std::iter::once(counts.length).chain(ty.shape.iter().copied()).collect();
        Ok(Type::new(ty.dtype, Shape::checked(&to, ty.dtype.size())?))
    });
    carried.iter().cloned().map(Ok).chain(stacked).collect()
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (counts, body) = (Counts::of(call.attrs)?, call.attrs.graph("body")?);
    let ready = Ready::often(body);
    let (carries, rest) = x.split_at(counts.carries);
    let (sequences, constants) = rest.split_at(counts.sequences);
    let slices = sequences.iter().map(rows).collect::<Result<Vec<_>>>()?;
    let mut carries = carries.to_vec();
    let results = result_types(body).len() - counts.carries;
    let mut stacks: Vec<Vec<Array>> = vec![Vec::with_capacity(counts.length); results];
    for step in 0..counts.length {
        let i = if counts.reverse { counts.length - 1 - step } else { step };
        let now = slices.iter().map(|s| s[i].clone());
        let arguments: Vec<Array> = carries.drain(..).chain(now).chain(constants.iter().cloned()).collect();
        let mut out = ready.run(&arguments)?;
        stacks.iter_mut().zip(out.drain(counts.carries..)).for_each(|(stack, y)| stack.push(y));
        carries = out;
    }
    if counts.reverse {
        stacks.iter_mut().for_each(|s| s.reverse());
    }
    for (stack, ty) in stacks.iter().zip(&call.infer()?[counts.carries..]) {
        carries.push(stack_rows(stack, ty)?);
    }
    Ok(carries)
}

/// The slices of an array along axis 0.
fn rows(x: &Array) -> Result<Vec<Array>> {
    let (n, to) = (x.shape()[0], Shape::new(&x.shape()[1..]));
    let run = to.elements();
    if x.dtype() == DType::Str {
        return (0..n).map(|i| Array::from_strings(x.strings()?[i * run..][..run].to_vec(), &to)).collect();
    }
    let run = run * x.dtype().size();
    (0..n).map(|i| Array::from_bytes(x.dtype(), &to, &x.bytes()[i * run..][..run])).collect()
}

/// Arrays of one shape under a new axis 0.
fn stack_rows(rows: &[Array], ty: &Type) -> Result<Array> {
    if ty.dtype == DType::Str {
        let strings = rows.iter().map(Array::strings).collect::<Result<Vec<_>>>()?;
        return Array::from_strings(strings.concat(), &ty.shape);
    }
    let bytes: Vec<&[u8]> = rows.iter().map(Array::bytes).collect();
    Array::from_bytes(ty.dtype, &ty.shape, &bytes.concat())
}

/// Applies the op; where a tape records it, with the values saved that the way back needs. They follow the results.
#[track_caller]
pub(super) fn apply(body: &Arc<Graph>, counts: Counts, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
    let count = body.outputs.len();
    // A body without a derivative fails once its gradient is asked for.
    let parts = if is_recorded(inputs) { split(body, counts.carries, counts.sequences).ok() } else { None };
    let Some(parts) = parts else { return checked(call(&OP, inputs, counts.attrs(body.clone()))) };
    let own = count.saturating_sub(counts.carries);
    let attrs = counts.attrs(parts.forward).with("backward", parts.backward).with("results", own);
    let mut found = checked(call(&OP, inputs, attrs))?;
    found.truncate(count);
    Ok(found)
}

/// Options of [`scan`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanOptions {
    /// How many steps; needed without sequences.
    pub length: Option<usize>,
    /// Whether the last slices come first.
    pub reverse: bool,
    /// In a trace, whether every step becomes part of the graph instead of one op that loops.
    pub unroll: bool,
}

/// Runs `f` once for each slice of `xs` along axis 0: from the carries and the slices to new carries and results.
/// Returns the last carries, and each result stacked along a new axis 0.
///
/// ```
/// use cornet_ops::{Tensor, control::{ScanOptions, scan}};
/// let x = Tensor::of([1.0_f32, 2.0, 3.0]);
/// let (total, sums) = scan(
///     |carry, x| {
///         let sum = &carry[0] + &x[0];
///         Ok((vec![sum.clone()], vec![sum]))
///     },
///     &[Tensor::of(0.0_f32)],
///     &[x],
///     ScanOptions::default(),
/// )?;
/// assert_eq!(total[0].item::<f32>()?, 6.0);
/// assert_eq!(sums[0].to_vec::<f32>()?, [1.0, 3.0, 6.0]);
/// # Ok::<(), cornet_tensor::Error>(())
/// ```
///
/// # Errors
/// `invalid_argument` without sequences and length; `dim_mismatch` for sequences of different lengths;
/// `shape_mismatch` or `dtype_mismatch` where a carry leaves with another type than it enters; whatever `f` returns.
#[track_caller]
pub fn scan(
    mut f: impl FnMut(&[Tensor], &[Tensor]) -> Result<(Vec<Tensor>, Vec<Tensor>)>,
    init: &[Tensor],
    xs: &[Tensor],
    options: ScanOptions,
) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
    let Some(length) = options.length.or(xs.first().map(|x| x.shape()).transpose()?.and_then(|s| s.first().copied()))
    else {
        return Err(err!(InvalidArgument, "scan: expected a sequence or a length, found neither"));
    };
    let counts = Counts { carries: init.len(), sequences: xs.len(), length, reverse: options.reverse };
    let inputs = types(&[init, xs].concat())?;
    let arguments = counts.slices(&inputs).map_err(|e| e.within("scan"))?;
    if length > 0 && (options.unroll || !is_tracing()) {
        return direct(f, init, xs, counts);
    }
    let traced = trace_body("body", &arguments, |x| {
        let (carry, x) = x.split_at(init.len());
        let (carry, y) = f(carry, x)?;
        expect("scan: carry that the body returns", &inputs[..init.len()], &types(&carry)?)?;
        Ok([carry, y].concat())
    })?;
    let ([body], captures) = unify([traced]);
    let operands: Vec<&Tensor> = init.iter().chain(xs).chain(&captures).collect();
    let mut found = apply(&body, counts, &operands)?;
    let stacked = found.split_off(init.len());
    Ok((found, stacked))
}

/// Runs the closure step by step.
#[track_caller]
fn direct(
    mut f: impl FnMut(&[Tensor], &[Tensor]) -> Result<(Vec<Tensor>, Vec<Tensor>)>,
    init: &[Tensor],
    xs: &[Tensor],
    counts: Counts,
) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
    let expected = types(init)?;
    let slices = xs.iter().map(|x| x.unstack(0)).collect::<Result<Vec<_>>>()?;
    let (mut carry, mut stacks) = (init.to_vec(), Vec::<Vec<Tensor>>::new());
    for step in 0..counts.length {
        let i = if counts.reverse { counts.length - 1 - step } else { step };
        let now: Vec<Tensor> = slices.iter().map(|s| s[i].clone()).collect();
        let (next, results) = f(&carry, &now)?;
        expect("scan: carry that the body returns", &expected, &types(&next)?)?;
        carry = next;
        stacks.resize_with(results.len(), Vec::new);
        stacks.iter_mut().zip(results).for_each(|(stack, y)| stack.push(y));
    }
    let stacked = stacks.iter_mut().map(|stack| {
        if counts.reverse {
            stack.reverse();
        }
        Tensor::stack(&stack.iter().collect::<Vec<_>>(), 0)
    });
    Ok((carry, checked(stacked)?))
}
