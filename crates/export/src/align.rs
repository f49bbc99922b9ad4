//! Several traces of one function, with different sizes, as one graph.

use std::sync::Arc;

use cornet_error::{Error, Result, err};
use cornet_ops::{Attr, Graph, Node, ValueId};
use cornet_tensor::Array;
use smallvec::SmallVec;

use crate::constants::general;
use crate::dim::{Dim, Samples};
use crate::graph::{Body, Named, OpenAttr, OpenAttrs, OpenNode, OpenType, OpenVariable, Value};

/// Makes one graph of traces, one for each sample.
pub(crate) fn align(traces: &[&Graph], samples: &Arc<Samples>) -> Result<Body> {
    let Some(first) = traces.first() else { return Ok(Body::default()) };
    let alike = |other: &&Graph| other.nodes.len() == first.nodes.len() && other.types.len() == first.types.len();
    if let Some(other) = traces.iter().find(|other| !alike(other)) {
        return Err(depends("number of ops", first.nodes.len(), other.nodes.len()));
    }
    let mut body = Body::default();
    for value in 0..first.types.len() {
        let types = traces.iter().map(|t| &t.types[value]);
        if let Some(other) = types.clone().find(|t| t.dtype != first.types[value].dtype) {
            return Err(depends("dtype of a value", first.types[value].dtype, other.dtype));
        }
        let shapes: Vec<Vec<i64>> = types.map(|t| t.shape.iter().map(|&n| n as i64).collect()).collect();
        let shape = dims(&shapes, samples).ok_or_else(|| depends("number of axes", "one", "another"))?;
        body.types.push(OpenType { dtype: first.types[value].dtype, shape });
    }
    for input in &first.inputs {
        let value = of(input.value);
        match &input.variable {
            Some(variable) => body.variables.push(OpenVariable { variable: variable.clone(), value }),
            None => body.inputs.push(Named { name: input.name.clone(), value }),
        }
    }
    for (i, node) in first.nodes.iter().enumerate() {
        let nodes: Vec<&Node> = traces.iter().map(|t| &t.nodes[i]).collect();
        self::node(&nodes, samples, &mut body).map_err(|e| within(e, node))?;
    }
    if traces.iter().any(|t| !t.outputs.iter().map(|o| o.value).eq(first.outputs.iter().map(|o| o.value))) {
        return Err(depends("result", "one", "another"));
    }
    body.outputs = first.outputs.iter().map(|o| Named { name: o.name.clone(), value: of(o.value) }).collect();
    Ok(body)
}

fn of(value: ValueId) -> Value {
    Value(value.0)
}

fn within(error: Error, node: &Node) -> Error {
    let error = error.within(node.op.name);
    match &node.scope {
        Some(scope) => error.within(&**scope),
        None => error,
    }
}

pub(crate) fn depends(what: &str, one: impl std::fmt::Display, other: impl std::fmt::Display) -> Error {
    err!(Unsupported, "{what}: expected the same for every size of the inputs, found {one} and {other}")
        .help("export it with a fixed batch size, or give the inputs fixed sizes")
}

/// The sizes that traces have at corresponding places.
fn dims(all: &[Vec<i64>], samples: &Arc<Samples>) -> Option<Vec<Dim>> {
    let count = all.first()?.len();
    if all.iter().any(|sizes| sizes.len() != count) {
        return None;
    }
    Some((0..count).map(|i| Dim::of(all.iter().map(|sizes| sizes[i]), samples)).collect())
}

fn node(nodes: &[&Node], samples: &Arc<Samples>, body: &mut Body) -> Result<()> {
    let Some(&first) = nodes.first() else { return Ok(()) };
    let same = |n: &&Node| n.op == first.op && n.inputs == first.inputs && n.outputs == first.outputs;
    if let Some(other) = nodes.iter().find(|n| !same(n)) {
        return Err(depends("op", first.op.name, other.op.name));
    }
    let mut attrs = OpenAttrs::default();
    for (name, _) in first.attrs.iter() {
        let all: Option<Vec<&Attr>> = nodes.iter().map(|n| n.attrs.get(name)).collect();
        let all = all.ok_or_else(|| depends("attributes", "one more", "one less"))?;
        if let (Attr::Array(_), "constant") = (all[0], first.op.name) {
            let arrays: Vec<&Array> =
                all.iter().filter_map(|a| if let Attr::Array(a) = a { Some(a) } else { None }).collect();
            return general(&arrays, of(first.outputs[0]), samples, body);
        }
        attrs = attrs.with(name, attr(&all, samples).map_err(|e| e.within(name))?);
    }
    body.nodes.push(OpenNode {
        op: first.op.name,
        attrs,
        inputs: first.inputs.iter().map(|v| of(*v)).collect(),
        outputs: first.outputs.iter().map(|v| of(*v)).collect::<SmallVec<[Value; 1]>>(),
        scope: first.scope.clone(),
    });
    Ok(())
}

fn attr(all: &[&Attr], samples: &Arc<Samples>) -> Result<OpenAttr> {
    let differ = || depends("attribute", format!("{:?}", all[0]), "another");
    let same = || all.iter().all(|a| *a == all[0]);
    Ok(match all[0] {
        Attr::Int(_) => {
            let values = all.iter().map(|a| if let Attr::Int(x) = a { Some(*x) } else { None });
            OpenAttr::Int(Dim::of(values.collect::<Option<Vec<_>>>().ok_or_else(differ)?, samples))
        }
        Attr::Ints(_) => {
            let values = all.iter().map(|a| if let Attr::Ints(x) = a { Some(x.to_vec()) } else { None });
            let values = values.collect::<Option<Vec<_>>>().ok_or_else(differ)?;
            OpenAttr::Ints(dims(&values, samples).ok_or_else(differ)?)
        }
        Attr::Graph(_) => {
            let bodies = all.iter().map(|a| if let Attr::Graph(x) = a { Some(&**x) } else { None });
            OpenAttr::Body(Arc::new(align(&bodies.collect::<Option<Vec<_>>>().ok_or_else(differ)?, samples)?))
        }
        _ if !same() => return Err(differ()),
        Attr::Bool(x) => OpenAttr::Bool(*x),
        Attr::Float(x) => OpenAttr::Float(*x),
        Attr::Str(x) => OpenAttr::Str(x.clone()),
        Attr::DType(x) => OpenAttr::DType(*x),
        Attr::Array(x) => OpenAttr::Array(x.clone()),
    })
}
