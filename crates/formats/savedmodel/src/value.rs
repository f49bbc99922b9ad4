//! What flows along the edges of a graph.

use std::sync::Arc;

use cornet_error::{Result, err, fail};
use cornet_ops::{Tensor, Type};
use cornet_tensor::{Array, DType};

use crate::attr::PartialShape;
use crate::state::{Table, Variable};

/// What an edge carries.
#[derive(Clone)]
pub(crate) enum Value {
    Tensor(Tensor),
    Variable(Arc<Variable>),
    Table(Arc<Table>),
    /// A list of tensors: TensorFlow 2's TensorList, or the flow of TensorFlow 1's TensorArray.
    List(List),
    /// A TensorArray, whose elements are where its flow is.
    Array(ArrayHandle),
    /// A ragged tensor inside a variant.
    Ragged(Arc<Ragged>),
    /// Several of them, one a row.
    Variants(Arc<Vec<Value>>),
    /// What the branch that was not taken gives.
    Dead,
}

/// What a TensorArray says of its elements.
#[derive(Clone, Debug)]
pub(crate) struct ArrayHandle {
    pub shape: PartialShape,
}

/// Rows of different lengths, several levels deep.
pub(crate) struct Ragged {
    pub splits: Vec<Tensor>,
    pub values: Tensor,
}

/// A list of tensors of one dtype.
#[derive(Clone)]
pub(crate) struct List {
    pub dtype: DType,
    /// The shape of an element as far as the graph says it.
    pub shape: PartialShape,
    pub items: Items,
}

/// The elements of a list.
#[derive(Clone)]
pub(crate) enum Items {
    /// All of them, stacked.
    Stacked(Tensor),
    /// One by one; those that were not written are missing.
    Each(Vec<Option<Tensor>>),
}

/// An error that makes a function run op by op.
pub(crate) fn not_traced(what: &str) -> cornet_error::Error {
    err!(NotTraced, "{what} while a graph is traced")
}

impl Value {
    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Tensor(_) => "a tensor",
            Value::Variable(_) => "a variable",
            Value::Table(_) => "a table",
            Value::List(_) => "a list",
            Value::Array(_) => "an array",
            Value::Ragged(_) | Value::Variants(_) => "a variant",
            Value::Dead => "nothing",
        }
    }

    /// The tensor; a variable is read.
    ///
    /// # Errors
    /// `dtype_mismatch` for other things; the failure that the tensor carries.
    pub fn tensor(&self) -> Result<Tensor> {
        match self {
            Value::Tensor(t) => t.error().map_or(Ok(t.clone()), |e| Err(e.clone())),
            Value::Variable(v) => v.read(),
            other => Err(err!(DtypeMismatch, "expected a tensor, found {}", other.kind())),
        }
    }

    /// The list.
    ///
    /// # Errors
    /// `dtype_mismatch` for other things.
    pub fn list(&self) -> Result<&List> {
        match self {
            Value::List(list) => Ok(list),
            other => Err(err!(DtypeMismatch, "expected a list of tensors, found {}", other.kind())),
        }
    }

    /// Whether it is known now, and not a place in a graph being traced.
    pub fn is_known(&self) -> bool {
        match self {
            Value::Tensor(t) => !t.is_traced(),
            Value::Variable(_) | Value::Dead | Value::Table(_) | Value::Array(_) => true,
            Value::List(_) | Value::Ragged(_) | Value::Variants(_) => false,
        }
    }
}

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Self {
        Value::Tensor(tensor)
    }
}

impl From<List> for Value {
    fn from(list: List) -> Self {
        Value::List(list)
    }
}

impl List {
    /// How many elements there are.
    ///
    /// # Errors
    /// The failure that the elements carry.
    pub fn len(&self) -> Result<usize> {
        match &self.items {
            Items::Stacked(t) => Ok(t.shape()?.first().copied().unwrap_or(0)),
            Items::Each(items) => Ok(items.len()),
        }
    }

    /// The shape of an element: that of one that was written, or what the list or `hint` says.
    ///
    /// # Errors
    /// `unsupported` if nothing says it.
    pub fn element(&self, hint: Option<&[i64]>) -> Result<Type> {
        if let Items::Stacked(t) = &self.items {
            return Ok(Type::new(t.dtype()?, &t.shape()?[1..]));
        }
        if let Items::Each(items) = &self.items
            && let Some(written) = items.iter().flatten().next()
        {
            return written.ty();
        }
        let full = |shape: &[i64]| shape.iter().map(|&s| usize::try_from(s).ok()).collect::<Option<Vec<_>>>();
        let known = self.shape.as_deref().and_then(full).or_else(|| full(hint?));
        let known =
            known.ok_or_else(|| err!(Unsupported, "the shape of the elements of an empty list is not known"))?;
        Ok(Type::new(self.dtype, known))
    }

