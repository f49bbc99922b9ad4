//! Logic written with bits of bools.

use crate::arithmetic::Arg;
use crate::core::prelude::*;

impl Tensor {
    /// Whether both hold, element-wise with broadcasting; a number holds unless it is 0.
    #[track_caller]
    pub fn logical_and(&self, other: impl Into<Arg>) -> Tensor {
        self.truths(other.into(), Tensor::bitwise_and)
    }

    /// Whether either holds, element-wise with broadcasting; a number holds unless it is 0.
    #[track_caller]
    pub fn logical_or(&self, other: impl Into<Arg>) -> Tensor {
        self.truths(other.into(), Tensor::bitwise_or)
    }

    /// Whether exactly one holds, element-wise with broadcasting; a number holds unless it is 0.
    #[track_caller]
    pub fn logical_xor(&self, other: impl Into<Arg>) -> Tensor {
        self.truths(other.into(), Tensor::bitwise_xor)
    }

    fn truths(&self, other: Arg, op: fn(&Tensor, Tensor) -> Tensor) -> Tensor {
        Tensor::lift(|| Ok(op(&self.cast(DType::Bool), other.tensor()?.cast(DType::Bool))))
    }

    /// For each element the choice of the first condition that holds, `default` where none does: Keras's
    /// `select(conditions, choices, default)`.
    ///
    /// # Errors
    /// `invalid_argument` unless there are as many choices as conditions, and at least one.
    #[track_caller]
    pub fn select(conditions: &[Tensor], choices: &[Tensor], default: impl Into<Arg>) -> Tensor {
        let default = default.into();
        Tensor::lift(|| {
            let (n, found) = (conditions.len(), choices.len());
            if n != found || n == 0 {
                fail!(InvalidArgument, "expected as many choices as conditions, and some; found {n} and {found}");
            }
            let mut chosen = default;
            for (condition, choice) in conditions.iter().zip(choices).rev() {
                chosen = Arg::Tensor(condition.where_(choice, chosen));
            }
            chosen.tensor()
        })
    }
}
