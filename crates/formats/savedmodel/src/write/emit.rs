//! Functions under construction: names, nodes, constants, sizes that are computed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cornet_error::{Result, err};
use cornet_export::{Body, Dim, OpenFunction, OpenNode, OpenType, Samples, Value};
use cornet_proto::Encoder;
use cornet_tensor::{Array, DType};

use super::proto::{A, Arg, RESOURCE, code, function, node};
use super::table::rule;

/// What is common to a function and the bodies in it.
pub(super) struct Writer {
    function: OpenFunction,
    /// `FunctionDef`s.
    pub library: Vec<Encoder>,
    names: HashSet<String>,
}

#[derive(Clone)]
enum Slot {
    None,
    /// A tensor: an argument, or `node:output:index`.
    Name(String),
    /// An array that becomes a constant once it is used.
    Array(Array),
}

/// A function under construction, with what ops write through.
pub(super) struct Emit<'w, 'b> {
    pub w: &'w mut Writer,
    pub body: &'b Body,
    slots: Vec<Slot>,
    nodes: Vec<Encoder>,
    names: HashSet<String>,
    constants: HashMap<(DType, Vec<usize>, Vec<u8>), String>,
    sizes: HashMap<Dim, String>,
    /// The tensor that has the open sizes, int32, in a body of control flow.
    pub symbols: Option<String>,
    scope: Option<Arc<str>>,
}

/// Writes a function of the library: arguments in the order of `inputs`, then handles of its variables; results in the
/// order of `outputs`. Both are positions in the function's own lists.
pub(super) fn top(
    name: &str,
    f: &OpenFunction,
    inputs: &[usize],
    outputs: &[usize],
    library: &mut Vec<Encoder>,
) -> Result<()> {
    // Bodies are named after the function, which no other one is.
    let of_library = OpenFunction { name: name.trim_start_matches("__inference_").to_owned(), ..f.clone() };
    let mut w = Writer { function: of_library, library: Vec::new(), names: HashSet::new() };
    let body = &f.graph;
    let mut e = Emit::new(&mut w, body);
    let mut arguments: Vec<Arg> = Vec::new();
    for (i, &at) in inputs.iter().enumerate() {
        let input = &body.inputs[at];
        arguments.push((format!("input_{i}"), code(body.type_of(input.value).dtype)));
        e.bind(input.value, format!("input_{i}"));
    }
    for (i, variable) in body.variables.iter().enumerate() {
        let handle = format!("variable_{i}");
        let read = e.node_named(
            variable.variable.name(),
            "ReadVariableOp",
            &[&handle],
            &[("dtype", A::Type(variable.variable.dtype()))],
            "value",
        )?;
        e.bind(variable.value, read);
        arguments.push((handle, RESOURCE));
    }
    e.run()?;
    let mut results = Vec::new();
    for (i, &at) in outputs.iter().enumerate() {
        let output = &body.outputs[at];
        let dtype = body.type_of(output.value).dtype;
        let from = e.name_of(output.value)?;
        e.scope = None;
        let tensor = e.node("Identity", &[&from], &[("T", A::Type(dtype))], "output")?;
        results.push(((format!("identity_{i}"), code(dtype)), tensor));
    }
    let nodes = e.nodes;
    library.append(&mut w.library);
    library.push(function(name, &arguments, &results, nodes, true));
    Ok(())
}

impl<'w, 'b> Emit<'w, 'b> {
    pub fn new(w: &'w mut Writer, body: &'b Body) -> Self {
        let slots = vec![Slot::None; body.types.len()];
        let (names, constants, sizes) = (HashSet::new(), HashMap::new(), HashMap::new());
        Self { w, body, slots, nodes: Vec::new(), names, constants, sizes, symbols: None, scope: None }
    }

    /// Says that a value is this tensor.
    pub fn bind(&mut self, value: Value, name: String) {
        self.slots[value.index()] = Slot::Name(name);
    }

