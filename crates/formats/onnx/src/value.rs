//! What flows along the edges of a graph.

use std::collections::BTreeMap;
use std::fmt;

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};

use crate::narrow::Narrow;

/// A value of a graph.
#[derive(Clone)]
pub enum Value {
    /// A tensor of one of our dtypes.
    Tensor(Tensor),
    /// A tensor of a narrow type, by its codes.
    Narrow(Narrow, Tensor),
    /// A list.
    Sequence(Vec<Value>),
    /// Something or nothing.
    Optional(Option<Box<Value>>),
    /// Numbers by whole numbers or texts, as classifiers give probabilities.
    Map(Map),
}

/// A map of the domain `ai.onnx.ml`.
#[derive(Clone, Debug, PartialEq)]
pub enum Map {
    /// By whole numbers.
    Ints(BTreeMap<i64, f64>),
    /// By texts.
    Texts(BTreeMap<Vec<u8>, f64>),
}

impl Value {
    /// What it is, in a word or two.
    pub fn kind(&self) -> String {
        match self {
            Self::Tensor(t) => t.ty().map_or_else(|_| "a failed tensor".into(), |ty| format!("a tensor {ty}")),
            Self::Narrow(narrow, t) => {
                let shape = t.shape().map(|s| s.to_string()).unwrap_or_default();
                format!("a tensor {} {shape}", narrow.name())
            }
            Self::Sequence(items) => format!("a sequence of {}", items.len()),
            Self::Optional(Some(inner)) => format!("an optional with {}", inner.kind()),
            Self::Optional(None) => "an empty optional".into(),
            Self::Map(_) => "a map".into(),
        }
    }

    /// The tensor.
    ///
    /// # Errors
    /// `dtype_mismatch` for anything else; the failure that it carries.
    pub fn tensor(&self) -> Result<&Tensor> {
        match self {
            Self::Tensor(tensor) => match tensor.error() {
                Some(error) => Err(error.clone()),
                None => Ok(tensor),
            },
            Self::Optional(Some(inner)) => inner.tensor(),
            other => Err(err!(DtypeMismatch, "expected a tensor, found {}", other.kind())),
        }
    }

    /// The list.
    ///
    /// # Errors
    /// `dtype_mismatch` for anything else.
    pub fn sequence(&self) -> Result<&[Value]> {
        match self {
            Self::Sequence(items) => Ok(items),
            Self::Optional(Some(inner)) => inner.sequence(),
            other => Err(err!(DtypeMismatch, "expected a sequence, found {}", other.kind())),
        }
    }

    /// The tensor, or the codes of a narrow one: for ops that move elements and look at none.
    pub(crate) fn parts(&self) -> Result<(Option<Narrow>, &Tensor)> {
        match self {
            Self::Narrow(narrow, tensor) => Ok((Some(*narrow), tensor)),
            other => Ok((None, other.tensor()?)),
        }
    }

    /// The same kind of tensor with other elements.
    pub(crate) fn of_parts(narrow: Option<Narrow>, tensor: Tensor) -> Self {
        match narrow {
            Some(narrow) => Self::Narrow(narrow, tensor),
            None => Self::Tensor(tensor),
        }
    }

    /// The first failure that it carries.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::Tensor(t) | Self::Narrow(_, t) => t.error().map_or(Ok(()), |e| Err(e.clone())),
            Self::Sequence(items) => items.iter().try_for_each(Self::check),
            Self::Optional(inner) => inner.as_ref().map_or(Ok(()), |v| v.check()),
            Self::Map(_) => Ok(()),
        }
    }

    /// Bytes of its elements.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Tensor(t) | Self::Narrow(_, t) => t.ty().map_or(0, |ty| {
                let size = if ty.dtype == DType::Str { 24 } else { ty.dtype.size() };
                (ty.shape.elements() as u64).saturating_mul(size as u64)
            }),
            Self::Sequence(items) => items.iter().fold(0, |n: u64, v| n.saturating_add(v.bytes())),
            Self::Optional(inner) => inner.as_ref().map_or(0, |v| v.bytes()),
            Self::Map(Map::Ints(map)) => 16 * map.len() as u64,
            Self::Map(Map::Texts(map)) => 48 * map.len() as u64,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind())
    }
}

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Self {
        Self::Tensor(tensor)
    }
}

impl From<Array> for Value {
    fn from(array: Array) -> Self {
        Self::Tensor(array.into())
    }
}
