//! Control flow: bodies are subgraphs, which see the values around them.

use std::sync::Arc;

use cornet_error::{Result, fail};
use cornet_export::{Body, OpenNode, OpenType};
use cornet_proto::Encoder;
use cornet_tensor::{Array, DType};

use super::emit::{A, Emit};

/// Writes a body whose arguments have these names; the nodes, and the names of the results, each a value of its own.
fn inline(e: &mut Emit<'_, '_>, body: &Body, arguments: &[String]) -> Result<(Vec<Encoder>, Vec<String>)> {
    if body.inputs.len() != arguments.len() {
        fail!(Internal, "body: expected {} arguments, found {}", body.inputs.len(), arguments.len());
    }
    let mut inner = Emit::new(e.w, body);
    for (input, name) in body.inputs.iter().zip(arguments) {
        inner.bind(input.value, name.clone());
    }
    inner.run()?;
    let mut results = Vec::new();
    for output in &body.outputs {
        // A result must be made by a node of the subgraph, and two results may be one value.
        let name = inner.name_of(output.value)?;
        results.push(inner.node("Identity", &[&name], &[])?);
    }
    Ok((inner.into_nodes(), results))
}

fn types(body: &Body) -> Vec<&OpenType> {
    body.outputs.iter().map(|o| body.type_of(o.value)).collect()
}

fn named<'t>(names: &[String], types: &[&'t OpenType]) -> Vec<(String, &'t OpenType)> {
    names.iter().cloned().zip(types.iter().copied()).collect()
}

pub(super) fn cond(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let x = e.all(n)?;
    let (condition, arguments) = x.split_first().map_or((None, &[][..]), |(c, rest)| (Some(c), rest));
    let Some(condition) = condition else { fail!(Internal, "cond without a condition") };
    let mut branch = |name: &str, key: &str| -> Result<Encoder> {
        let body = n.attrs.body(key)?;
        let (nodes, results) = inline(e, body, arguments)?;
        let results = named(&results, &types(body));
        Ok(e.subgraph(name, nodes, &[], &results))
    };
    let (then, otherwise) = (branch("then", "then")?, branch("else", "otherwise")?);
    let attrs = [("then_branch", A::Graph(then)), ("else_branch", A::Graph(otherwise))];
    e.nodes("If", &[condition], &attrs, n.outputs.len())
}

pub(super) fn while_loop(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (count, most) = (n.attrs.size("variables")?, n.attrs.int("most")?);
    let (test, body) = (n.attrs.body("cond")?, n.attrs.body("body")?);
    let x = e.all(n)?;
    if count > x.len() {
        fail!(Internal, "while_loop: expected {count} inputs, found {}", x.len());
    }
    // The condition on entry stands before the loop.
    let first = before(e, test, &x)?;
    let names: Vec<String> = (0..count).map(|_| e.fresh("state")).collect();
    let (step, going) = (e.fresh("step"), e.fresh("going"));
    let inside: Vec<String> = names.iter().chain(&x[count..]).cloned().collect();
    let (mut nodes, results) = inline(e, body, &inside)?;
    let after: Vec<String> = results.iter().chain(&x[count..]).cloned().collect();
    let (tests, truth) = inline(e, test, &after)?;
    nodes.extend(tests);
    let (number, flag) =
        (OpenType { dtype: DType::I64, shape: Vec::new() }, OpenType { dtype: DType::Bool, shape: Vec::new() });
    let state_types = types(body);
    let mut inputs = vec![(step, &number), (going, &flag)];
    inputs.extend(named(&names, &state_types));
    let mut outputs = named(&truth, &[&flag]);
    outputs.extend(named(&results, &state_types));
    let graph = e.subgraph("body", nodes, &inputs, &outputs);
    let limit = if most >= 0 { e.constant(&Array::scalar(most))? } else { String::new() };
    let operands: Vec<&str> =
        [limit.as_str(), &first].into_iter().chain(x[..count].iter().map(String::as_str)).collect();
    e.nodes("Loop", &operands, &[("body", A::Graph(graph))], count)
}

/// The one result of a body, written where the op stands.
fn before(e: &mut Emit<'_, '_>, body: &Arc<Body>, arguments: &[String]) -> Result<String> {
    let (nodes, results) = inline(e, body, arguments)?;
    e.append(nodes);
    match results.into_iter().next() {
        Some(result) => Ok(result),
        None => fail!(Internal, "condition without a result"),
    }
}

pub(super) fn scan(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (carries, sequences) = (n.attrs.size("carries")?, n.attrs.size("sequences")?);
    let (reverse, body) = (n.attrs.bool("reverse")?, n.attrs.body("body")?);
    let mut x = e.all(n)?;
    if carries + sequences > x.len() {
        fail!(Internal, "scan: expected {} inputs, found {}", carries + sequences, x.len());
    }
    let constants = x.split_off(carries + sequences);
    let names: Vec<String> = (0..carries + sequences).map(|_| e.fresh("item")).collect();
    let inside: Vec<String> = names.iter().chain(&constants).cloned().collect();
    let (nodes, results) = inline(e, body, &inside)?;
    let argument_types: Vec<&OpenType> = body.inputs.iter().map(|i| body.type_of(i.value)).collect();
    let mut inputs = named(&names, &argument_types);
    let number = OpenType { dtype: DType::I64, shape: Vec::new() };
    if sequences == 0 {
        // A scan of ONNX is as long as its sequences: one of zeros stands for the length.
        let length = e.size(n.attrs.dim("length")?)?;
        let zero = Array::from_slice(&[0_i64], [1])?;
        x.push(e.node("ConstantOfShape", &[&length], &[("value", A::Tensor(&zero))])?);
        inputs.push((e.fresh("item"), &number));
    }
    let outputs = named(&results, &types(body));
    let graph = e.subgraph("body", nodes, &inputs, &outputs);
    let (slices, stacks) = (sequences.max(1), results.len().saturating_sub(carries));
    let direction = i64::from(reverse);
    let attrs = [
        ("body", A::Graph(graph)),
        ("num_scan_inputs", A::I(slices as i64)),
        ("scan_input_directions", A::Ints(vec![direction; slices])),
        ("scan_output_directions", A::Ints(vec![direction; stacks])),
    ];
    let attrs = if stacks == 0 { &attrs[..3] } else { &attrs[..] };
    let operands: Vec<&str> = x.iter().map(String::as_str).collect();
    e.nodes("Scan", &operands, attrs, results.len())
}
