//! Graphs read back from their text form.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use cornet_error::{Limits, Result, err};
use cornet_ops::{Attr, Attrs, Call, Graph, Input, Node, Op, Output, Type, Update, ValueId, Variable};
use cornet_tensor::{Array, Complex32, DType, Shape};
use smallvec::SmallVec;

use crate::lex::{Lexer, Place, Word, brief};

/// Most axes of a type in text.
const MAX_RANK: usize = 64;

/// What a text is read with.
#[derive(Clone, Debug, Default)]
pub struct ParseOptions {
    /// The variables that the text's variables may be, found by name: the first of that name that is not taken yet.
    /// Variables without one are made, without a value.
    pub variables: Vec<Variable>,
    /// Bounds on the text: `object_bytes` of text, `entries` inputs, nodes and results together, `depth` of sub-graphs.
    pub limits: Limits,
}

/// The graph of a text; its variables are fresh, without values.
///
/// # Errors
/// `corrupt` with line and column for what is not the text of a graph; `limit_exceeded` for texts that are too long,
/// too deep, or ask for too much; `unsupported` for ops that do not exist here.
///
/// ```
/// let text = r#"graph "double" {
///   input %x: float32[2] "x"
///   %sum: float32[2] = add(%x, %x)
///   output "y" = %sum
/// }"#;
/// let graph = cornet_graph::parse(text)?;
/// assert_eq!(graph.nodes.len(), 1);
/// assert!(cornet_graph::parse(&text.replace("add", "divide_by")).is_err());
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub fn parse(text: &str) -> Result<Graph> {
    parse_with(text, &ParseOptions::default())
}

/// The graph of a text, on variables that exist.
///
/// # Errors
/// As [`parse`]; `shape_mismatch` or `dtype_mismatch` where a given variable has another type than the text says.
pub fn parse_with(text: &str, options: &ParseOptions) -> Result<Graph> {
    Limits::check("text of a graph, bytes", text.len() as u64, options.limits.object_bytes)?;
    let mut parser =
        Parser { words: Lexer::new(text)?, options, entries: 0, free: options.variables.iter().map(Some).collect() };
    parser.keyword("graph")?;
    let graph = parser.graph(0)?;
    match parser.words.peek() {
        Word::End => Ok(graph),
        other => Err(parser.words.place().error(format_args!("expected the end of the text, found {other}"))),
    }
}

struct Parser<'t> {
    words: Lexer<'t>,
    options: &'t ParseOptions,
    /// Inputs, nodes and results so far, of all nested graphs.
    entries: usize,
    /// The given variables that are not taken yet.
    free: Vec<Option<&'t Variable>>,
}

/// The names a graph has defined.
#[derive(Default)]
struct Names<'t> {
    values: HashMap<&'t str, ValueId>,
    variables: HashMap<&'t str, Variable>,
}

impl<'t> Parser<'t> {
    /// A graph, after the word `graph`.
    fn graph(&mut self, depth: usize) -> Result<Graph> {
        Limits::check("depth of sub-graphs", depth as u64, self.options.limits.depth as u64)?;
        let mut graph = Graph { name: self.text("the graph's name")?, ..Graph::default() };
        let mut names = Names::default();
        self.mark('{')?;
        loop {
            self.entries += 1;
            Limits::check("lines of a graph", self.entries as u64, self.options.limits.entries as u64)?;
            let place = self.words.place();
            match self.words.peek().clone() {
                Word::Name("variable" | "update") if depth > 0 => {
                    return Err(place.error("a sub-graph reads and updates no variables: it gets them as arguments"));
                }
                Word::Mark('}') => break,
                Word::Value(_) => self.node(&mut graph, &mut names, depth)?,
                Word::Name("variable") => self.variable(&mut names)?,
                Word::Name("input") => self.input(&mut graph, &mut names)?,
                Word::Name("output") => {
                    self.words.take()?;
                    let name = self.text("the result's name")?;
                    self.mark('=')?;
                    let value = self.value(&names)?;
                    graph.outputs.push(Output { name, value });
                }
                Word::Name("update") => self.update(&mut graph, &names)?,
                other => {
                    let expected = "a node (%name: type = op(...)), variable, input, output, update or '}'";
                    return Err(place.error(format_args!("expected {expected}, found {other}")));
                }
            }
        }
        self.mark('}')?;
        Ok(graph)
    }

