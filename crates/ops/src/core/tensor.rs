//! `Tensor`: a value, a node of a graph under construction, or a failure.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cornet_tensor::{Array, DType, Element, Error, Item, Literal, Result, Shape, err};

use super::graph::ValueId;
use super::op::Type;
use super::trace::Builder;

/// A handle to a value, cheap to clone.
///
/// Arithmetic never panics and needs no `?`: an op that fails yields a tensor that carries the first error, with the
/// caller's file and line, and every call that reads returns it.
///
/// ```
/// use cornet_ops::Tensor;
/// let x = Tensor::of([[1.0_f32, 2.0], [3.0, 4.0]]);
/// let y = x.matmul(&x) + 1.0;
/// assert_eq!(y.to_vec::<f32>()?, [8.0, 11.0, 16.0, 23.0]);
///
/// let wrong = x.matmul(&Tensor::of([[1.0_f32, 2.0, 3.0]])).exp();
/// assert!(wrong.to_vec::<f32>().unwrap_err().to_string().contains("matmul"));
/// # Ok::<(), cornet_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor(pub(crate) Repr);

#[derive(Clone)]
pub(crate) enum Repr {
    Value(Arc<Value>),
    Node(Arc<Node>),
    Failed(Error),
}

pub(crate) struct Value {
    pub id: u64,
    pub ty: Type,
    pub array: Array,
    pub logits: Option<Tensor>,
}

pub(crate) struct Node {
    pub id: u64,
    pub ty: Type,
    pub builder: Builder,
    pub value: ValueId,
    pub logits: Option<Tensor>,
}

thread_local! {
    /// The line that called the composite now running: the one that errors should name.
    static HERE: Cell<Option<&'static Location<'static>>> = const { Cell::new(None) };
}

/// Makes errors name the caller of a composite rather than a line inside it, until dropped. The outermost counts.
pub(crate) struct Here(Option<&'static Location<'static>>);

impl Here {
    pub fn enter(caller: &'static Location<'static>) -> Here {
        Here(HERE.replace(Some(HERE.get().unwrap_or(caller))))
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        HERE.set(self.0);
    }
}

/// The line an error should name, for a call made at `caller`.
pub(crate) fn site(caller: &'static Location<'static>) -> &'static Location<'static> {
    HERE.get().unwrap_or(caller)
}

