//! `cond`: one of two functions, by a condition.

use super::body::{
    Ready, argument_types, checked, condition, expect, inexact, result_types, trace_body, truth, unify, vjp,
};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "cond",
    doc: "The results of the graph `then` where the first input, a bool without axes, is true, else of the graph \
          `otherwise`; the other inputs are the arguments of both.",
    source: "Keras 3 keras.ops.cond",
    arity: (1, MANY),
    attrs: &["then", "otherwise"],
    dtypes: DTypes::Bool,
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(gradient),
    cases: Cases::Of(cases),
    ..Op::BASE
};

fn cases() -> Vec<Case> {
    let types = [Type::new(DType::F64, [3]), Type::new(DType::F64, [])];
    let branch = |f: fn(&[Tensor]) -> Tensor| trace_body("branch", &types, |x| Ok(vec![f(x), x[0].sum(&[], false)]));
    let (Ok(then), Ok(otherwise)) = (branch(|x| &x[0] * &x[1]), branch(|x| x[0].tanh())) else { return Vec::new() };
    let ([then, otherwise], _) = unify([then, otherwise]);
    [true, false]
        .map(|b| {
            let attrs = attrs! { then: then.clone(), otherwise: otherwise.clone() };
            Case::new([exactly(Array::scalar(b)), any(&[3]), any(&[])], attrs)
        })
        .to_vec()
}

fn infer(call: &Call<'_>) -> Result<Types> {
    let (then, otherwise) = (call.attrs.graph("then")?, call.attrs.graph("otherwise")?);
    infer::rank(call, 0, 0)?;
    expect("operand", &argument_types(then), &call.inputs[1..])?;
    expect("operand", &argument_types(otherwise), &call.inputs[1..])?;
    let results = result_types(then);
    expect("result of the second branch", &results, &result_types(otherwise))
        .map_err(|e| e.help("both branches give results of the same dtypes and shapes"))?;
    Ok(results.into())
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let branch = if truth(&x[0])? { "then" } else { "otherwise" };
    Ready::once(call.attrs.graph(branch)?).run(&x[1..])
}

/// The vector-Jacobian product of the branch that was taken.
fn gradient(g: &crate::Grad<'_>) -> crate::Cotangents {
    g.lift(|| {
        let (then, otherwise) = (g.attrs.graph("then")?, g.attrs.graph("otherwise")?);
        let wanted: Vec<usize> = inexact(&argument_types(then)).into_iter().filter(|i| g.wanted[i + 1]).collect();
        let given: Vec<usize> =
            inexact(&result_types(then)).into_iter().filter(|&i| g.cotangents[i].is_some()).collect();
        let (then, otherwise) = (vjp(then, &wanted, &given)?, vjp(otherwise, &wanted, &given)?);
        let cotangents: Vec<Tensor> = given.iter().map(|&i| g.dy_of(i)).collect();
        let inputs: Vec<&Tensor> = g.inputs.iter().chain(&cotangents).collect();
        let results = checked(call(&OP, &inputs, attrs! { then: then, otherwise: otherwise }))?;
        let mut all = vec![None; g.inputs.len()];
        wanted.iter().zip(results).for_each(|(&i, dx)| all[i + 1] = Some(dx));
        Ok(all)
    })
}

/// What `then` returns where `pred` holds, else what `otherwise` returns. In a trace both branches are traced, and one of
/// them runs.
///
/// ```
/// use cornet_ops::{Tensor, control::cond};
/// let x = Tensor::of(3.0_f32);
/// let y = cond(&x.greater(0), || Ok(vec![x.square()]), || Ok(vec![-&x]))?;
/// assert_eq!(y[0].item::<f32>()?, 9.0);
/// # Ok::<(), cornet_tensor::Error>(())
/// ```
///
/// # Errors
/// `shape_mismatch` unless `pred` has one element, or where results of the branches differ (`dtype_mismatch` too);
/// whatever the branches return.
#[track_caller]
pub fn cond(
    pred: &Tensor,
    then: impl FnOnce() -> Result<Vec<Tensor>>,
    otherwise: impl FnOnce() -> Result<Vec<Tensor>>,
) -> Result<Vec<Tensor>> {
    let pred = condition(pred)?;
    if !pred.is_traced() {
        return if truth(&pred.array()?)? { then() } else { otherwise() };
    }
    let bodies = [trace_body("then", &[], |_| then())?, trace_body("otherwise", &[], |_| otherwise())?];
    let ([then, otherwise], captures) = unify(bodies);
    let inputs: Vec<&Tensor> = std::iter::once(&pred).chain(&captures).collect();
    checked(call(&OP, &inputs, attrs! { then: then, otherwise: otherwise }))
}
