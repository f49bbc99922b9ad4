//! Graphs with open sizes.

use std::sync::Arc;

use cornet_error::{Result, err};
use cornet_ops::Variable;
use cornet_program::TensorSpec;
use cornet_tensor::{Array, DType};
use smallvec::SmallVec;

use crate::dim::{Dim, Samples};

/// Names a value of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub u32);

impl Value {
    /// The index into [`Body::types`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// An open size: that of one axis of one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name, such as `batch`.
    pub name: String,
    /// Which input has it first.
    pub input: usize,
    /// Along which axis.
    pub axis: usize,
}

/// Dtype and shape of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenType {
    /// The dtype.
    pub dtype: DType,
    /// The size of each axis.
    pub shape: Vec<Dim>,
}

impl OpenType {
    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The sizes, `None` where they are open.
    pub fn known(&self) -> Vec<Option<usize>> {
        self.shape.iter().map(|d| d.known().and_then(|n| usize::try_from(n).ok())).collect()
    }

    /// The sizes, if none is open.
    pub fn fixed(&self) -> Option<Vec<usize>> {
        self.known().into_iter().collect()
    }
}

/// A static argument of a node.
#[derive(Clone, Debug)]
pub enum OpenAttr {
    /// A switch.
    Bool(bool),
    /// An integer.
    Int(Dim),
    /// A float.
    Float(f64),
    /// A word.
    Str(Arc<str>),
    /// A dtype.
    DType(DType),
    /// Integers.
    Ints(Vec<Dim>),
    /// An array.
    Array(Array),
    /// The body of a control-flow op.
    Body(Arc<Body>),
}

