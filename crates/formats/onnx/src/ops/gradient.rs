//! Gradients of a part of the graph.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;

use super::{Entry, many};
use crate::call::Call;
use crate::value::Value;

pub(super) const OPS: &[Entry] = &[many(NAME, gradient).training()];

/// The operator whose planning takes a value that it names and does not take.
pub(crate) const NAME: &str = "Gradient";

fn gradient(call: &Call<'_>) -> Result<Vec<Value>> {
    let tape =
        call.context.tape.as_ref().ok_or_else(|| err!(Unsupported, "gradients are taken in the main graph alone"))?;
    let count = call.texts("xs")?.map_or(0, <[_]>::len);
    let given = call.inputs.len() - 1;
    if count == 0 || count > given {
        fail!(InvalidArgument, "xs: expected at most {given} names, found {count}");
    }
    let sources = (0..count).map(|i| call.tensor(i)).collect::<Result<Vec<&Tensor>>>()?;
    let found = tape.gradient(call.tensor(given)?, &sources)?;
    Ok(found.into_iter().map(Value::Tensor).collect())
}