    /// Writes every node of the body.
    pub fn run(&mut self) -> Result<()> {
        let body = self.body;
        for node in &body.nodes {
            self.scope = node.scope.clone();
            let outcome = self.node_of(node).map_err(|e| e.within(node.op));
            outcome.map_err(|e| node.scope.iter().fold(e, |e, scope| e.within(&**scope)))?;
        }
        Ok(())
    }

    fn node_of(&mut self, node: &OpenNode) -> Result<()> {
        if node.op == "constant" {
            self.slots[node.outputs[0].index()] = Slot::Array(node.attrs.array("value")?.clone());
            return Ok(());
        }
        let results = rule(node.op)?.apply(self, node)?;
        for (value, name) in node.outputs.iter().zip(results) {
            self.bind(*value, name);
        }
        Ok(())
    }

    /// Puts the function into the library under a name of its own, which is returned.
    pub fn finish(self, hint: &str, inputs: &[Arg], outputs: &[(Arg, String)]) -> String {
        let mut name =
            format!("__inference_{}_{hint}_0", self.w.function.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
        let mut i = 0;
        while !self.w.names.insert(name.clone()) {
            i += 1;
            let end = name.rfind('_').unwrap_or(name.len());
            name = format!("{}_{i}", &name[..end]);
        }
        self.w.library.push(function(&name, inputs, outputs, self.nodes, false));
        name
    }

    /// The type of an input of a node.
    pub fn ty(&self, node: &OpenNode, i: usize) -> Result<&'b OpenType> {
        Ok(self.body.type_of(self.input(node, i)?))
    }

