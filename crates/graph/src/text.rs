//! Graphs as text: one node a line, in a form that [`parse`](crate::parse) reads back exactly.
//!
//! ```text
//! graph "step" {
//!   variable @dense/kernel: float32[3, 4] "dense/kernel" trainable
//!   input %x: float32[2, 3] "x"
//!   input %dense/kernel: float32[3, 4] "dense/kernel" of @dense/kernel
//!   %constant: float32[] = constant() {value: float32[] 0.5}
//!   %matmul: float32[2, 4] = matmul(%x, %dense/kernel) {transpose_a: false, transpose_b: false} in "dense"
//!   %multiply: float32[2, 4] = multiply(%matmul, %constant)
//!   output "output_0" = %multiply
//!   update @dense/kernel = %multiply
//! }
//! ```
//!
//! Names of values (`%`) and variables (`@`) hold letters, digits and `_ . / -`, and are defined before their use.
//! A constant is its type and its elements in row-major order: flat, as `[1.0, 2.0]`, or the bytes of the elements,
//! least significant first, as `base64 "..."`. Floats are the shortest decimals that read back as the same number.
//! Sub-graphs of control flow are nested graphs.

use std::collections::HashMap;
use std::fmt::Write;

use cornet_ops::{Attr, Graph, Node, Type, Variable};
use cornet_tensor::{Array, Complex32, DType};

use crate::names::{Unique, ValueNames, sanitize, type_text};

/// How a graph is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextOptions {
    /// Constants of at most this many elements are printed as numbers, larger ones as base64.
    pub inline_elements: usize,
    /// Leaves the values of larger constants out: shorter, but the text no longer parses.
    pub elide: bool,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self { inline_elements: 16, elide: false }
    }
}

/// The graph as text that parses back.
pub fn to_text(graph: &Graph) -> String {
    to_text_with(graph, TextOptions::default())
}

/// The graph as text.
pub fn to_text_with(graph: &Graph, options: TextOptions) -> String {
    let mut out = String::new();
    Printer { out: &mut out, options }.graph(graph, 0);
    out.push('\n');
    out
}

struct Printer<'a> {
    out: &'a mut String,
    options: TextOptions,
}

impl Printer<'_> {
    fn graph(&mut self, graph: &Graph, depth: usize) {
        let names = ValueNames::new(graph);
        let indent = "  ".repeat(depth + 1);
        let symbols = self.variables(graph, &indent);
        for input in &graph.inputs {
            let (name, ty) = (names.of(input.value), type_text(graph, input.value));
            let _ = write!(self.out, "{indent}input %{name}: {ty} {}", quoted(input.name.as_bytes()));
            if let Some(variable) = &input.variable {
                let _ = write!(self.out, " of @{}", symbols[&variable.id()]);
            }
            self.out.push('\n');
        }
        for node in &graph.nodes {
            self.node(graph, node, &names, depth);
        }
        for output in &graph.outputs {
            let (name, value) = (quoted(output.name.as_bytes()), names.of(output.value));
            let _ = writeln!(self.out, "{indent}output {name} = %{value}");
        }
        for update in &graph.updates {
            let (name, value) = (&symbols[&update.variable.id()], names.of(update.value));
            let _ = writeln!(self.out, "{indent}update @{name} = %{value}");
        }
        let _ = write!(self.out, "{}}}", "  ".repeat(depth));
    }

    /// The head and a line a variable; the symbols by the variables' ids.
    fn variables(&mut self, graph: &Graph, indent: &str) -> HashMap<u64, String> {
        let _ = writeln!(self.out, "graph {} {{", quoted(graph.name.as_bytes()));
        let mut unique = Unique::default();
        let mut symbols: HashMap<u64, String> = HashMap::new();
        for variable in variables(graph) {
            if symbols.contains_key(&variable.id()) {
                continue;
            }
            let symbol = unique.name(&sanitize(variable.name()));
            let trainable = if variable.trainable() { " trainable" } else { "" };
            let (ty, name) = (variable.ty(), quoted(variable.name().as_bytes()));
            let _ = writeln!(self.out, "{indent}variable @{symbol}: {ty} {name}{trainable}");
            symbols.insert(variable.id(), symbol);
        }
        symbols
    }

    fn node(&mut self, graph: &Graph, node: &Node, names: &ValueNames, depth: usize) {
        self.out.push_str(&"  ".repeat(depth + 1));
        for (i, &output) in node.outputs.iter().enumerate() {
            let (name, ty) = (names.of(output), type_text(graph, output));
            let _ = write!(self.out, "{}%{name}: {ty}", if i > 0 { ", " } else { "" });
        }
        let inputs: Vec<String> = node.inputs.iter().map(|v| format!("%{}", names.of(*v))).collect();
        let _ = write!(self.out, " = {}({})", node.op.name, inputs.join(", "));
        for (i, (name, attr)) in node.attrs.iter().enumerate() {
            let _ = write!(self.out, "{}{name}: ", if i > 0 { ", " } else { " {" });
            self.attr(attr, depth + 1);
        }
        if !node.attrs.is_empty() {
            self.out.push('}');
        }
        if let Some(scope) = &node.scope {
            let _ = write!(self.out, " in {}", quoted(scope.as_bytes()));
        }
        self.out.push('\n');
    }

    fn attr(&mut self, attr: &Attr, depth: usize) {
        match attr {
            Attr::Bool(x) => drop(write!(self.out, "{x}")),
            Attr::Int(x) => drop(write!(self.out, "{x}")),
            Attr::Float(x) => self.out.push_str(&float_text(*x)),
            Attr::Str(x) => self.out.push_str(&quoted(x.as_bytes())),
            Attr::DType(x) => self.out.push_str(x.name()),
            Attr::Ints(x) => drop(write!(self.out, "{:?}", x.as_slice())),
            Attr::Array(x) => self.array(x),
            Attr::Graph(x) => self.graph(x, depth),
        }
    }

    fn array(&mut self, array: &Array) {
        let _ = write!(self.out, "{} ", Type::of(array));
        let few = array.elements() <= self.options.inline_elements;
        if let Some(items) = if few || array.dtype() == DType::Str && !self.options.elide { items(array) } else { None }
        {
            let _ = write!(self.out, "[{}]", items.join(", "));
        } else if self.options.elide {
            self.out.push_str("elided");
        } else {
            let _ = write!(self.out, "base64 \"{}\"", crate::base64::encode(&little_endian(array)));
        }
    }
}

