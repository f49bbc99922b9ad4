//! Control flow: bodies are functions of the library, which take everything as arguments.

use cornet_error::{Result, fail};
use cornet_export::{Body, OpenNode};
use cornet_tensor::DType;

use super::emit::Emit;
use super::proto::{A, Arg, VARIANT, code};
use super::shape::gathered;

const I32: DType = DType::I32;

fn dtypes(body: &Body) -> Vec<i64> {
    body.inputs.iter().map(|i| code(body.type_of(i.value).dtype)).collect()
}

fn results_of(body: &Body) -> Vec<i64> {
    body.outputs.iter().map(|o| code(body.type_of(o.value).dtype)).collect()
}

fn arguments(dtypes: &[i64]) -> Vec<Arg> {
    dtypes.iter().enumerate().map(|(i, dtype)| (format!("a{i}"), *dtype)).collect()
}

fn named(tensors: Vec<String>, dtypes: &[i64]) -> Vec<(Arg, String)> {
    tensors.into_iter().zip(dtypes).enumerate().map(|(i, (t, dtype))| ((format!("r{i}"), *dtype), t)).collect()
}

/// Tensors that are arguments, each under a node of its own, as functions must return them.
fn own(e: &mut Emit<'_, '_>, tensors: &[(String, i64)]) -> Result<Vec<String>> {
    tensors.iter().map(|(x, dtype)| e.node("Identity", &[x], &[("T", A::Code(*dtype))], "output")).collect()
}

/// Binds a body's arguments, from number `first` on, and the open sizes behind them; writes it; gives its results.
fn write(e: &mut Emit<'_, '_>, names: &[String], sizes: &str) -> Result<Vec<(String, i64)>> {
    let body = e.body;
    if body.inputs.len() != names.len() {
        fail!(Internal, "body: expected {} arguments, found {}", body.inputs.len(), names.len());
    }
    e.symbols = Some(sizes.to_owned());
    for (input, name) in body.inputs.iter().zip(names) {
        e.bind(input.value, name.clone());
    }
    e.run()?;
    body.outputs.iter().map(|o| Ok((e.name_of(o.value)?, code(body.type_of(o.value).dtype)))).collect()
}

pub(super) fn cond(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let mut x = e.all(n)?;
    if x.is_empty() {
        fail!(Internal, "cond without a condition");
    }
    let condition = x.remove(0);
    x.push(e.open_sizes()?);
    let mut types: Vec<i64> = Vec::new();
    let mut names = Vec::new();
    for key in ["then", "otherwise"] {
        let body = n.attrs.body(key)?;
        types = dtypes(body);
        types.push(code(I32));
        let inputs = arguments(&types);
        let mut inner = Emit::new(e.w, body);
        let arguments: Vec<String> = inputs.iter().map(|(name, _)| name.clone()).collect();
        let (sizes, own_arguments) = (arguments[arguments.len() - 1].clone(), &arguments[..arguments.len() - 1]);
        let results = write(&mut inner, own_arguments, &sizes)?;
        let results = own(&mut inner, &results)?;
        names.push(inner.finish(key, &inputs, &named(results, &results_of(body))));
    }
    let outputs = results_of(n.attrs.body("then")?);
    let operands: Vec<&str> = std::iter::once(condition.as_str()).chain(x.iter().map(String::as_str)).collect();
    let attrs = [
        ("Tcond", A::Type(DType::Bool)),
        ("Tin", A::Codes(types)),
        ("Tout", A::Codes(outputs.clone())),
        ("then_branch", A::Func(&names[0])),
        ("else_branch", A::Func(&names[1])),
    ];
    let first = e.node("StatelessIf", &operands, &attrs, "output")?;
    Ok((0..outputs.len()).map(|i| Emit::other(&first, "output", i)).collect())
}

/// A loop node over states of these dtypes.
fn loop_node(e: &mut Emit<'_, '_>, x: &[String], types: &[i64], test: &str, body: &str) -> Result<Vec<String>> {
    let attrs = [("T", A::Codes(types.to_vec())), ("cond", A::Func(test)), ("body", A::Func(body))];
    let operands: Vec<&str> = x.iter().map(String::as_str).collect();
    let first = e.node("StatelessWhile", &operands, &attrs, "output")?;
    Ok((0..types.len()).map(|i| Emit::other(&first, "output", i)).collect())
}