    /// The type of a node's first result.
    pub fn out(&self, node: &OpenNode) -> &'b OpenType {
        self.body.type_of(node.outputs[0])
    }

    pub fn samples(&self) -> &Arc<Samples> {
        &self.w.function.samples
    }

    fn input(&self, node: &OpenNode, i: usize) -> Result<Value> {
        let found = node.inputs.get(i).copied();
        found.ok_or_else(|| err!(Internal, "expected at least {} inputs, found {}", i + 1, node.inputs.len()))
    }

    /// The tensor that an input of a node is.
    pub fn x(&mut self, node: &OpenNode, i: usize) -> Result<String> {
        let value = self.input(node, i)?;
        self.name_of(value)
    }

    /// The tensors of all inputs.
    pub fn all(&mut self, node: &OpenNode) -> Result<Vec<String>> {
        node.inputs.iter().map(|v| self.name_of(*v)).collect()
    }

    /// The tensor that a value is.
    pub fn name_of(&mut self, value: Value) -> Result<String> {
        match self.slots[value.index()].clone() {
            Slot::Name(name) => Ok(name),
            Slot::Array(array) => {
                let name = self.constant(&array)?;
                self.bind(value, name.clone());
                Ok(name)
            }
            Slot::None => Err(err!(Internal, "value {} is used before it is defined", value.0)),
        }
    }

    /// A name for a node, in the scope of the node that is written.
    fn unique(&mut self, hint: &str) -> String {
        let hint: String =
            hint.chars().map(|c| if c.is_ascii_alphanumeric() || "_./-".contains(c) { c } else { '_' }).collect();
        let first = hint.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        let hint = if first { hint } else { format!("n{hint}") };
        // Names differ by more than case, and from those of arguments.
        let mut name = format!("{hint}_op");
        let mut i = 0;
        while !self.names.insert(name.to_ascii_lowercase()) {
            i += 1;
            name = format!("{hint}_op_{i}");
        }
        name
    }

    /// A constant; equal small ones are one.
    pub fn constant(&mut self, array: &Array) -> Result<String> {
        let small = array.dtype() != DType::Str && array.bytes().len() <= 256;
        let key = (array.dtype(), array.shape().to_vec(), if small { array.bytes().to_vec() } else { Vec::new() });
        if let Some(name) = self.constants.get(&key).filter(|_| small) {
            return Ok(name.clone());
        }
        let attrs = [("value", A::Tensor(array)), ("dtype", A::Type(array.dtype()))];
        let name = self.node("Const", &[], &attrs, "output")?;
        if small {
            self.constants.insert(key, name.clone());
        }
        Ok(name)
    }

    /// A vector of int32.
    pub fn ints(&mut self, values: &[i64]) -> Result<String> {
        let narrow: Vec<i32> = values.iter().map(|&v| v.clamp(i32::MIN.into(), i32::MAX.into()) as i32).collect();
        self.constant(&Array::from_slice(&narrow, [narrow.len()])?)
    }

    /// A scalar of int32.
    pub fn int(&mut self, value: i64) -> Result<String> {
        self.number(DType::I32, value as f64)
    }

    /// A scalar of a dtype.
    pub fn number(&mut self, dtype: DType, value: f64) -> Result<String> {
        self.constant(&Array::scalar(value).cast(dtype)?)
    }

    /// A node whose first result has this name in TensorFlow's definition of the op.
    pub fn node(&mut self, op: &str, inputs: &[&str], attrs: &[(&str, A<'_>)], output: &str) -> Result<String> {
        let hint = self.scope.as_deref().map_or(op.to_owned(), |scope| format!("{scope}/{op}"));
        self.node_named(&hint, op, inputs, attrs, output)
    }

    fn node_named(
        &mut self,
        hint: &str,
        op: &str,
        inputs: &[&str],
        attrs: &[(&str, A<'_>)],
        output: &str,
    ) -> Result<String> {
        let name = self.unique(hint);
        self.nodes.push(node(&name, op, inputs, attrs)?);
        Ok(format!("{name}:{output}:0"))
    }

    /// A node of one input and result of one dtype, which is its attribute `T`.
    pub fn unary(&mut self, op: &str, x: &str, dtype: DType, output: &str) -> Result<String> {
        self.node(op, &[x], &[("T", A::Type(dtype))], output)
    }

    /// A node of two inputs and one result `z` of one dtype, which is its attribute `T`.
    pub fn binary(&mut self, op: &str, a: &str, b: &str, dtype: DType) -> Result<String> {
        self.node(op, &[a, b], &[("T", A::Type(dtype))], "z")
    }

    /// `condition ? a : b`.
    pub fn select(&mut self, condition: &str, a: &str, b: &str, dtype: DType) -> Result<String> {
        self.node("SelectV2", &[condition, a, b], &[("T", A::Type(dtype))], "output")
    }

    /// A value in another dtype.
    pub fn cast(&mut self, x: &str, from: DType, to: DType) -> Result<String> {
        if from == to {
            return Ok(x.to_owned());
        }
        self.node("Cast", &[x], &[("SrcT", A::Type(from)), ("DstT", A::Type(to))], "y")
    }

    /// A result of a node beside the first: another index or name.
    pub fn other(first: &str, output: &str, index: usize) -> String {
        format!("{}:{output}:{index}", first.split(':').next().unwrap_or(first))
    }

    /// The size as a scalar of int32.
    pub fn size(&mut self, dim: &Dim) -> Result<String> {
        if let Some(known) = dim.known() {
            return self.int(known);
        }
        if let Some(name) = self.sizes.get(dim) {
            return Ok(name.clone());
        }
        let name = match dim.terms() {
            Some(terms) => self.polynomial(terms)?,
            None => self.found_size(dim)?,
        };
        self.sizes.insert(dim.clone(), name.clone());
        Ok(name)
    }

    fn polynomial(&mut self, terms: &[(u8, i64)]) -> Result<String> {
        let mut sum: Option<String> = None;
        for &(mask, factor) in terms {
            let mut product = if factor == 1 && mask != 0 { None } else { Some(self.int(factor)?) };
            for s in (0..8).filter(|s| mask >> s & 1 == 1) {
                let symbol = self.symbol(s)?;
                product = Some(match product {
                    Some(p) => self.binary("Mul", &p, &symbol, DType::I32)?,
                    None => symbol,
                });
            }
            let Some(term) = product else { continue };
            sum = Some(match sum {
                Some(s) => self.binary("AddV2", &s, &term, DType::I32)?,
                None => term,
            });
        }
        sum.ok_or_else(|| err!(Internal, "size without terms"))
    }

    fn symbol(&mut self, s: usize) -> Result<String> {
        if let Some(symbols) = self.symbols.clone() {
            return self.element(&symbols, s);
        }
        let f = &self.w.function;
        let Some(symbol) = f.symbols.get(s).cloned() else { return Err(err!(Internal, "no open size {s}")) };
        let value = f.graph.inputs[symbol.input].value;
        let dim = f.graph.type_of(value).shape[symbol.axis].clone();
        if let Some(name) = self.sizes.get(&dim) {
            return Ok(name.clone());
        }
        let (x, dtype) = (self.name_of(value)?, self.body.type_of(value).dtype);
        let name = self.shape_at(&x, dtype, symbol.axis)?;
        self.sizes.insert(dim, name.clone());
        Ok(name)
    }

    /// An element of a vector of int32.
    pub fn element(&mut self, vector: &str, at: usize) -> Result<String> {
        let (from, to, one) = (self.ints(&[at as i64])?, self.ints(&[at as i64 + 1])?, self.ints(&[1])?);
        let attrs = [("T", A::Type(DType::I32)), ("Index", A::Type(DType::I32)), ("shrink_axis_mask", A::Int(1))];
        self.node("StridedSlice", &[vector, &from, &to, &one], &attrs, "output")
    }

    fn shape_at(&mut self, x: &str, dtype: DType, axis: usize) -> Result<String> {
        let shape = self.node("Shape", &[x], &[("T", A::Type(dtype)), ("out_type", A::Type(DType::I32))], "output")?;
        self.element(&shape, axis)
    }

    /// The size of some value that is known by now.
    fn found_size(&mut self, dim: &Dim) -> Result<String> {
        let body = self.body;
        for (i, ty) in body.types.iter().enumerate() {
            let Some(axis) = ty.shape.iter().position(|d| d == dim) else { continue };
            let Slot::Name(name) = self.slots[i].clone() else { continue };
            return self.shape_at(&name, ty.dtype, axis);
        }
        Err(err!(Unsupported, "size: expected a polynomial in the open sizes, found {dim}")
            .help("give the inputs fixed sizes"))
    }

    /// Sizes as a vector of int32.
    pub fn sizes(&mut self, dims: &[Dim]) -> Result<String> {
        if let Some(known) = dims.iter().map(Dim::known).collect::<Option<Vec<i64>>>() {
            return self.ints(&known);
        }
        let parts = dims.iter().map(|d| self.size(d)).collect::<Result<Vec<String>>>()?;
        self.pack(&parts)
    }

    /// Scalars of int32 as a vector.
    pub fn pack(&mut self, parts: &[String]) -> Result<String> {
        let inputs: Vec<&str> = parts.iter().map(String::as_str).collect();
        let attrs = [("N", A::Int(parts.len() as i64)), ("T", A::Type(DType::I32)), ("axis", A::Int(0))];
        self.node("Pack", &inputs, &attrs, "output")
    }

    /// The open sizes as a vector, for bodies of control flow.
    pub fn open_sizes(&mut self) -> Result<String> {
        if let Some(symbols) = &self.symbols {
            return Ok(symbols.clone());
        }
        let count = self.w.function.symbols.len();
        if count == 0 {
            return self.ints(&[]);
        }
        let parts = (0..count).map(|s| self.symbol(s)).collect::<Result<Vec<String>>>()?;
        self.pack(&parts)
    }
}
