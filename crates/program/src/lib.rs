//! What a model file is once it is open, whatever its format: named functions from arrays to arrays.
//!
//! * [`Program`] is the one interface that predicting, serving and converting need.
//! * [`Signature`] says what one of its functions takes and gives, in TensorFlow's sense of the word.
//! * [`Compiled`] runs a function written on tensors as a compiled graph where it can and op by op where shapes depend
//!   on values; importers of graphs are written with it.

mod compiled;
mod signature;

use cornet_error::{Result, err};
use cornet_tensor::Array;

pub use compiled::Compiled;
pub use signature::{Signature, TensorSpec};

/// The name under which a program's main function is found, as TensorFlow has it.
pub const DEFAULT_SIGNATURE: &str = "serving_default";

/// A model that runs: named functions from arrays to arrays.
pub trait Program: Send + Sync {
    /// What functions there are. The first is the main one.
    fn signatures(&self) -> &[Signature];

    /// Runs a function on arrays in the order of the signature's inputs, which [`Signature::check`] has admitted; gives
    /// arrays in the order of its outputs.
    ///
    /// # Errors
    /// What does not fit; what only values can tell.
    fn run(&self, signature: &Signature, inputs: &[Array]) -> Result<Vec<Array>>;

    /// The bytes that its variables and constants hold.
    fn weight_bytes(&self) -> u64;

    /// The signature of that name, or the main one: `serving_default` if there is one, else the first.
    ///
    /// # Errors
    /// `not_found`, with the names there are.
    fn signature(&self, name: Option<&str>) -> Result<&Signature> {
        let all = self.signatures();
        let found = match name {
            Some(name) => all.iter().find(|s| s.name == name),
            None => all.iter().find(|s| s.name == DEFAULT_SIGNATURE).or(all.first()),
        };
        found.ok_or_else(|| {
            let names = all.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
            err!(NotFound, "signature: expected one of {names}, found '{}'", name.unwrap_or(DEFAULT_SIGNATURE))
        })
    }

    /// Runs a function on arrays by name; a single array may come under any name if the function takes one.
    ///
    /// # Errors
    /// As [`Program::signature`], [`Signature::arrange`] and [`Program::run`].
    fn call(&self, signature: Option<&str>, inputs: Vec<(String, Array)>) -> Result<Vec<(String, Array)>> {
        let signature = self.signature(signature)?;
        let inputs = signature.arrange(inputs)?;
        signature.check(&inputs)?;
        let outputs = self.run(signature, &inputs)?;
        Ok(signature.outputs.iter().map(|o| o.name.clone()).zip(outputs).collect())
    }
}
