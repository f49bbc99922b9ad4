//! How an op's derivative is stated: a rule that emits ops on tensors, eager or traced alike.

use cornet_tensor::{Result, Shape};

use super::attrs::Attrs;
use super::op::{Op, Type};
use super::tensor::Tensor;

/// The derivative of an op.
#[derive(Clone, Copy)]
pub enum Gradient {
    /// The vector-Jacobian product: from the results' cotangents to one cotangent an input.
    ///
    /// For element-wise ops the rule answers in the result's shape; it is summed over broadcast axes afterwards.
    Rule(fn(&Grad<'_>) -> Cotangents),
    /// Piecewise constant: the derivative is zero wherever it exists.
    Zero,
    /// There is none; the reason completes "x is not differentiable: ...".
    None(&'static str),
}

/// One cotangent an input; `None` is zero.
pub type Cotangents = Vec<Option<Tensor>>;

/// `grads![a, b]`: cotangents, each a tensor or an option of one.
#[macro_export]
macro_rules! grads {
    ($($g:expr),* $(,)?) => { vec![$(::std::convert::Into::<Option<$crate::Tensor>>::into($g)),*] };
}

/// What a rule sees: the call, its results, and the results' cotangents.
pub struct Grad<'a> {
    /// The op.
    pub op: &'static Op,
    /// The static arguments.
    pub attrs: &'a Attrs,
    /// The inputs.
    pub inputs: &'a [Tensor],
    /// The results.
    pub outputs: &'a [Tensor],
    /// The results' cotangents; `None` is zero.
    pub cotangents: &'a [Option<Tensor>],
    /// Which inputs' cotangents are wanted.
    pub wanted: &'a [bool],
}

impl Grad<'_> {
    /// Input `i`.
    pub fn x(&self, i: usize) -> &Tensor {
        &self.inputs[i]
    }

    /// The first result.
    pub fn y(&self) -> &Tensor {
        &self.outputs[0]
    }

    /// The first result's cotangent, zeros if nothing flows back.
    pub fn dy(&self) -> Tensor {
        self.dy_of(0)
    }

    /// Result `i`'s cotangent, zeros if nothing flows back.
    pub fn dy_of(&self, i: usize) -> Tensor {
        self.cotangents[i].clone().unwrap_or_else(|| Tensor::zeros_like(&self.outputs[i]))
    }

    /// The shape of input `i`, which exists: a failed tensor is never recorded.
    pub fn shape(&self, i: usize) -> Shape {
        self.type_of(i).shape
    }

    /// The type of input `i`.
    pub fn type_of(&self, i: usize) -> Type {
        self.inputs[i].ty().unwrap_or_else(|_| Type::new(cornet_tensor::DType::F32, []))
    }

    /// The cotangent of input `i` if it is wanted; spares the work otherwise.
    pub fn want(&self, i: usize, make: impl FnOnce() -> Tensor) -> Option<Tensor> {
        self.wanted[i].then(make)
    }

    /// Cotangents from a fallible rule: an error becomes a failed tensor for each input that is wanted.
    #[track_caller]
    pub fn lift(&self, rule: impl FnOnce() -> Result<Cotangents>) -> Cotangents {
        match rule() {
            Ok(cotangents) => cotangents,
            Err(error) => self.wanted.iter().map(|&w| w.then(|| Tensor::failed(error.clone()))).collect(),
        }
    }
}
