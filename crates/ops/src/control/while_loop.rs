//! `while_loop`: a loop that ends when its condition fails.

use super::body::{
    Ready, argument_types, checked, condition, expect, inexact, result_types, trace_body, truth, types, unify, vjp,
};
use crate::core::prelude::*;
use crate::core::trace::is_tracing;

/// The op.
pub static OP: Op = Op {
    name: "while_loop",
    doc: "The first `variables` inputs, replaced by the results of the graph `body` as long as the graph `cond` gives true, \
          at most `most` times (-1: without limit). The other inputs are constants; both graphs take all inputs.",
    source: "Keras 3 keras.ops.while_loop",
    arity: (0, MANY),
    attrs: &["cond", "body", "variables", "most"],
    infer,
    reference: Reference::Whole(|call, x| iterate(call.attrs, x, |_| ())),
    gradient: Gradient::Rule(gradient),
    cases: Cases::Of(cases),
    ..Op::BASE
};

pub(super) fn cases() -> Vec<Case> {
    // A counter below 3, a state and a constant: s' = s * w + cos s.
    let types = [Type::new(DType::I32, []), Type::new(DType::F64, [2]), Type::new(DType::F64, [2])];
    let cond = trace_body("cond", &types, |x| Ok(vec![x[0].less(3)]));
    let body = trace_body("body", &types, |x| Ok(vec![&x[0] + 1, &x[1] * &x[2] + x[1].cos()]));
    let (Ok(cond), Ok(body)) = (cond, body) else { return Vec::new() };
    let ([cond, body], _) = unify([cond, body]);
    let case = |start: i32, most: i64| {
        let attrs = attrs! { cond: cond.clone(), body: body.clone(), variables: 2, most: most };
        Case::new([exactly(Array::scalar(start)), any(&[2]), any(&[2])], attrs)
    };
    vec![case(0, -1), case(0, 2), case(5, -1)]
}

pub(super) fn infer(call: &Call<'_>) -> Result<Types> {
    let (cond, body, n) = (call.attrs.graph("cond")?, call.attrs.graph("body")?, call.attrs.size("variables")?);
    call.attrs.int("most")?;
    if n > call.inputs.len() {
        fail!(InvalidArgument, "expected {n} loop variables, found {}", call.inputs.len());
    }
    expect("input", &argument_types(cond), call.inputs)?;
    expect("input", &argument_types(body), call.inputs)?;
    expect("condition", &[Type::new(DType::Bool, [])], &result_types(cond))?;
    expect("variable that the body returns", &call.inputs[..n], &result_types(body))
        .map_err(|e| e.help("loop variables leave the body with the dtypes and shapes they enter with"))?;
    Ok(call.inputs[..n].into())
}

/// Runs the loop; `visit` sees the variables before each step.
pub(super) fn iterate(attrs: &Attrs, x: &[Array], mut visit: impl FnMut(&[Array])) -> Result<Vec<Array>> {
    let (cond, body, n) = (attrs.graph("cond")?, attrs.graph("body")?, attrs.size("variables")?);
    let most = u64::try_from(attrs.int("most")?).unwrap_or(u64::MAX);
    let (mut all, mut steps) = (x.to_vec(), 0);
    let (cond, body) = (Ready::often(cond), Ready::often(body));
    while steps < most && truth(&cond.run(&all)?[0])? {
        visit(&all[..n]);
        let next = body.run(&all)?;
        next.into_iter().enumerate().for_each(|(i, v)| all[i] = v);
        steps += 1;
    }
    all.truncate(n);
    Ok(all)
}

/// `while_loop_grad` runs the loop again, keeps the variables of every step, and goes back over them.
fn gradient(g: &crate::Grad<'_>) -> crate::Cotangents {
    g.lift(|| {
        let (n, body) = (g.attrs.size("variables")?, g.attrs.graph("body")?);
        let takes = argument_types(body);
        let floats = inexact(&takes);
        let states: Vec<usize> = floats.iter().copied().filter(|&i| i < n).collect();
        let constants: Vec<usize> = floats.iter().copied().filter(|&i| i >= n && g.wanted[i]).collect();
        let wanted: Vec<usize> = states.iter().chain(&constants).copied().collect();
        let product = vjp(body, &wanted, &states)?;
        let cotangents: Vec<Tensor> = states.iter().map(|&i| g.dy_of(i)).collect();
        let inputs: Vec<&Tensor> = g.inputs.iter().chain(&cotangents).collect();
        let mut attrs = g.attrs.clone();
        attrs = attrs.with("product", product).with("states", states).with("constants", constants);
        let found = checked(call(&super::while_loop_grad::OP, &inputs, attrs))?;
        let mut all = vec![None; g.inputs.len()];
        wanted.iter().zip(found).filter(|(i, _)| g.wanted[**i]).for_each(|(&i, dx)| all[i] = Some(dx));
        Ok(all)
    })
}

/// Runs `body` on the loop variables as long as `cond` holds of them, and at most `maximum_iterations` times.
///
/// ```
/// use cornet_ops::{Tensor, control::while_loop};
/// let x = while_loop(|x| Ok(x[0].less(100)), |x| Ok(vec![&x[0] * 2]), &[Tensor::of(3)], None)?;
/// assert_eq!(x[0].item::<i32>()?, 192);
/// # Ok::<(), cornet_tensor::Error>(())
/// ```
///
/// # Errors
/// `shape_mismatch` or `dtype_mismatch` where a variable leaves the body with another type than it enters, or the
/// condition has more than one element; whatever the closures return.
#[track_caller]
pub fn while_loop(
    mut cond: impl FnMut(&[Tensor]) -> Result<Tensor>,
    mut body: impl FnMut(&[Tensor]) -> Result<Vec<Tensor>>,
    loop_vars: &[Tensor],
    maximum_iterations: Option<usize>,
) -> Result<Vec<Tensor>> {
    let expected = types(loop_vars)?;
    let mut step = |vars: &[Tensor]| {
        let next = body(vars)?;
        expect("while_loop: variable that the body returns", &expected, &types(&next)?)?;
        Ok(next)
    };
    if !is_tracing() {
        let (mut vars, mut steps) = (loop_vars.to_vec(), 0);
        while maximum_iterations.is_none_or(|most| steps < most) && truth(&condition(&cond(&vars)?)?.array()?)? {
            vars = step(&vars)?;
            steps += 1;
        }
        return Ok(vars);
    }
    let test = trace_body("cond", &expected, |x| Ok(vec![condition(&cond(x)?)?]))?;
    let traced = trace_body("body", &expected, step)?;
    let ([test, body], captures) = unify([test, traced]);
    let inputs: Vec<&Tensor> = loop_vars.iter().chain(&captures).collect();
    let most = maximum_iterations.map_or(-1, |m| m as i64);
    let attrs = attrs! { cond: test, body: body, variables: loop_vars.len(), most: most };
    checked(call(&OP, &inputs, attrs))
}
