//! `Variable`: the one mutable thing.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use cornet_tensor::{Array, DType, Result, Shape, err};

use super::op::Type;
use super::tape;
use super::tensor::{Tensor, fresh_id};
use super::trace::Builder;
use crate::index::ScatterMode;

/// A named place of fixed dtype and shape whose value changes. Clones are the same variable.
///
/// ```
/// use cornet_ops::{Tensor, Variable};
/// let w = Variable::new("w", Tensor::of([1.0_f32, 2.0]))?;
/// w.assign_add(&Tensor::of([0.5_f32, 0.5]))?;
/// assert_eq!(w.read().to_vec::<f32>()?, [1.5, 2.5]);
/// # Ok::<(), cornet_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Variable(Arc<Inner>);

struct Inner {
    id: u64,
    name: String,
    ty: Type,
    trainable: bool,
    state: Mutex<State>,
    /// Signals that a value is back from [`Variable::checkout`].
    returned: Condvar,
}

#[derive(Default)]
struct State {
    value: Option<Array>,
    /// Names the value among tensors; changes with every assignment.
    version: u64,
    /// An executor has the value, to change it in place.
    out: bool,
}

impl Variable {
    /// A trainable variable that starts with this value.
    ///
    /// # Errors
    /// The failure that `initial` carries, or `not_traced` for a traced one.
    pub fn new(name: impl Into<String>, initial: impl Into<Tensor>) -> Result<Self> {
        let array = initial.into().array()?;
        let variable = Self::uninitialized(name, Type::of(&array), true);
        variable.set(array)?;
        Ok(variable)
    }

    /// The same, not to be trained: counters, moving averages, optimizer state.
    ///
    /// # Errors
    /// As [`Variable::new`].
    pub fn non_trainable(name: impl Into<String>, initial: impl Into<Tensor>) -> Result<Self> {
        let array = initial.into().array()?;
        let variable = Self::uninitialized(name, Type::of(&array), false);
        variable.set(array)?;
        Ok(variable)
    }