    fn variable(&mut self, names: &mut Names<'t>) -> Result<()> {
        self.words.take()?;
        let place = self.words.place();
        let Word::Variable(symbol) = self.words.take()? else {
            return Err(place.error("expected @ and the variable's name"));
        };
        self.mark(':')?;
        let ty = self.ty()?;
        let name = self.text("the variable's name")?;
        let trainable = self.accept("trainable")?;
        let found = self.free.iter_mut().find(|v| v.is_some_and(|v| v.name() == name)).and_then(Option::take);
        let variable = match found {
            Some(v) if v.shape() != &ty.shape => {
                return Err(err!(ShapeMismatch, "variable '{}': expected {ty}, found {}", brief(&name), v.ty()));
            }
            Some(v) if v.dtype() != ty.dtype => {
                return Err(err!(DtypeMismatch, "variable '{}': expected {ty}, found {}", brief(&name), v.ty()));
            }
            Some(v) => v.clone(),
            None => Variable::uninitialized(name, ty, trainable),
        };
        match names.variables.insert(symbol, variable) {
            None => Ok(()),
            Some(_) => Err(place.error(format_args!("@{} is declared twice", brief(symbol)))),
        }
    }

    fn input(&mut self, graph: &mut Graph, names: &mut Names<'t>) -> Result<()> {
        self.words.take()?;
        let (symbol, place) = self.new_value()?;
        self.mark(':')?;
        let ty = self.ty()?;
        let name = self.text("the input's name")?;
        let mut variable = None;
        if self.accept("of")? {
            let here = self.words.place();
            let found = self.declared(names)?;
            if *found.ty() != ty {
                return Err(here.error(format_args!("the variable is {}, the input {ty}", found.ty())));
            }
            if graph.inputs.iter().any(|i| i.variable.as_ref() == Some(&found)) {
                return Err(here.error(format_args!("variable '{}' is an input twice", brief(found.name()))));
            }
            variable = Some(found);
        }
        let value = graph.add_value(ty);
        graph.inputs.push(Input { name, value, variable });
        define(names, symbol, value, place)
    }

    fn update(&mut self, graph: &mut Graph, names: &Names<'t>) -> Result<()> {
        self.words.take()?;
        let place = self.words.place();
        let variable = self.declared(names)?;
        self.mark('=')?;
        let value = self.value(names)?;
        if graph.type_of(value) != variable.ty() {
            let found = graph.type_of(value);
            return Err(place.error(format_args!("the variable is {}, its new value {found}", variable.ty())));
        }
        if graph.updates.iter().any(|u| u.variable == variable) {
            return Err(place.error(format_args!("variable '{}' is updated twice", brief(variable.name()))));
        }
        graph.updates.push(Update { variable, value });
        Ok(())
    }