/// A number no other tensor or variable of this process has.
pub(crate) fn fresh_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Tensor {
    /// The tensor of a nested literal: scalars, arrays, vectors, slices. The element type decides the dtype.
    #[track_caller]
    pub fn of<L: Literal>(literal: L) -> Tensor {
        Tensor::from_result(Array::from_literal(literal))
    }

    /// The tensor of a slice under a shape.
    #[track_caller]
    pub fn from_slice<T: Element>(items: &[T], shape: impl Into<Shape>) -> Tensor {
        Tensor::from_result(Array::from_slice(items, shape))
    }

    /// A tensor that carries an error.
    #[track_caller]
    pub fn failed(error: Error) -> Tensor {
        Tensor(Repr::Failed(error.at(site(Location::caller()))))
    }

    /// The tensor of an array, or of the error in its place.
    #[track_caller]
    pub fn from_result(result: Result<Array>) -> Tensor {
        match result {
            Ok(array) => array.into(),
            Err(error) => Tensor::failed(error),
        }
    }

    /// Runs a composite that reads shapes as it goes; an error becomes a failed tensor with the caller's line.
    #[track_caller]
    pub fn lift(body: impl FnOnce() -> Result<Tensor>) -> Tensor {
        let _here = Here::enter(Location::caller());
        match body() {
            Ok(tensor) => tensor,
            Err(error) => Tensor::failed(error),
        }
    }

    pub(crate) fn with_id(id: u64, array: Array) -> Tensor {
        Tensor(Repr::Value(Arc::new(Value { id, ty: Type::of(&array), array, logits: None })))
    }

    pub(crate) fn node(builder: Builder, value: ValueId, ty: Type) -> Tensor {
        Tensor(Repr::Node(Arc::new(Node { id: fresh_id(), ty, builder, value, logits: None })))
    }

    /// The same tensor, which remembers the logits that an activation made it from.
    pub(crate) fn with_logits(self, logits: &Tensor) -> Tensor {
        let logits = Some(logits.clone());
        Tensor(match self.0 {
            Repr::Value(v) => {
                Repr::Value(Arc::new(Value { id: v.id, ty: v.ty.clone(), array: v.array.clone(), logits }))
            }
            Repr::Node(n) => {
                let (ty, builder) = (n.ty.clone(), n.builder.clone());
                Repr::Node(Arc::new(Node { id: n.id, ty, builder, value: n.value, logits }))
            }
            failed => failed,
        })
    }

    /// The logits this tensor was made from, if it came straight from softmax or sigmoid: a crossentropy computed from
    /// them loses nothing to rounding.
    pub fn logits(&self) -> Option<&Tensor> {
        match &self.0 {
            Repr::Value(v) => v.logits.as_ref(),
            Repr::Node(n) => n.logits.as_ref(),
            Repr::Failed(_) => None,
        }
    }

    /// Dtype and shape.
    ///
    /// # Errors
    /// The failure that the tensor carries, if any; so too below.
    pub fn ty(&self) -> Result<Type> {
        self.type_ref().cloned()
    }

    pub(crate) fn type_ref(&self) -> Result<&Type> {
        match &self.0 {
            Repr::Value(v) => Ok(&v.ty),
            Repr::Node(n) => Ok(&n.ty),
            Repr::Failed(e) => Err(e.clone()),
        }
    }

    /// The shape.
    pub fn shape(&self) -> Result<Shape> {
        Ok(self.type_ref()?.shape.clone())
    }

    /// The dtype.
    pub fn dtype(&self) -> Result<DType> {
        Ok(self.type_ref()?.dtype)
    }

    /// The number of axes.
    pub fn rank(&self) -> Result<usize> {
        Ok(self.type_ref()?.shape.rank())
    }

    /// The value.
    ///
    /// # Errors
    /// The failure that the tensor carries; `not_traced` for a node of a graph under construction.
    pub fn array(&self) -> Result<Array> {
        match &self.0 {
            Repr::Value(v) => Ok(v.array.clone()),
            Repr::Failed(e) => Err(e.clone()),
            Repr::Node(n) => Err(err!(NotTraced, "a traced tensor ({}) has no value while its graph is built", n.ty)
                .help("read it after the function has run, or use cond, while_loop or where for decisions on values")),
        }
    }

    /// A copy of the elements in row-major order.
    ///
    /// # Errors
    /// As [`Tensor::array`]; `dtype_mismatch` if `T` is not the tensor's type.
    pub fn to_vec<T: Item>(&self) -> Result<Vec<T>> {
        self.array()?.to_vec()
    }

    /// The one element.
    ///
    /// # Errors
    /// As [`Tensor::to_vec`]; `shape_mismatch` unless there is exactly one.
    pub fn item<T: Item>(&self) -> Result<T> {
        self.array()?.item()
    }

    /// The failure, if the tensor carries one.
    pub fn error(&self) -> Option<&Error> {
        match &self.0 {
            Repr::Failed(e) => Some(e),
            _ => None,
        }
    }

    /// True for a node of a graph under construction.
    pub fn is_traced(&self) -> bool {
        matches!(self.0, Repr::Node(_))
    }

    /// A number that names this value among all of the process; a failure has none.
    pub fn id(&self) -> Option<u64> {
        match &self.0 {
            Repr::Value(v) => Some(v.id),
            Repr::Node(n) => Some(n.id),
            Repr::Failed(_) => None,
        }
    }
}

impl From<Array> for Tensor {
    fn from(array: Array) -> Tensor {
        Tensor::with_id(fresh_id(), array)
    }
}

impl From<&Array> for Tensor {
    fn from(array: &Array) -> Tensor {
        array.clone().into()
    }
}

impl From<&Tensor> for Tensor {
    fn from(tensor: &Tensor) -> Tensor {
        tensor.clone()
    }
}

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Value(v) => write!(f, "{}", v.array.describe()),
            Repr::Node(n) => write!(f, "tensor(traced, shape={}, dtype={})", n.ty.shape, n.ty.dtype),
            Repr::Failed(e) => write!(f, "tensor(failed: {e})"),
        }
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
