//! `while_loop_grad`: the vector-Jacobian product of `while_loop`.

use super::body::{Ready, vjp};
use super::while_loop::iterate;
use crate::core::prelude::*;
use crate::core::tape::without_tapes;
use crate::core::trace::without_trace;

/// The op.
pub static OP: Op = Op {
    name: "while_loop_grad",
    doc: "Cotangents of the loop variables `states` as they enter `while_loop`, and of its inputs `constants`, from its \
          inputs followed by the cotangents of the states as they leave. Runs the loop again, keeping every step, then \
          applies `product`, the body's vector-Jacobian product, from the last step to the first.",
    source: "TensorFlow tf.while_loop",
    arity: (0, MANY),
    attrs: &["cond", "body", "variables", "most", "product", "states", "constants"],
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::None("second derivatives of a loop of unknown length are not kept; scan has them"),
    cases: Cases::Of(|| {
        let list = super::while_loop::cases();
        list.into_iter()
            .filter_map(|case| {
                let product = vjp(case.attrs.graph("body").ok()?, &[1, 2], &[1]).ok()?;
                let attrs = case.attrs.with("product", product).with("states", vec![1_usize]);
                let inputs = [case.inputs, vec![any(&[2])]].concat();
                Some(Case::new(inputs, attrs.with("constants", vec![2_usize])))
            })
            .collect()
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    let (states, constants) = (call.attrs.sizes("states")?, call.attrs.sizes("constants")?);
    let Some(count) = call.inputs.len().checked_sub(states.len()) else {
        fail!(InvalidArgument, "expected a cotangent for each of {} states", states.len());
    };
    let forward = Call { op: call.op, inputs: &call.inputs[..count], attrs: call.attrs };
    super::while_loop::infer(&forward)?;
    let types: Types = states
        .iter()
        .chain(&constants)
        .map(|&i| forward.inputs.get(i).cloned().ok_or_else(|| err!(OutOfRange, "input {i} of {count}")))
        .collect::<Result<_>>()?;
    super::body::expect("cotangent", &types[..states.len()], &call.inputs[count..])?;
    super::body::expect("result of the product", &types, &super::body::result_types(call.attrs.graph("product")?))?;
    Ok(types)
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (product, n) = (call.attrs.graph("product")?, call.attrs.size("variables")?);
    let (inputs, cotangents) = x.split_at(x.len() - call.attrs.sizes("states")?.len());
    let mut steps: Vec<Vec<Array>> = Vec::new();
    iterate(call.attrs, inputs, |variables| steps.push(variables.to_vec()))?;
    let mut found = cotangents.to_vec();
    for ty in &call.infer()?[cotangents.len()..] {
        found.push(Array::zeros(ty.dtype, &ty.shape));
    }
    let product = Ready::often(product);
    for variables in steps.iter().rev() {
        let states = &found[..cotangents.len()];
        let mut now = product.run(&[variables, &inputs[n..], states].concat())?;
        for (sum, new) in found.iter().zip(&mut now).skip(cotangents.len()) {
            *new = without_tapes(|| without_trace(|| Tensor::from(sum) + Tensor::from(&*new))).array()?;
        }
        found = now;
    }
    Ok(found)
}