    fn node(&mut self, graph: &mut Graph, names: &mut Names<'t>, depth: usize) -> Result<()> {
        let mut results: SmallVec<[(&'t str, Place, Type); 1]> = SmallVec::new();
        loop {
            let (symbol, place) = self.new_value()?;
            self.mark(':')?;
            results.push((symbol, place, self.ty()?));
            if !self.accept_mark(',')? {
                break;
            }
        }
        self.mark('=')?;
        let place = self.words.place();
        let op = self.op()?;
        self.mark('(')?;
        let mut inputs: SmallVec<[ValueId; 3]> = SmallVec::new();
        while !self.accept_mark(')')? {
            if !inputs.is_empty() {
                self.mark(',')?;
            }
            inputs.push(self.value(names)?);
        }
        let attrs = self.attrs(op, depth)?;
        let scope = if self.accept("in")? { Some(Arc::from(self.text("the scope")?)) } else { None };
        let types: Vec<Type> = inputs.iter().map(|&v| graph.type_of(v).clone()).collect();
        let inferred = Call { op, inputs: &types, attrs: &attrs }
            .infer()
            .map_err(|e| e.within(format!("line {}, column {}", place.line, place.column)))?;
        if !inferred.iter().eq(results.iter().map(|(_, _, ty)| ty)) {
            let found: Vec<String> = results.iter().map(|(_, _, ty)| ty.to_string()).collect();
            let expected: Vec<String> = inferred.iter().map(Type::to_string).collect();
            let (expected, found) = (expected.join(", "), found.join(", "));
            return Err(place.error(format_args!("{} gives {expected}, the line says {found}", op.name)));
        }
        let mut outputs: SmallVec<[ValueId; 1]> = SmallVec::new();
        for (symbol, place, ty) in results {
            let value = graph.add_value(ty);
            define(names, symbol, value, place)?;
            outputs.push(value);
        }
        graph.nodes.push(Node { op, attrs, inputs, outputs, scope });
        Ok(())
    }

    fn op(&mut self) -> Result<&'static Op> {
        static OPS: OnceLock<HashMap<&'static str, &'static Op>> = OnceLock::new();
        let ops = OPS.get_or_init(|| cornet_ops::all().map(|op| (op.name, op)).collect());
        let place = self.words.place();
        match self.words.take()? {
            Word::Name(name) => ops.get(name).copied().ok_or_else(|| {
                let (line, column) = (place.line, place.column);
                err!(Unsupported, "line {line}, column {column}: there is no op '{}'", brief(name))
            }),
            other => Err(place.error(format_args!("expected an op, found {other}"))),
        }
    }

    fn attrs(&mut self, op: &'static Op, depth: usize) -> Result<Attrs> {
        let mut attrs = Attrs::default();
        if !self.accept_mark('{')? {
            return Ok(attrs);
        }
        while !self.accept_mark('}')? {
            if !attrs.is_empty() {
                self.mark(',')?;
            }
            let place = self.words.place();
            let Word::Name(name) = self.words.take()? else {
                return Err(place.error("expected an attribute's name"));
            };
            let Some(known) = op.attrs.iter().copied().find(|a| *a == name) else {
                return Err(place.error(format_args!("{} has no attribute '{}'", op.name, brief(name))));
            };
            if attrs.get(known).is_some() {
                return Err(place.error(format_args!("attribute '{known}' is given twice")));
            }
            self.mark(':')?;
            attrs = attrs.with(known, self.attr(depth)?);
        }
        Ok(attrs)
    }

    fn attr(&mut self, depth: usize) -> Result<Attr> {
        let place = self.words.place();
        match self.words.take()? {
            Word::Name("true") => Ok(Attr::Bool(true)),
            Word::Name("false") => Ok(Attr::Bool(false)),
            Word::Name("graph") => Ok(Attr::Graph(Arc::new(self.graph(depth + 1)?))),
            Word::Name(word @ ("nan" | "inf")) => Ok(Attr::Float(float(word, place)?)),
            Word::Name(word) => {
                let dtype = dtype(word, place)?;
                if *self.words.peek() == Word::Mark('[') {
                    return Ok(Attr::Array(self.array(dtype)?));
                }
                Ok(Attr::DType(dtype))
            }
            Word::Number(word) => match word.parse() {
                Ok(int) => Ok(Attr::Int(int)),
                Err(_) => Ok(Attr::Float(float(word, place)?)),
            },
            Word::Text(text) => Ok(Attr::Str(utf8(text, place)?.into())),
            Word::Mark('[') => Ok(Attr::Ints(
                self.list(|p, place| match p.words.take()? {
                    Word::Number(word) => number::<i64>(word, place),
                    other => Err(place.error(format_args!("expected an integer, found {other}"))),
                })?
                .into(),
            )),
            other => Err(place.error(format_args!("expected an attribute's value, found {other}"))),
        }
    }

    /// Items up to `]`, after `[`.
    fn list<T>(&mut self, item: impl Fn(&mut Self, Place) -> Result<T>) -> Result<Vec<T>> {
        let mut items = Vec::new();
        while !self.accept_mark(']')? {
            if !items.is_empty() {
                self.mark(',')?;
            }
            let place = self.words.place();
            items.push(item(self, place)?);
        }
        Ok(items)
    }

    fn ty(&mut self) -> Result<Type> {
        let place = self.words.place();
        match self.words.take()? {
            Word::Name(word) => {
                let dtype = dtype(word, place)?;
                Ok(Type::new(dtype, self.shape(dtype)?))
            }
            other => Err(place.error(format_args!("expected a type, found {other}"))),
        }
    }

    fn shape(&mut self, dtype: DType) -> Result<Shape> {
        let place = self.words.place();
        self.mark('[')?;
        let dims = self.list(|p, place| match p.words.take()? {
            Word::Number(word) => number::<usize>(word, place),
            other => Err(place.error(format_args!("expected a size, found {other}"))),
        })?;
        if dims.len() > MAX_RANK {
            return Err(place.error(format_args!("expected at most {MAX_RANK} axes, found {}", dims.len())));
        }
        Shape::checked(&dims, dtype.size())
            .map_err(|e| e.within(format!("line {}, column {}", place.line, place.column)))
    }

    /// A constant, after its dtype.
    fn array(&mut self, dtype: DType) -> Result<Array> {
        let shape = self.shape(dtype)?;
        let place = self.words.place();
        let array = match self.words.take()? {
            Word::Mark('[') => self.items(dtype, shape),
            Word::Name("base64") => {
                let place = self.words.place();
                let Word::Text(text) = self.words.take()? else { return Err(place.error("expected a quoted text")) };
                let mut bytes = crate::base64::decode(&text).ok_or_else(|| place.error("this is not base64"))?;
                crate::base64::to_little_endian(dtype, &mut bytes);
                if dtype == DType::Bool && bytes.iter().any(|&b| b > 1) {
                    return Err(place.error("expected bools as bytes 0 and 1"));
                }
                Array::from_bytes(dtype, shape, &bytes)
            }
            Word::Name("elided") => {
                return Err(place
                    .error("the constant's values were left out when this text was printed")
                    .help("print the graph with elide: false"));
            }
            other => return Err(place.error(format_args!("expected '[' or base64, found {other}"))),
        };
        array.map_err(|e| place.error(e.message()))
    }

    /// The elements of a constant, after `[`.
    fn items(&mut self, dtype: DType, shape: Shape) -> Result<Array> {
        match dtype {
            DType::Str => {
                let strings = self.list(|p, place| match p.words.take()? {
                    Word::Text(bytes) => Ok(bytes),
                    other => Err(place.error(format_args!("expected a quoted text, found {other}"))),
                })?;
                Array::from_strings(strings, shape)
            }
            DType::Bool => {
                let bools = self.list(|p, place| match p.words.take()? {
                    Word::Name("true") => Ok(true),
                    Word::Name("false") => Ok(false),
                    other => Err(place.error(format_args!("expected true or false, found {other}"))),
                })?;
                Array::from_vec(bools, shape)
            }
            DType::U64 => Array::from_vec(self.list(|p, place| p.integer::<u64>(place))?, shape),
            DType::C64 => {
                let numbers = self.list(|p, _| {
                    p.mark('(')?;
                    let re = p.float::<f32>()?;
                    p.mark(',')?;
                    let im = p.float::<f32>()?;
                    p.mark(')')?;
                    Ok(Complex32::new(re, im))
                })?;
                Array::from_vec(numbers, shape)
            }
            DType::F64 => Array::from_vec(self.list(|p, _| p.float::<f64>())?, shape),
            d if d.is_float() => {
                let wide: Vec<f64> = self.list(|p, _| Ok(f64::from(p.float::<f32>()?)))?;
                Array::from_f64(dtype, shape, &wide)
            }
            _ => {
                let wide = self.list(|p, place| {
                    let x = p.integer::<i64>(place)?;
                    let kept = Array::from_i64(dtype, [], &[x])?.to_i64()?;
                    if kept == [x] { Ok(x) } else { Err(place.error(format_args!("{x} is no {dtype}"))) }
                })?;
                Array::from_i64(dtype, shape, &wide)
            }
        }
    }

    fn integer<T: std::str::FromStr>(&mut self, place: Place) -> Result<T> {
        match self.words.take()? {
            Word::Number(word) => number(word, place),
            other => Err(place.error(format_args!("expected an integer, found {other}"))),
        }
    }

    fn float<T: std::str::FromStr>(&mut self) -> Result<T> {
        let place = self.words.place();
        match self.words.take()? {
            Word::Number(word) | Word::Name(word @ ("nan" | "inf")) => number(word, place),
            other => Err(place.error(format_args!("expected a number, found {other}"))),
        }
    }

    fn value(&mut self, names: &Names<'t>) -> Result<ValueId> {
        let place = self.words.place();
        match self.words.take()? {
            Word::Value(name) => match names.values.get(name) {
                Some(&value) => Ok(value),
                None => Err(place.error(format_args!("%{} is not defined before this line", brief(name)))),
            },
            other => Err(place.error(format_args!("expected a value (%name), found {other}"))),
        }
    }

    fn new_value(&mut self) -> Result<(&'t str, Place)> {
        let place = self.words.place();
        match self.words.take()? {
            Word::Value(name) => Ok((name, place)),
            other => Err(place.error(format_args!("expected a value (%name), found {other}"))),
        }
    }

    fn declared(&mut self, names: &Names<'t>) -> Result<Variable> {
        let place = self.words.place();
        match self.words.take()? {
            Word::Variable(name) => match names.variables.get(name) {
                Some(variable) => Ok(variable.clone()),
                None => Err(place.error(format_args!("@{} is not declared before this line", brief(name)))),
            },
            other => Err(place.error(format_args!("expected a variable (@name), found {other}"))),
        }
    }

    fn text(&mut self, what: &str) -> Result<String> {
        let place = self.words.place();
        match self.words.take()? {
            Word::Text(bytes) => utf8(bytes, place),
            other => Err(place.error(format_args!("expected {what} between quotes, found {other}"))),
        }
    }

    fn keyword(&mut self, word: &'static str) -> Result<()> {
        let place = self.words.place();
        match self.words.take()? {
            Word::Name(found) if found == word => Ok(()),
            other => Err(place.error(format_args!("expected '{word}', found {other}"))),
        }
    }

    /// Takes the word if it comes next.
    fn accept(&mut self, word: &'static str) -> Result<bool> {
        let found = *self.words.peek() == Word::Name(word);
        if found {
            self.words.take()?;
        }
        Ok(found)
    }

    fn mark(&mut self, mark: char) -> Result<()> {
        let place = self.words.place();
        match self.words.take()? {
            Word::Mark(found) if found == mark => Ok(()),
            other => Err(place.error(format_args!("expected '{mark}', found {other}"))),
        }
    }

    /// Takes the mark if it comes next.
    fn accept_mark(&mut self, mark: char) -> Result<bool> {
        let found = *self.words.peek() == Word::Mark(mark);
        if found {
            self.words.take()?;
        }
        Ok(found)
    }
}

fn define<'t>(names: &mut Names<'t>, symbol: &'t str, value: ValueId, place: Place) -> Result<()> {
    match names.values.insert(symbol, value) {
        None => Ok(()),
        Some(_) => Err(place.error(format_args!("%{} is defined twice", brief(symbol)))),
    }
}

