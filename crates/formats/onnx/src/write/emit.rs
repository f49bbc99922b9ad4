//! The graph under construction: names, nodes, initializers, sizes that are computed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cornet_error::{Result, err};
use cornet_export::{Body, Dim, Named, OpenFunction, OpenNode, OpenType, Samples, Value};
use cornet_proto::Encoder;
use cornet_tensor::{Array, DType};

use super::numbers::{code, tensor, value_info};
use super::table::rule;

/// An attribute of a node.
pub(super) enum A<'a> {
    I(i64),
    S(&'a str),
    Ints(Vec<i64>),
    Strings(Vec<Vec<u8>>),
    Tensor(&'a Array),
    Graph(Encoder),
}

/// What [`graph`] gives.
pub(super) struct Written {
    /// `GraphProto`.
    pub graph: Encoder,
    /// Whether a node is of the domain `ai.onnx.ml`.
    pub uses_ml: bool,
}

/// What is common to the graph and the bodies in it.
pub(super) struct Writer {
    function: OpenFunction,
    initializers: Vec<Encoder>,
    /// Nodes that come before all others: sizes.
    prelude: Vec<Encoder>,
    names: HashSet<String>,
    constants: HashMap<(DType, Vec<usize>, Vec<u8>), String>,
    sizes: HashMap<Dim, String>,
    uses_ml: bool,
}

/// What a value is while the file is written.
#[derive(Clone)]
enum Slot {
    None,
    Name(String),
    /// An array that becomes an initializer of this name once it is used.
    Array(Array, String),
}

/// A body under construction, with what ops write through.
pub(super) struct Emit<'w, 'a> {
    pub w: &'w mut Writer,
    pub body: &'a Body,
    slots: Vec<Slot>,
    nodes: Vec<Encoder>,
    /// The scope of the node that is written.
    scope: Option<Arc<str>>,
    op: &'static str,
}

/// The whole graph.
pub(super) fn graph(function: &OpenFunction) -> Result<Written> {
    let mut w = Writer {
        function: function.clone(),
        initializers: Vec::new(),
        prelude: Vec::new(),
        names: HashSet::new(),
        constants: HashMap::new(),
        sizes: HashMap::new(),
        uses_ml: false,
    };
    let body = &function.graph;
    let named = body.inputs.iter().chain(&body.outputs);
    w.names.extend(named.map(|n| n.name.clone()));
    let mut e = Emit::new(&mut w, body);
    for input in &body.inputs {
        e.slots[input.value.index()] = Slot::Name(input.name.clone());
    }
    for variable in &body.variables {
        let (name, array) = (variable.variable.name(), variable.variable.value()?);
        e.slots[variable.value.index()] = Slot::Array(array, name.to_owned());
    }
    e.run()?;
    for output in &body.outputs {
        let from = e.name_of(output.value)?;
        e.scope = None;
        e.push("Identity", "", &[&from], std::slice::from_ref(&output.name), &[])?;
    }
    let nodes = e.nodes;
    let info = |named: &Named| {
        let ty = body.type_of(named.value);
        let sizes: Vec<_> = ty.known().into_iter().zip(ty.shape.iter().map(|d| function.size_name(d))).collect();
        value_info(&named.name, ty.dtype, &sizes)
    };
    let name = if function.name.is_empty() { "main" } else { &function.name };
    let graph = Encoder::new()
        .messages(1, w.prelude)
        .messages(1, nodes)
        .text(2, name)
        .messages(5, w.initializers)
        .messages(11, body.inputs.iter().map(info))
        .messages(12, body.outputs.iter().map(info));
    Ok(Written { graph, uses_ml: w.uses_ml })
}

impl<'w, 'a> Emit<'w, 'a> {
    pub fn new(w: &'w mut Writer, body: &'a Body) -> Self {
        Self { w, body, slots: vec![Slot::None; body.types.len()], nodes: Vec::new(), scope: None, op: "" }
    }

    /// Says that a value has this name.
    pub fn bind(&mut self, value: Value, name: String) {
        self.slots[value.index()] = Slot::Name(name);
    }

    /// Writes every node of the body.
    pub fn run(&mut self) -> Result<()> {
        let body = self.body;
        for node in &body.nodes {
            (self.scope, self.op) = (node.scope.clone(), node.op);
            let outcome = self.node_of(node).map_err(|e| e.within(node.op));
            outcome.map_err(|e| node.scope.iter().fold(e, |e, scope| e.within(&**scope)))?;
        }
        Ok(())
    }

    fn node_of(&mut self, node: &'a OpenNode) -> Result<()> {
        if node.op == "constant" {
            let name = node.scope.as_deref().map_or("constant".to_owned(), |s| format!("{s}/constant"));
            self.slots[node.outputs[0].index()] = Slot::Array(node.attrs.array("value")?.clone(), name);
            return Ok(());
        }
        let results = rule(node.op)?.apply(self, node)?;
        for (value, name) in node.outputs.iter().zip(results) {
            self.bind(*value, name);
        }
        Ok(())
    }

    /// The nodes written so far.
    pub fn into_nodes(self) -> Vec<Encoder> {
        self.nodes
    }

    /// Adds nodes made elsewhere.
    pub fn append(&mut self, nodes: Vec<Encoder>) {
        self.nodes.extend(nodes);
    }

    /// The type of an input of a node.
    pub fn ty(&self, node: &OpenNode, i: usize) -> Result<&'a OpenType> {
        Ok(self.body.type_of(self.input(node, i)?))
    }

    /// The type of a node's result.
    pub fn out(&self, node: &OpenNode) -> &'a OpenType {
        self.body.type_of(node.outputs[0])
    }

    pub fn samples(&self) -> &Arc<Samples> {
        &self.w.function.samples
    }

    fn input(&self, node: &OpenNode, i: usize) -> Result<Value> {
        let found = node.inputs.get(i).copied();
        found.ok_or_else(|| err!(Internal, "expected at least {} inputs, found {}", i + 1, node.inputs.len()))
    }

    /// The name of an input of a node.
    pub fn x(&mut self, node: &OpenNode, i: usize) -> Result<String> {
        let value = self.input(node, i)?;
        self.name_of(value)
    }

    /// The names of all inputs.
    pub fn all(&mut self, node: &OpenNode) -> Result<Vec<String>> {
        node.inputs.iter().map(|v| self.name_of(*v)).collect()
    }

    /// The array that an input of a node is, if it is a weight or a constant.
    pub fn array(&self, node: &OpenNode, i: usize) -> Option<&Array> {
        match &self.slots[node.inputs.get(i)?.index()] {
            Slot::Array(array, _) => Some(array),
            _ => None,
        }
    }

    /// The name of a value.
    pub fn name_of(&mut self, value: Value) -> Result<String> {
        match self.slots[value.index()].clone() {
            Slot::Name(name) => Ok(name),
            Slot::Array(array, hint) => {
                let name = if hint.ends_with("constant") {
                    self.constant_named(&array, &hint)?
                } else {
                    self.initializer(&hint, &array)?
                };
                self.slots[value.index()] = Slot::Name(name.clone());
                Ok(name)
            }
            Slot::None => Err(err!(Internal, "value {} is used before it is defined", value.0)),
        }
    }

    fn unique(&mut self, hint: &str) -> String {
        if self.w.names.insert(hint.to_owned()) {
            return hint.to_owned();
        }
        let mut i = 1;
        loop {
            let name = format!("{hint}_{i}");
            if self.w.names.insert(name.clone()) {
                return name;
            }
            i += 1;
        }
    }

    /// A new initializer.
    pub fn initializer(&mut self, hint: &str, array: &Array) -> Result<String> {
        let name = self.unique(hint);
        let encoded = tensor(&name, array)?;
        self.w.initializers.push(encoded);
        Ok(name)
    }

    /// A constant; equal small ones are one.
    pub fn constant(&mut self, array: &Array) -> Result<String> {
        self.constant_named(array, "constant")
    }

    fn constant_named(&mut self, array: &Array, hint: &str) -> Result<String> {
        if array.dtype() == DType::Str || array.bytes().len() > 256 {
            return self.initializer(hint, array);
        }
        let key = (array.dtype(), array.shape().to_vec(), array.bytes().to_vec());
        if let Some(name) = self.w.constants.get(&key) {
            return Ok(name.clone());
        }
        let name = self.initializer(hint, array)?;
        self.w.constants.insert(key, name.clone());
        Ok(name)
    }

    /// A vector of int64.
    pub fn ints(&mut self, values: &[i64]) -> Result<String> {
        self.constant(&Array::from_slice(values, [values.len()])?)
    }

    /// A scalar of a dtype.
    pub fn number(&mut self, dtype: DType, value: f64) -> Result<String> {
        self.constant(&Array::scalar(value).cast(dtype)?)
    }

    /// A node of one result.
    pub fn node(&mut self, op: &str, inputs: &[&str], attrs: &[(&str, A<'_>)]) -> Result<String> {
        Ok(self.nodes(op, inputs, attrs, 1)?.swap_remove(0))
    }

    /// A node of several results.
    pub fn nodes(&mut self, op: &str, inputs: &[&str], attrs: &[(&str, A<'_>)], results: usize) -> Result<Vec<String>> {
        self.nodes_in("", op, inputs, attrs, results)
    }

    /// A node of the domain `ai.onnx.ml`.
    pub fn ml_node(&mut self, op: &str, inputs: &[&str], attrs: &[(&str, A<'_>)]) -> Result<String> {
        self.w.uses_ml = true;
        Ok(self.nodes_in("ai.onnx.ml", op, inputs, attrs, 1)?.swap_remove(0))
    }

    fn nodes_in(
        &mut self,
        domain: &str,
        op: &str,
        inputs: &[&str],
        attrs: &[(&str, A<'_>)],
        results: usize,
    ) -> Result<Vec<String>> {
        let hint = self.hint(op);
        let names: Vec<String> = (0..results).map(|_| self.unique(&hint)).collect();
        self.push(op, domain, inputs, &names, attrs)?;
        Ok(names)
    }

    fn hint(&self, op: &str) -> String {
        match &self.scope {
            Some(scope) => format!("{scope}/{op}"),
            None => op.to_owned(),
        }
    }

    fn push(
        &mut self,
        op: &str,
        domain: &str,
        inputs: &[&str],
        outputs: &[String],
        attrs: &[(&str, A<'_>)],
    ) -> Result<()> {
        let name = outputs.first().map_or(op, String::as_str);
        let node = encode(op, domain, name, inputs, outputs, attrs)?;
        self.nodes.push(node);
        Ok(())
    }

    /// A value in another dtype.
    pub fn cast(&mut self, x: &str, to: DType) -> Result<String> {
        self.node("Cast", &[x], &[("to", A::I(code(to)))])
    }

    /// The size as a vector of one int64.
    pub fn size(&mut self, dim: &Dim) -> Result<String> {
        if let Some(known) = dim.known() {
            return self.ints(&[known]);
        }
        if let Some(name) = self.w.sizes.get(dim) {
            return Ok(name.clone());
        }
        if dim.terms().is_some() {
            return self.computed_size(dim);
        }
        // Known by samples alone: some value has an axis of that size.
        let body = self.body;
        for (i, ty) in body.types.iter().enumerate() {
            let Some(axis) = ty.shape.iter().position(|d| d == dim) else { continue };
            let Slot::Name(name) = self.slots[i].clone() else { continue };
            return self.shape_at(&name, axis);
        }
        Err(err!(Unsupported, "size: expected a polynomial in the open sizes, found {dim}")
            .help("give the inputs fixed sizes"))
    }

    fn shape_at(&mut self, x: &str, axis: usize) -> Result<String> {
        self.node("Shape", &[x], &[("start", A::I(axis as i64)), ("end", A::I(axis as i64 + 1))])
    }

    /// Before all other nodes: the sizes are inputs' or computed from them.
    fn computed_size(&mut self, dim: &Dim) -> Result<String> {
        let mut sum: Option<String> = None;
        let (scope, held) = (self.scope.take(), std::mem::take(&mut self.nodes));
        let outcome = (|| {
            for &(mask, factor) in dim.terms().unwrap_or_default() {
                let mut product: Option<String> =
                    if factor == 1 && mask != 0 { None } else { Some(self.ints(&[factor])?) };
                for s in (0..8).filter(|s| mask >> s & 1 == 1) {
                    let symbol = self.symbol(s)?;
                    product = Some(match product {
                        Some(p) => self.node("Mul", &[&p, &symbol], &[])?,
                        None => symbol,
                    });
                }
                let Some(term) = product else { continue };
                sum = Some(match sum.take() {
                    Some(s) => self.node("Add", &[&s, &term], &[])?,
                    None => term,
                });
            }
            sum.take().ok_or_else(|| err!(Internal, "size without terms"))
        })();
        let made = std::mem::replace(&mut self.nodes, held);
        self.w.prelude.extend(made);
        self.scope = scope;
        let name = outcome?;
        self.w.sizes.insert(dim.clone(), name.clone());
        Ok(name)
    }

    fn symbol(&mut self, symbol: usize) -> Result<String> {
        let f = &self.w.function;
        let Some(s) = f.symbols.get(symbol) else { return Err(err!(Internal, "no open size {symbol}")) };
        let dim = f.graph.type_of(f.graph.inputs[s.input].value).shape[s.axis].clone();
        if let Some(name) = self.w.sizes.get(&dim) {
            return Ok(name.clone());
        }
        let (input, axis) = (f.graph.inputs[s.input].name.clone(), s.axis);
        let name = self.shape_at(&input, axis)?;
        self.w.sizes.insert(dim, name.clone());
        Ok(name)
    }

    /// Sizes as a vector of int64.
    pub fn sizes(&mut self, dims: &[Dim]) -> Result<String> {
        if let Some(known) = dims.iter().map(Dim::known).collect::<Option<Vec<i64>>>() {
            return self.ints(&known);
        }
        let mut parts = Vec::new();
        for dim in dims {
            parts.push(self.size(dim)?);
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            [one] => Ok((*one).to_owned()),
            _ => self.node("Concat", &parts, &[("axis", A::I(0))]),
        }
    }

    /// `GraphProto` of nodes with results of these types.
    pub fn subgraph(
        &mut self,
        name: &str,
        nodes: Vec<Encoder>,
        inputs: &[(String, &OpenType)],
        outputs: &[(String, &OpenType)],
    ) -> Encoder {
        let f = &self.w.function;
        let info = |(name, ty): &(String, &OpenType)| {
            let sizes: Vec<_> = ty.known().into_iter().zip(ty.shape.iter().map(|d| f.size_name(d))).collect();
            value_info(name, ty.dtype, &sizes)
        };
        Encoder::new()
            .messages(1, nodes)
            .text(2, name)
            .messages(11, inputs.iter().map(info))
            .messages(12, outputs.iter().map(info))
    }

    /// A name that no other value has.
    pub fn fresh(&mut self, hint: &str) -> String {
        let hint = self.hint(hint);
        self.unique(&hint)
    }
}

/// `NodeProto`.
pub(super) fn encode(
    op: &str,
    domain: &str,
    name: &str,
    inputs: &[&str],
    outputs: &[String],
    attrs: &[(&str, A<'_>)],
) -> Result<Encoder> {
    let mut node = inputs.iter().fold(Encoder::new(), |n, x| n.text(1, x));
    node = outputs.iter().fold(node, |n, y| n.text(2, y)).text(3, name).text(4, op);
    for (name, value) in attrs {
        let attr = Encoder::new().text(1, name);
        let attr = match value {
            A::I(x) => attr.int(3, *x).int(20, 2),
            A::S(x) => attr.text(4, x).int(20, 3),
            A::Ints(x) => x.iter().fold(attr, |a, i| a.int(8, *i)).int(20, 7),
            A::Strings(x) => x.iter().fold(attr, |a, s| a.bytes(9, s)).int(20, 8),
            A::Tensor(x) => attr.message(5, tensor("", x)?).int(20, 4),
            A::Graph(x) => attr.message(6, x.clone()).int(20, 5),
        };
        node = node.message(5, attr);
    }
    Ok(if domain.is_empty() { node } else { node.text(7, domain) })
}