/// The variables that a graph reads or updates; some more than once.
fn variables(graph: &Graph) -> impl Iterator<Item = &Variable> {
    graph.inputs.iter().filter_map(|i| i.variable.as_ref()).chain(graph.updates.iter().map(|u| &u.variable))
}

/// The elements as words, unless some would read back as another one (a NaN with other bits than the usual).
fn items(array: &Array) -> Option<Vec<String>> {
    let floats = |text: fn(f64) -> String| {
        let one_nan = |x: f64| if x.is_nan() { f64::NAN } else { x };
        let values: Vec<f64> = array.to_f64().ok()?.into_iter().map(one_nan).collect();
        let exact = Array::from_f64(array.dtype(), array.shape(), &values).ok()? == *array;
        exact.then(|| values.into_iter().map(text).collect())
    };
    match array.dtype() {
        DType::Bool => Some(array.bytes().iter().map(|&b| (b != 0).to_string()).collect()),
        DType::Str => Some(array.strings().ok()?.iter().map(|s| quoted(s)).collect()),
        DType::U64 => Some(array.as_slice::<u64>().ok()?.iter().map(u64::to_string).collect()),
        DType::F64 => floats(float_text),
        DType::F16 | DType::BF16 | DType::F32 => floats(|x| narrow_text(x as f32)),
        DType::C64 => {
            let values = array.as_slice::<Complex32>().ok()?;
            let plain = |x: f32| !x.is_nan() || x.to_bits() == f32::NAN.to_bits();
            let text = |c: &Complex32| format!("({}, {})", narrow_text(c.re), narrow_text(c.im));
            values.iter().all(|c| plain(c.re) && plain(c.im)).then(|| values.iter().map(text).collect())
        }
        _ => Some(array.to_i64().ok()?.iter().map(i64::to_string).collect()),
    }
}

/// The bytes of the elements, least significant first on every machine.
fn little_endian(array: &Array) -> Vec<u8> {
    let mut bytes = array.bytes().to_vec();
    crate::base64::to_little_endian(array.dtype(), &mut bytes);
    bytes
}

fn narrow_text(x: f32) -> String {
    if x.is_nan() { "nan".to_string() } else { format!("{x:?}") }
}

/// A float in the shortest form that reads back as the same bits; NaNs of other bits than the usual in hexadecimal.
pub(crate) fn float_text(x: f64) -> String {
    match x.to_bits() {
        bits if bits == f64::NAN.to_bits() => "nan".to_string(),
        bits if x.is_nan() => format!("0f{bits:016x}"),
        _ => format!("{x:?}"),
    }
}

/// The bytes between quotes: printable characters as they are, others escaped.
fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                c if c.is_control() => c.encode_utf8(&mut [0; 4]).bytes().for_each(|b| escape(&mut out, b)),
                c => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|&b| escape(&mut out, b));
    }
    out.push('"');
    out
}

fn escape(out: &mut String, byte: u8) {
    let _ = write!(out, "\\x{byte:02x}");
}