pub(super) fn while_loop(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (count, most) = (n.attrs.size("variables")?, n.attrs.int("most")?);
    let (test, body) = (n.attrs.body("cond")?, n.attrs.body("body")?);
    // The step comes first, the open sizes last.
    let mut x = vec![e.int(0)?];
    x.extend(e.all(n)?);
    x.push(e.open_sizes()?);
    let mut types = vec![code(I32)];
    types.extend(dtypes(body));
    types.push(code(I32));
    let inputs = arguments(&types);
    let names: Vec<String> = inputs.iter().map(|(name, _)| name.clone()).collect();
    if count + 2 > names.len() {
        fail!(Internal, "while_loop: expected {count} inputs, found {}", names.len());
    }
    let (own_names, sizes) = (&names[1..names.len() - 1], &names[names.len() - 1]);
    let mut inner = Emit::new(e.w, test);
    let truth = write(&mut inner, own_names, sizes)?;
    let Some((mut truth, _)) = truth.into_iter().next() else { fail!(Internal, "condition without a result") };
    if most >= 0 {
        let limit = inner.int(most)?;
        let below = inner.binary("Less", &names[0], &limit, I32)?;
        truth = inner.node("LogicalAnd", &[&truth, &below], &[], "z")?;
    }
    let truth = own(&mut inner, &[(truth, code(DType::Bool))])?;
    let test = inner.finish("cond", &inputs, &named(truth, &[code(DType::Bool)]));
    let mut inner = Emit::new(e.w, body);
    let mut results = write(&mut inner, own_names, sizes)?;
    let one = inner.int(1)?;
    let next = inner.binary("AddV2", &names[0], &one, I32)?;
    results.insert(0, (next, code(I32)));
    results.extend(inputs[1 + count..].iter().cloned());
    let results = own(&mut inner, &results)?;
    let body = inner.finish("body", &inputs, &named(results, &types));
    let found = loop_node(e, &x, &types, &test, &body)?;
    Ok(found[1..=count].to_vec())
}

/// A loop over steps; what each gives is kept in lists of tensors, which are stacked behind the loop.
pub(super) fn scan(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (carries, sequences) = (n.attrs.size("carries")?, n.attrs.size("sequences")?);
    let (reverse, body) = (n.attrs.bool("reverse")?, n.attrs.body("body")?);
    let length = e.size(n.attrs.dim("length")?)?;
    let operands = e.all(n)?;
    let (all, stacks) = (results_of(body), body.outputs.len().saturating_sub(carries));
    let stacked = all[carries.min(all.len())..].to_vec();
    // Step, length, open sizes, the op's inputs, lists.
    let mut x = vec![e.int(0)?, length.clone(), e.open_sizes()?];
    let mut types = vec![code(I32); 3];
    x.extend(operands);
    types.extend(dtypes(body));
    let any = e.int(-1)?;
    for &dtype in &stacked {
        let attrs = [("element_dtype", A::Code(dtype)), ("shape_type", A::Type(I32))];
        x.push(e.node("TensorListReserve", &[&any, &length], &attrs, "handle")?);
        types.push(VARIANT);
    }
    let inputs = arguments(&types);
    let names: Vec<String> = inputs.iter().map(|(name, _)| name.clone()).collect();
    let empty = Body::default();
    let mut inner = Emit::new(e.w, &empty);
    let goes = inner.binary("Less", &names[0], &names[1], I32)?;
    let test = inner.finish("scan_cond", &inputs, &named(vec![goes], &[code(DType::Bool)]));
    let mut inner = Emit::new(e.w, body);
    let (one, step) = (inner.int(1)?, names[0].clone());
    let next = inner.binary("AddV2", &step, &one, I32)?;
    let at = if reverse { inner.binary("Sub", &names[1], &next, I32)? } else { step };
    let mut own_names = names[3..3 + body.inputs.len()].to_vec();
    for name in own_names.iter_mut().skip(carries).take(sequences) {
        let place = names.iter().position(|n| n == name).unwrap_or(0);
        let input = &body.inputs[place.saturating_sub(3)];
        *name = gathered(&mut inner, name, &at, 0, 0, [body.type_of(input.value).dtype, I32])?;
    }
    let results = write(&mut inner, &own_names, &names[2])?;
    let mut leaving = vec![(next, code(I32)), inputs[1].clone(), inputs[2].clone()];
    leaving.extend(results[..carries].iter().cloned());
    leaving.extend(inputs[3 + carries..3 + body.inputs.len()].iter().cloned());
    for (i, (tensor, dtype)) in results[carries..].iter().enumerate() {
        let list = &names[3 + body.inputs.len() + i];
        let attrs = [("element_dtype", A::Code(*dtype))];
        let list = inner.node("TensorListSetItem", &[list, &at, tensor], &attrs, "output_handle")?;
        leaving.push((list, VARIANT));
    }
    let leaving = own(&mut inner, &leaving)?;
    let body_name = inner.finish("scan_body", &inputs, &named(leaving, &types));
    let found = loop_node(e, &x, &types, &test, &body_name)?;
    let mut out = found[3..3 + carries].to_vec();
    for i in 0..stacks {
        let attrs = [("element_dtype", A::Code(stacked[i])), ("num_elements", A::Int(-1))];
        let list = &found[3 + body.inputs.len() + i];
        out.push(e.node("TensorListStack", &[list, &any], &attrs, "tensor")?);
    }
    Ok(out)
}
