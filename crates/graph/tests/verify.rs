//! The verifier finds every kind of corruption, and says where.

mod common;

use cornet_graph::verify;
use cornet_ops::{Attrs, Graph, Tensor, Type, Update, ValueId, Variable, control, trace};
use cornet_tensor::{DType, Result};

/// x @ w + 1, which also becomes w's new value; with a `cond`.
fn sound() -> Result<Graph> {
    let w = Variable::new("w", Tensor::of([[1.0_f32, 2.0], [3.0, 4.0]]))?;
    let ty = Type::new(DType::F32, [2, 2]);
    let traced = trace("f", &[("x", ty)], |x| {
        let y = x[0].matmul(w.read()) + 1.0;
        let z = control::cond(&y.sum(&[], false).greater(0.0), || Ok(vec![y.exp()]), || Ok(vec![y.tanh()]))?;
        w.assign(&y)?;
        Ok(z)
    })?;
    Ok(traced.graph)
}

fn node(graph: &Graph, name: &str) -> usize {
    graph.nodes.iter().position(|n| n.op.name == name).unwrap()
}

type Corruption = (&'static str, fn(&mut Graph), &'static str);

static CORRUPTIONS: &[Corruption] = &[
    ("a use before the definition", |g| g.nodes.reverse(), "before it is defined"),
    (
        "a use of a value that nothing defines",
        |g| {
            let (i, v) = (node(g, "add"), g.add_value(Type::new(DType::F32, [2, 2])));
            g.nodes[i].inputs[0] = v;
        },
        "before it is defined",
    ),
    (
        "a use of a value that does not exist",
        |g| {
            let i = node(g, "add");
            g.nodes[i].inputs[0] = ValueId(9999);
        },
        "reads value 9999",
    ),
    (
        "a definition of a value that does not exist",
        |g| {
            let i = node(g, "add");
            g.nodes[i].outputs[0] = ValueId(9999);
        },
        "defines value 9999",
    ),
    (
        "two nodes that define one value",
        |g| {
            let i = node(g, "matmul");
            let twin = g.nodes[i].clone();
            g.nodes.push(twin);
        },
        "again",
    ),
    (
        "two inputs that define one value",
        |g| {
            let twin = g.inputs[0].clone();
            g.inputs.push(twin);
        },
        "again",
    ),
    (
        "a node that defines an input",
        |g| {
            let i = node(g, "matmul");
            g.nodes[i].outputs[0] = g.inputs[0].value;
        },
        "again",
    ),
    (
        "a value of another shape",
        |g| {
            let v = g.nodes[node(g, "matmul")].outputs[0];
            g.types[v.index()] = Type::new(DType::F32, [2, 3]);
        },
        "matmul",
    ),
    (
        "a value of another dtype",
        |g| {
            let v = g.nodes[node(g, "matmul")].outputs[0];
            g.types[v.index()] = Type::new(DType::F64, [2, 2]);
        },
        "matmul",
    ),
    (
        "a missing input",
        |g| {
            let i = node(g, "add");
            g.nodes[i].inputs.pop();
        },
        "add",
    ),
    (
        "an input too many",
        |g| {
            let i = node(g, "add");
            let v = g.inputs[0].value;
            g.nodes[i].inputs.push(v);
        },
        "add",
    ),
    (
        "missing attributes",
        |g| {
            let i = node(g, "constant");
            g.nodes[i].attrs = Attrs::default();
        },
        "attribute 'value'",
    ),
    (
        "a result too many",
        |g| {
            let (i, v) = (node(g, "add"), g.add_value(Type::new(DType::F32, [2, 2])));
            g.nodes[i].outputs.push(v);
        },
        "add",
    ),
    (
        "an undefined output",
        |g| {
            let v = g.add_value(Type::new(DType::F32, []));
            g.outputs[0].value = v;
        },
        "output 'output_0' is never defined",
    ),
    ("an output that does not exist", |g| g.outputs[0].value = ValueId(9999), "output 'output_0' is never defined"),
    (
        "an update of another type",
        |g| {
            let v = g.nodes[node(g, "sum")].outputs[0];
            g.updates[0].value = v;
        },
        "variable 'w' gets no fitting value",
    ),
    ("an update that does not exist", |g| g.updates[0].value = ValueId(9999), "gets no fitting value"),
    (
        "a variable updated twice",
        |g| {
            let Update { variable, value } = g.updates[0].clone();
            g.updates.push(Update { variable, value });
        },
        "variable 'w' is updated twice",
    ),
    (
        "a variable read by two inputs",
        |g| {
            let mut twin = g.inputs.iter().find(|i| i.variable.is_some()).unwrap().clone();
            twin.value = g.add_value(g.type_of(twin.value).clone());
            g.inputs.push(twin);
        },
        "variable 'w' is read twice",
    ),
    (
        "an input of another type than its variable",
        |g| {
            g.inputs.iter_mut().find(|i| i.variable.is_some()).unwrap().variable =
                Some(Variable::uninitialized("v", Type::new(DType::F32, []), true));
        },
        "not of its variable's type",
    ),
    ("a broken sub-graph", |g| body(g, |b| b.nodes[0].inputs[0] = ValueId(9999)), "then"),
    (
        "a sub-graph that updates a variable",
        |g| {
            let update = g.updates[0].clone();
            body(g, move |b| b.updates.push(update));
        },
        "a sub-graph reads or updates a variable",
    ),
];

/// Changes the first branch of the cond.
fn body(graph: &mut Graph, change: impl FnOnce(&mut Graph)) {
    let i = node(graph, "cond");
    let attrs = &graph.nodes[i].attrs;
    let mut then = Graph::clone(attrs.graph("then").unwrap());
    change(&mut then);
    let otherwise = attrs.graph("otherwise").unwrap().clone();
    graph.nodes[i].attrs = Attrs::default().with("then", std::sync::Arc::new(then)).with("otherwise", otherwise);
}

#[test]
fn every_kind_of_corruption_is_found() -> Result<()> {
    verify(&sound()?)?;
    for (what, corrupt, expected) in CORRUPTIONS {
        let mut graph = sound()?;
        corrupt(&mut graph);
        let error = verify(&graph).err().unwrap_or_else(|| panic!("{what} is not found"));
        assert!(error.to_string().contains(expected), "{what}: {error}");
    }
    Ok(())
}

#[test]
fn random_graphs_are_sound() -> Result<()> {
    (0..100).try_for_each(|seed| verify(&common::graph(seed, 40, &[])?))
}
