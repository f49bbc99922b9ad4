//! What `#[cornet::function]` expands to.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use cornet_tensor::{DType, Shape};

use crate::Function;

/// The body of a function, given its arguments that are not tensors.
pub type Body = Box<dyn Fn(&[Tensor]) -> Result<Vec<Tensor>> + Send + Sync>;

/// A function for each value of its arguments that are not tensors.
pub struct Specialized {
    name: &'static str,
    functions: Mutex<HashMap<String, Arc<Function>>>,
}

impl Specialized {
    /// None so far.
    pub fn new(name: &'static str) -> Self {
        Self { name, functions: Mutex::default() }
    }

    /// Calls the function of this key, made now if there is none.
    ///
    /// # Errors
    /// As [`Function::call`].
    pub fn call(&self, key: String, arguments: &[Tensor], make: impl FnOnce() -> Body) -> Result<Vec<Tensor>> {
        let function = {
            let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
            functions.entry(key).or_insert_with(|| Arc::new(Function::new(self.name, make()))).clone()
        };
        function.call(arguments)
    }
}

/// An argument that is not a tensor: part of a function's signature.
pub trait Static: Clone + Send + Sync + 'static {
    /// Appends text that differs for different values.
    fn key(&self, key: &mut String);
}

macro_rules! by_debug {
    ($($t:ty)+) => { $(impl Static for $t {
        fn key(&self, key: &mut String) {
            let _ = write!(key, "{self:?};");
        }
    })+ };
}

// Debug text of floats tells -0 from 0; all NaNs count as one.
by_debug!(bool char i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64 String &'static str DType Shape);

impl<T: Static> Static for Option<T> {
    fn key(&self, key: &mut String) {
        self.iter().for_each(|x| x.key(key));
        key.push(if self.is_some() { '?' } else { '-' });
    }
}

impl<T: Static> Static for Vec<T> {
    fn key(&self, key: &mut String) {
        self.len().key(key);
        self.iter().for_each(|x| x.key(key));
    }
}

impl<T: Static, const N: usize> Static for [T; N] {
    fn key(&self, key: &mut String) {
        self.iter().for_each(|x| x.key(key));
    }
}

/// What a function may return.
pub trait Results: Sized {
    /// As a list.
    fn into_tensors(self) -> Vec<Tensor>;
    /// From such a list.
    ///
    /// # Errors
    /// `internal` for a list of another length.
    fn from_tensors(tensors: Vec<Tensor>) -> Result<Self>;
}

impl Results for Vec<Tensor> {
    fn into_tensors(self) -> Vec<Tensor> {
        self
    }

    fn from_tensors(tensors: Vec<Tensor>) -> Result<Self> {
        Ok(tensors)
    }
}

impl<const N: usize> Results for [Tensor; N] {
    fn into_tensors(self) -> Vec<Tensor> {
        self.into()
    }

    fn from_tensors(tensors: Vec<Tensor>) -> Result<Self> {
        tensors.try_into().map_err(|t: Vec<Tensor>| err!(Internal, "expected {N} results, found {}", t.len()))
    }
}

impl Results for Tensor {
    fn into_tensors(self) -> Vec<Tensor> {
        vec![self]
    }

    fn from_tensors(tensors: Vec<Tensor>) -> Result<Self> {
        let [one] = Results::from_tensors(tensors)?;
        Ok(one)
    }
}

macro_rules! tuples {
    ($($n:literal: $($x:ident)+;)+) => { $(impl Results for ($(tuples!(@tensor $x),)+) {
        fn into_tensors(self) -> Vec<Tensor> {
            let ($($x,)+) = self;
            vec![$($x),+]
        }

        fn from_tensors(tensors: Vec<Tensor>) -> Result<Self> {
            let [$($x),+]: [Tensor; $n] = Results::from_tensors(tensors)?;
            Ok(($($x,)+))
        }
    })+ };
    (@tensor $x:ident) => { Tensor };
}

tuples! {
    1: a;
    2: a b;
    3: a b c;
    4: a b c d;
    5: a b c d e;
    6: a b c d e f;
    7: a b c d e f g;
    8: a b c d e f g h;
}

/// The next `count` arguments.
///
/// # Errors
/// `internal` where there are fewer.
pub fn take<'a>(rest: &mut &'a [Tensor], count: usize) -> Result<&'a [Tensor]> {
    let (taken, left) = rest
        .split_at_checked(count)
        .ok_or_else(|| err!(Internal, "expected {count} more arguments, found {}", rest.len()))?;
    *rest = left;
    Ok(taken)
}

/// A tensor, whether it came by value or by reference.
pub fn borrow(tensor: &impl std::borrow::Borrow<Tensor>) -> &Tensor {
    tensor.borrow()
}