    /// A variable without a value yet; reading it before an assignment is an error that names it.
    pub fn uninitialized(name: impl Into<String>, ty: Type, trainable: bool) -> Self {
        let (state, returned) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Inner { id: fresh_id(), name: name.into(), ty, trainable, state, returned }))
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Dtype and shape.
    pub fn ty(&self) -> &Type {
        &self.0.ty
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.0.ty.shape
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.0.ty.dtype
    }

    /// Whether training may change it, as its maker decided.
    pub fn trainable(&self) -> bool {
        self.0.trainable
    }

    /// A number that names this variable in the process.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Whether it has a value.
    pub fn is_initialized(&self) -> bool {
        self.lock().value.is_some()
    }

    /// The value as a tensor: as of now eagerly, as of this point of the program in a trace. Tapes watch trainable
    /// variables by themselves.
    #[track_caller]
    pub fn read(&self) -> Tensor {
        let tensor = match Builder::active() {
            Some(builder) => match builder.read(self) {
                Ok(tensor) => tensor,
                Err(error) => return Tensor::failed(error),
            },
            None => {
                let state = self.lock();
                match &state.value {
                    Some(array) => Tensor::with_id(state.version, array.clone()),
                    None => return Tensor::failed(self.no_value()),
                }
            }
        };
        tape::note_read(self, &tensor);
        tensor
    }

    /// The value, outside of any trace.
    ///
    /// # Errors
    /// `uninitialized`.
    pub fn value(&self) -> Result<Array> {
        self.lock().value.clone().ok_or_else(|| self.no_value())
    }

    /// Replaces the value, outside of any trace.
    ///
    /// # Errors
    /// `shape_mismatch` or `dtype_mismatch`.
    pub fn set(&self, array: Array) -> Result<()> {
        self.check(&Type::of(&array))?;
        let mut state = self.lock();
        state.value = Some(array);
        state.version = fresh_id();
        Ok(())
    }

    /// Replaces the value: now when eager, at the end of each run in a trace, where later reads see it.
    ///
    /// # Errors
    /// `shape_mismatch`, `dtype_mismatch`, or the failure that `value` carries.
    pub fn assign(&self, value: &Tensor) -> Result<()> {
        self.check(value.type_ref()?)?;
        match Builder::active() {
            Some(builder) => builder.assign(self, value),
            None => self.set(value.array()?),
        }
    }

    /// Adds to the value.
    ///
    /// # Errors
    /// As [`Variable::assign`].
    pub fn assign_add(&self, delta: &Tensor) -> Result<()> {
        self.assign(&(self.read() + delta))
    }

    /// Subtracts from the value.
    ///
    /// # Errors
    /// As [`Variable::assign`].
    pub fn assign_sub(&self, delta: &Tensor) -> Result<()> {
        self.assign(&(self.read() - delta))
    }

    /// Changes the rows (slices along the first axis) that `indices` names: row `indices[i]` by `updates[i]`, as `mode`
    /// says. Rows named several times are changed several times, in order; negative indices count from the end.
    ///
    /// # Shapes
    /// `indices`: `[n]`, integers; `updates`: `[n, …]`, rows of the variable's shape.
    ///
    /// # Errors
    /// As [`Variable::assign`]; `shape_mismatch` for other shapes; `out_of_range` for a row that does not exist.
    ///
    /// ```
    /// use cornet_ops::{ScatterMode, Tensor, Variable};
    /// let w = Variable::new("w", Tensor::of([[1.0_f32, 2.0], [3.0, 4.0]]))?;
    /// w.scatter(&Tensor::of([1_i32]), &Tensor::of([[10.0_f32, 10.0]]), ScatterMode::Add)?;
    /// assert_eq!(w.read().to_vec::<f32>()?, [1.0, 2.0, 13.0, 14.0]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn scatter(&self, indices: &Tensor, updates: &Tensor, mode: ScatterMode) -> Result<()> {
        self.assign(&self.read().scatter_nd(&indices.expand_dims(&[-1]), updates, mode))
    }

    /// Takes the value out, to be changed in place and given back by [`Variable::checkin`]; readers wait meanwhile. Who
    /// takes several takes them in the order of their ids.
    ///
    /// # Errors
    /// `uninitialized`.
    pub fn checkout(&self) -> Result<Array> {
        let mut state = self.lock();
        let value = state.value.take().ok_or_else(|| self.no_value())?;
        state.out = true;
        Ok(value)
    }

    /// Gives back, changed, what [`Variable::checkout`] took.
    pub fn checkin(&self, value: Array) {
        let mut state = self.lock_now();
        state.value = Some(value);
        state.version = fresh_id();
        state.out = false;
        self.0.returned.notify_all();
    }

    /// The state, once no executor has the value.
    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.lock_now();
        self.0.returned.wait_while(state, |s| s.out).unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_now(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error of reading this variable before it has a value.
    pub fn no_value(&self) -> cornet_tensor::Error {
        err!(Uninitialized, "variable '{}' ({}) is read before it has a value", self.name(), self.ty())
            .help("assign it, or run its initializer, first")
    }

    fn check(&self, found: &Type) -> Result<()> {
        if found.shape != self.0.ty.shape {
            return Err(err!(ShapeMismatch, "variable '{}': expected {}, found {}", self.name(), self.ty(), found));
        }
        if found.dtype != self.0.ty.dtype {
            return Err(err!(DtypeMismatch, "variable '{}': expected {}, found {}", self.name(), self.ty(), found)
                .help(format!("cast the value to {}", self.dtype())));
        }
        Ok(())
    }
}

impl PartialEq for Variable {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for Variable {}

impl std::hash::Hash for Variable {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Variable {} {}>", self.name(), self.ty())
    }
}