    /// The elements stacked; what was not written is zero.
    ///
    /// # Errors
    /// As [`List::element`].
    pub fn stacked(&self, hint: Option<&[i64]>) -> Result<Tensor> {
        match &self.items {
            Items::Stacked(t) => Ok(t.clone()),
            Items::Each(items) => {
                let ty = self.element(hint)?;
                if items.iter().all(Option::is_none) {
                    let shape: Vec<usize> = std::iter::once(items.len()).chain(ty.shape.iter().copied()).collect();
                    return zeros(ty.dtype, &shape);
                }
                let zero = zeros(ty.dtype, &ty.shape)?;
                Ok(Tensor::stack(&items.iter().map(|i| i.as_ref().unwrap_or(&zero)).collect::<Vec<_>>(), 0))
            }
        }
    }

    /// The elements one by one.
    ///
    /// # Errors
    /// The failure that they carry.
    pub fn each(&self) -> Result<Vec<Option<Tensor>>> {
        match &self.items {
            Items::Stacked(t) => Ok(t.unstack(0)?.into_iter().map(Some).collect()),
            Items::Each(items) => Ok(items.clone()),
        }
    }

    /// The element at an index.
    ///
    /// # Errors
    /// `out_of_range`; as [`List::element`].
    pub fn get(&self, index: &Tensor, hint: Option<&[i64]>) -> Result<Tensor> {
        let index = index.reshape([]);
        if let Items::Each(items) = &self.items
            && !index.is_traced()
        {
            let i = index.cast(DType::I64).item::<i64>()?;
            let at = usize::try_from(i).ok().filter(|&i| i < items.len());
            let at = at.ok_or_else(|| err!(OutOfRange, "list: expected an index below {}, found {i}", items.len()))?;
            return match &items[at] {
                Some(item) => Ok(item.clone()),
                None => {
                    let ty = self.element(hint)?;
                    zeros(ty.dtype, &ty.shape)
                }
            };
        }
        Ok(self.stacked(hint)?.take(&index, 0))
    }

    /// The list with another element at an index.
    ///
    /// # Errors
    /// `out_of_range`; `shape_mismatch`, `dtype_mismatch`.
    pub fn set(&self, index: &Tensor, item: &Tensor) -> Result<List> {
        let index = index.reshape([]);
        let with = |items| List { dtype: self.dtype, shape: self.shape.clone(), items };
        if !index.is_traced()
            && let Items::Each(items) = &self.items
        {
            let i = index.cast(DType::I64).item::<i64>()?;
            let at = usize::try_from(i).ok().filter(|&i| i < items.len());
            let at = at.ok_or_else(|| err!(OutOfRange, "list: expected an index below {}, found {i}", items.len()))?;
            let mut items = items.clone();
            items[at] = Some(item.clone());
            return Ok(with(Items::Each(items)));
        }
        let hint: Vec<i64> = item.shape()?.iter().map(|&s| s as i64).collect();
        let stacked = self.stacked(Some(&hint))?;
        if stacked.shape()?[1..] != *item.shape()? || stacked.dtype()? != item.dtype()? {
            fail!(ShapeMismatch, "list: expected elements like {}, found {}", stacked.ty()?, item.ty()?);
        }
        Ok(with(Items::Stacked(stacked.slice_update_at(&index, item)?)))
    }
}

/// Replacing one slice along axis 0.
trait SliceUpdate {
    fn slice_update_at(&self, index: &Tensor, item: &Tensor) -> Result<Tensor>;
}

impl SliceUpdate for Tensor {
    fn slice_update_at(&self, index: &Tensor, item: &Tensor) -> Result<Tensor> {
        let rank = self.rank()?;
        let zero = Tensor::from(Array::scalar(0_i32));
        let index = index.cast(DType::I32);
        let start: Vec<&Tensor> = std::iter::once(&index).chain(std::iter::repeat_n(&zero, rank - 1)).collect();
        Ok(self.dynamic_update_slice(&item.expand_dims(&[0]), &Tensor::stack(&start, 0)))
    }
}

/// A known tensor of zeros, or of empty strings.
///
/// # Errors
/// `limit_exceeded` for a shape that has no place in memory.
pub(crate) fn zeros(dtype: DType, shape: &[usize]) -> Result<Tensor> {
    Ok(Array::try_zeros(dtype, shape)?.into())
}