fn dtype(word: &str, place: Place) -> Result<DType> {
    let found = DType::ALL.iter().copied().find(|d| d.name() == word);
    found.ok_or_else(|| place.error(format_args!("there is no dtype '{}'", brief(word))))
}

fn number<T: std::str::FromStr>(word: &str, place: Place) -> Result<T> {
    word.parse().map_err(|_| place.error(format_args!("'{}' is no {}", brief(word), std::any::type_name::<T>())))
}

fn float(word: &str, place: Place) -> Result<f64> {
    if let Some(bits) = word.strip_prefix("0f") {
        let bits = u64::from_str_radix(bits, 16).ok().filter(|_| bits.len() == 16);
        return Ok(f64::from_bits(bits.ok_or_else(|| place.error("expected 16 hexadecimal digits after 0f"))?));
    }
    number(word, place)
}

fn utf8(bytes: Vec<u8>, place: Place) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| place.error("expected UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::float_text;

    #[test]
    fn floats_keep_their_bits() {
        let payload = f64::from_bits(0xfff8_0000_0000_0123);
        for x in [0.0, -0.0, 1e300, 0.1, f64::MIN_POSITIVE / 3.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, payload] {
            let text = float_text(x);
            assert!(text.parse::<i64>().is_err(), "{text} reads as an integer");
            let mut words = Lexer::new(&text).unwrap();
            let place = words.place();
            let (Word::Number(word) | Word::Name(word)) = words.take().unwrap() else { panic!("{text}") };
            assert_eq!(float(word, place).unwrap().to_bits(), x.to_bits(), "{text}");
        }
    }
}
