use std::sync::atomic::{AtomicBool, Ordering};

use cornet_error::{Code, Result};
use cornet_ops::Tensor;
use cornet_runtime::Function;
use cornet_tensor::Array;

/// A function on tensors that runs as a compiled graph, one for each signature of dtypes and shapes; or op by op, once a
/// call has shown that a shape depends on values.
///
/// The body may read a tensor's value, as the shape of a reshape for instance: what is made of constants and shapes alone
/// has one also while a graph is traced. If it reads one that has not, the function runs op by op from then on.
///
/// ```
/// # use cornet_cpu as _;
/// use cornet_program::Compiled;
/// use cornet_tensor::Array;
/// let double = Compiled::new("double", |x| Ok(vec![&x[0] * 2.0]));
/// let y = double.run(&[Array::from_vec(vec![1.0_f32, 2.0], [2])?])?;
/// assert_eq!(y[0].to_vec::<f32>()?, [2.0, 4.0]);
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub struct Compiled {
    function: Function,
    op_by_op: AtomicBool,
}

impl Compiled {
    /// A function of this name.
    pub fn new(
        name: impl Into<String>,
        body: impl Fn(&[Tensor]) -> Result<Vec<Tensor>> + Send + Sync + 'static,
    ) -> Self {
        Self { function: Function::new(name, body), op_by_op: AtomicBool::new(false) }
    }

    /// Runs on arrays.
    ///
    /// # Errors
    /// What the body refuses; what only values can tell.
    pub fn run(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        self.call(&inputs.iter().map(Tensor::from).collect::<Vec<_>>())?.iter().map(Tensor::array).collect()
    }

    /// Runs on tensors.
    ///
    /// # Errors
    /// As [`Compiled::run`].
    pub fn call(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        if self.runs_op_by_op() {
            return self.function.op_by_op(inputs);
        }
        match self.function.call(inputs) {
            Err(error) if matches!(error.code(), Code::DataDependentShape | Code::NotTraced) => {
                self.op_by_op.store(true, Ordering::Relaxed);
                self.function.op_by_op(inputs)
            }
            result => result,
        }
    }

    /// Whether a call has shown that a shape depends on values.
    pub fn runs_op_by_op(&self) -> bool {
        self.op_by_op.load(Ordering::Relaxed)
    }

    /// The function, for its compiled graphs.
    pub fn function(&self) -> &Function {
        &self.function
    }
}

#[cfg(test)]
mod tests {
    use cornet_cpu as _;

    use super::*;

    #[test]
    fn shapes_that_depend_on_values_run_op_by_op() {
        let body = |x: &[Tensor]| {
            let size = x[0].item::<i64>()?;
            Ok(vec![Tensor::from(Array::from_vec(vec![1.0_f32; size as usize], [size as usize])?)])
        };
        let function = Compiled::new("ones", body);
        for size in [2_i64, 3] {
            let y = function.run(&[Array::from_vec(vec![size], []).unwrap()]).unwrap();
            assert_eq!(y[0].shape().as_slice(), [size as usize]);
        }
        assert!(function.runs_op_by_op());
    }
}