/// The static arguments of a node.
#[derive(Clone, Debug, Default)]
pub struct OpenAttrs(pub SmallVec<[(&'static str, OpenAttr); 3]>);

impl OpenAttrs {
    /// With one more.
    #[must_use]
    pub fn with(mut self, name: &'static str, attr: OpenAttr) -> Self {
        self.0.push((name, attr));
        self
    }

    /// The argument of that name.
    pub fn get(&self, name: &str) -> Option<&OpenAttr> {
        self.0.iter().find(|(n, _)| *n == name).map(|(_, attr)| attr)
    }

    fn need<'a, T>(&'a self, name: &str, kind: &str, take: impl Fn(&'a OpenAttr) -> Option<T>) -> Result<T> {
        let found = self.get(name).and_then(take);
        found.ok_or_else(|| err!(Unsupported, "attribute '{name}': expected {kind}, found {:?}", self.get(name)))
    }

    /// The switch of that name.
    ///
    /// # Errors
    /// `unsupported` if it is missing or of another kind, or open where a fixed number is asked for; so too below.
    pub fn bool(&self, name: &str) -> Result<bool> {
        self.need(name, "a bool", |a| if let OpenAttr::Bool(x) = a { Some(*x) } else { None })
    }

    /// The number of that name, fixed or not.
    pub fn dim(&self, name: &str) -> Result<&Dim> {
        self.need(name, "a number", |a| if let OpenAttr::Int(x) = a { Some(x) } else { None })
    }

    /// The number of that name.
    pub fn int(&self, name: &str) -> Result<i64> {
        self.need(name, "a fixed number", |a| if let OpenAttr::Int(x) = a { x.known() } else { None })
    }

    /// The number of that name, as it counts things.
    pub fn size(&self, name: &str) -> Result<usize> {
        let found = self.int(name)?;
        usize::try_from(found).map_err(|_| err!(Unsupported, "attribute '{name}': expected a size, found {found}"))
    }

    /// The float of that name.
    pub fn float(&self, name: &str) -> Result<f64> {
        self.need(name, "a float", |a| match a {
            OpenAttr::Float(x) => Some(*x),
            OpenAttr::Int(x) => x.known().map(|x| x as f64),
            _ => None,
        })
    }

    /// The word of that name.
    pub fn str(&self, name: &str) -> Result<&str> {
        self.need(name, "a word", |a| if let OpenAttr::Str(x) = a { Some(&**x) } else { None })
    }

    /// The dtype of that name.
    pub fn dtype(&self, name: &str) -> Result<DType> {
        self.need(name, "a dtype", |a| if let OpenAttr::DType(x) = a { Some(*x) } else { None })
    }

    /// The numbers of that name, fixed or not.
    pub fn dims(&self, name: &str) -> Result<&[Dim]> {
        self.need(name, "numbers", |a| if let OpenAttr::Ints(x) = a { Some(x.as_slice()) } else { None })
    }

    /// The numbers of that name.
    pub fn ints(&self, name: &str) -> Result<Vec<i64>> {
        self.need(name, "fixed numbers", |a| match a {
            OpenAttr::Ints(x) => x.iter().map(Dim::known).collect(),
            _ => None,
        })
    }

    /// The array of that name.
    pub fn array(&self, name: &str) -> Result<&Array> {
        self.need(name, "an array", |a| if let OpenAttr::Array(x) = a { Some(x) } else { None })
    }

    /// The body of that name.
    pub fn body(&self, name: &str) -> Result<&Arc<Body>> {
        self.need(name, "a body", |a| if let OpenAttr::Body(x) = a { Some(x) } else { None })
    }
}

/// An op at work.
///
/// Ops are those of `cornet_ops`, and `size`: the attribute `value`, a number that depends on open sizes, as a scalar of
/// the attribute `dtype`.
#[derive(Clone, Debug)]
pub struct OpenNode {
    /// The op's name.
    pub op: &'static str,
    /// Its static arguments.
    pub attrs: OpenAttrs,
    /// What it reads.
    pub inputs: SmallVec<[Value; 3]>,
    /// What it defines.
    pub outputs: SmallVec<[Value; 1]>,
    /// Where it was made: the layer, such as `model/dense_1`.
    pub scope: Option<Arc<str>>,
}

/// A value with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// The value.
    pub value: Value,
}

/// A variable that a graph reads.
#[derive(Clone, Debug)]
pub struct OpenVariable {
    /// The variable.
    pub variable: Variable,
    /// Its value in the graph.
    pub value: Value,
}

/// Nodes in running order, with what they take and give.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// The arguments in calling order.
    pub inputs: Vec<Named>,
    /// The variables that are read. Bodies of control flow have none: they take them as arguments.
    pub variables: Vec<OpenVariable>,
    /// The nodes; each uses only inputs, variables and results of earlier nodes.
    pub nodes: Vec<OpenNode>,
    /// The type of every value.
    pub types: Vec<OpenType>,
    /// The results.
    pub outputs: Vec<Named>,
}

impl Body {
    /// The type of a value.
    pub fn type_of(&self, value: Value) -> &OpenType {
        &self.types[value.index()]
    }

    /// Adds a value.
    pub fn add_value(&mut self, ty: OpenType) -> Value {
        self.types.push(ty);
        Value(self.types.len() as u32 - 1)
    }

    /// For each value, the index of the node that defines it.
    pub fn definitions(&self) -> Vec<Option<usize>> {
        let mut definitions = vec![None; self.types.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            node.outputs.iter().for_each(|o| definitions[o.index()] = Some(i));
        }
        definitions
    }

    /// The array that a value is, if a node `constant` defines it.
    pub fn constant(&self, definitions: &[Option<usize>], value: Value) -> Option<&Array> {
        let node = &self.nodes[definitions[value.index()]?];
        if node.op == "constant" { node.attrs.array("value").ok() } else { None }
    }
}

/// A function with open sizes, ready to be written.
#[derive(Clone, Debug)]
pub struct OpenFunction {
    /// Its name.
    pub name: String,
    /// The open sizes. A graph without any has fixed sizes throughout.
    pub symbols: Vec<Symbol>,
    /// The sizes it was traced with.
    pub samples: Arc<Samples>,
    /// What it does.
    pub graph: Body,
}

impl OpenFunction {
    /// What an input or output is.
    pub fn spec(&self, named: &Named) -> TensorSpec {
        let ty = self.graph.type_of(named.value);
        TensorSpec::new(&named.name, ty.dtype, Some(ty.known()))
    }

    /// The name of a size, if it is open and has one.
    pub fn size_name(&self, dim: &Dim) -> Option<&str> {
        Some(&self.symbols.get(dim.symbol()?)?.name)
    }
}
