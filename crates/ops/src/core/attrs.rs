//! The static arguments of an op: axes, shapes, padding, dtypes, constants, sub-graphs.

use std::fmt;
use std::sync::Arc;

use cornet_tensor::{Array, DType, Result, Shape, err};
use smallvec::SmallVec;

use super::graph::Graph;

/// One static argument.
#[derive(Clone)]
pub enum Attr {
    /// A switch.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A word, such as a padding mode.
    Str(Arc<str>),
    /// A dtype.
    DType(DType),
    /// Integers: axes, sizes, permutations.
    Ints(SmallVec<[i64; 6]>),
    /// The value of a constant.
    Array(Array),
    /// The body of a control-flow op.
    Graph(Arc<Graph>),
}

/// Named static arguments, in the order in which the op declares them.
#[derive(Clone, Default, PartialEq)]
pub struct Attrs(SmallVec<[(&'static str, Attr); 4]>);

/// `attrs! { axes: &axes, keepdims: true }`: an [`Attrs`] of anything that converts to [`Attr`].
#[macro_export]
macro_rules! attrs {
    ($($name:ident : $value:expr),* $(,)?) => {
        $crate::Attrs::default()$(.with(stringify!($name), $value))*
    };
}

impl Attrs {
    /// Adds an argument.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Attr>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// The arguments in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Attr)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// True without arguments.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The argument of that name.
    pub fn get(&self, name: &str) -> Option<&Attr> {
        self.0.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    fn need<'a, T>(&'a self, name: &str, kind: &str, take: impl Fn(&'a Attr) -> Option<T>) -> Result<T> {
        match self.get(name) {
            None => Err(err!(InvalidArgument, "attribute '{name}': expected {kind}, found none")),
            Some(attr) => {
                take(attr).ok_or_else(|| err!(InvalidArgument, "attribute '{name}': expected {kind}, found {attr:?}"))
            }
        }
    }

    /// The switch of that name.
    ///
    /// # Errors
    /// `invalid_argument` if it is missing or of another kind; so too below.
    pub fn bool(&self, name: &str) -> Result<bool> {
        self.need(name, "a bool", |a| if let Attr::Bool(x) = a { Some(*x) } else { None })
    }

    /// The integer of that name.
    pub fn int(&self, name: &str) -> Result<i64> {
        self.need(name, "an integer", |a| if let Attr::Int(x) = a { Some(*x) } else { None })
    }

    /// The non-negative integer of that name.
    pub fn size(&self, name: &str) -> Result<usize> {
        self.need(name, "a size", |a| if let Attr::Int(x) = a { usize::try_from(*x).ok() } else { None })
    }

    /// The float of that name.
    pub fn float(&self, name: &str) -> Result<f64> {
        self.need(name, "a float", |a| match a {
            Attr::Float(x) => Some(*x),
            Attr::Int(x) => Some(*x as f64),
            _ => None,
        })
    }

    /// The word of that name.
    pub fn str(&self, name: &str) -> Result<&str> {
        self.need(name, "a word", |a| if let Attr::Str(x) = a { Some(&**x) } else { None })
    }

    /// The dtype of that name.
    pub fn dtype(&self, name: &str) -> Result<DType> {
        self.need(name, "a dtype", |a| if let Attr::DType(x) = a { Some(*x) } else { None })
    }

    /// The integers of that name.
    pub fn ints(&self, name: &str) -> Result<&[i64]> {
        self.need(name, "integers", |a| if let Attr::Ints(x) = a { Some(x.as_slice()) } else { None })
    }

    /// The non-negative integers of that name.
    pub fn sizes(&self, name: &str) -> Result<SmallVec<[usize; 6]>> {
        self.need(name, "sizes", |a| match a {
            Attr::Ints(x) => x.iter().map(|&i| usize::try_from(i).ok()).collect(),
            _ => None,
        })
    }

    /// The sizes of that name as a shape.
    pub fn shape(&self, name: &str) -> Result<Shape> {
        Ok(Shape::from(self.sizes(name)?))
    }

    /// The array of that name.
    pub fn array(&self, name: &str) -> Result<&Array> {
        self.need(name, "an array", |a| if let Attr::Array(x) = a { Some(x) } else { None })
    }

    /// The graph of that name.
    pub fn graph(&self, name: &str) -> Result<&Arc<Graph>> {
        self.need(name, "a graph", |a| if let Attr::Graph(x) = a { Some(x) } else { None })
    }
}

impl fmt::Debug for Attrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Attr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Attr::Bool(x) => write!(f, "{x}"),
            Attr::Int(x) => write!(f, "{x}"),
            Attr::Float(x) => write!(f, "{x:?}"),
            Attr::Str(x) => write!(f, "{x:?}"),
            Attr::DType(x) => write!(f, "{x}"),
            Attr::Ints(x) => write!(f, "{x:?}"),
            Attr::Array(x) => write!(f, "<{} {}>", x.dtype(), x.shape()),
            Attr::Graph(x) => write!(f, "<graph {}>", x.name),
        }
    }
}

/// Floats are equal by their bits and graphs by identity, so that equal attributes mean equal results.
impl PartialEq for Attr {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Attr::Bool(a), Attr::Bool(b)) => a == b,
            (Attr::Int(a), Attr::Int(b)) => a == b,
            (Attr::Float(a), Attr::Float(b)) => a.to_bits() == b.to_bits(),
            (Attr::Str(a), Attr::Str(b)) => a == b,
            (Attr::DType(a), Attr::DType(b)) => a == b,
            (Attr::Ints(a), Attr::Ints(b)) => a == b,
            (Attr::Array(a), Attr::Array(b)) => a == b,
            (Attr::Graph(a), Attr::Graph(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

macro_rules! from {
    ($($t:ty => |$x:ident| $attr:expr;)+) => { $(impl From<$t> for Attr {
        fn from($x: $t) -> Attr { $attr }
    })+ };
}

from! {
    bool => |x| Attr::Bool(x);
    i64 => |x| Attr::Int(x);
    i32 => |x| Attr::Int(x.into());
    isize => |x| Attr::Int(x as i64);
    usize => |x| Attr::Int(x as i64);
    f64 => |x| Attr::Float(x);
    &str => |x| Attr::Str(x.into());
    String => |x| Attr::Str(x.into());
    DType => |x| Attr::DType(x);
    &[i64] => |x| Attr::Ints(x.into());
    Vec<i64> => |x| Attr::Ints(x.into());
    &[usize] => |x| Attr::Ints(x.iter().map(|&i| i as i64).collect());
    &[isize] => |x| Attr::Ints(x.iter().map(|&i| i as i64).collect());
    Vec<usize> => |x| Attr::from(&x[..]);
    SmallVec<[usize; 6]> => |x| Attr::from(&x[..]);
    &SmallVec<[usize; 6]> => |x| Attr::from(&x[..]);
    &Shape => |x| Attr::from(x.as_slice());
    Shape => |x| Attr::from(x.as_slice());
    Array => |x| Attr::Array(x);
    Arc<Graph> => |x| Attr::Graph(x);
}
