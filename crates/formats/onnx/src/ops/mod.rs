//! Operators: one table from their names to functions on tensors.
//!
//! Source: the operators' documentation of ONNX 1.23, <https://onnx.ai/onnx/operators/>.

mod attention;
mod classic;
mod control;
mod convolution;
mod elements;
pub(crate) mod gradient;
mod image;
mod index;
mod loss;
mod math;
mod normalize;
mod pool;
mod quantize;
mod random;
mod recurrent;
mod reduce;
mod resize;
mod sequence;
mod signal;
mod tensor;
mod text;
mod trees;

use std::collections::HashMap;
use std::sync::LazyLock;

use cornet_error::Result;
use cornet_ops::Tensor;

use crate::call::Call;
use crate::value::Value;

/// An operator.
pub(crate) struct Entry {
    /// Its domain; empty for the standard one.
    pub domain: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The first version of the operator set that has it; 1 for all before 7.
    pub since: i64,
    act: Act,
}

enum Act {
    Unary(fn(&Tensor) -> Tensor),
    One(fn(&Call<'_>) -> Result<Tensor>),
    Value(fn(&Call<'_>) -> Result<Value>),
    Many(fn(&Call<'_>) -> Result<Vec<Value>>),
}

impl Entry {
    const fn new(name: &'static str, act: Act) -> Self {
        Self { domain: "", name, since: 1, act }
    }

    /// The same, since a version of its operator set.
    const fn since(mut self, version: i64) -> Self {
        self.since = version;
        self
    }

    /// The same, in the domain of classical machine learning.
    const fn ml(mut self) -> Self {
        self.domain = "ai.onnx.ml";
        self
    }

    /// The same, in the domain of previews.
    const fn preview(mut self) -> Self {
        self.domain = "ai.onnx.preview";
        self
    }

    /// The same, in the domain of training.
    const fn training(mut self) -> Self {
        self.domain = "ai.onnx.preview.training";
        self
    }

    /// Runs it.
    pub fn run(&self, call: &Call<'_>) -> Result<Vec<Value>> {
        Ok(match self.act {
            Act::Unary(f) => vec![Value::Tensor(f(call.tensor(0)?))],
            Act::One(f) => vec![Value::Tensor(f(call)?)],
            Act::Value(f) => vec![f(call)?],
            Act::Many(f) => f(call)?,
        })
    }
}

/// An operator of one tensor without arguments.
const fn unary(name: &'static str, f: fn(&Tensor) -> Tensor) -> Entry {
    Entry::new(name, Act::Unary(f))
}

/// An operator that gives a tensor.
const fn one(name: &'static str, f: fn(&Call<'_>) -> Result<Tensor>) -> Entry {
    Entry::new(name, Act::One(f))
}

/// An operator that gives a value of any kind.
const fn value(name: &'static str, f: fn(&Call<'_>) -> Result<Value>) -> Entry {
    Entry::new(name, Act::Value(f))
}

/// An operator of several results.
const fn many(name: &'static str, f: fn(&Call<'_>) -> Result<Vec<Value>>) -> Entry {
    Entry::new(name, Act::Many(f))
}

/// Every operator, by family.
static FAMILIES: &[&[Entry]] = &[
    attention::OPS,
    classic::OPS,
    control::OPS,
    convolution::OPS,
    elements::OPS,
    gradient::OPS,
    image::OPS,
    index::OPS,
    loss::OPS,
    math::OPS,
    normalize::OPS,
    pool::OPS,
    quantize::OPS,
    random::OPS,
    recurrent::OPS,
    reduce::OPS,
    resize::OPS,
    sequence::OPS,
    signal::OPS,
    tensor::OPS,
    text::OPS,
    trees::OPS,
];

static TABLE: LazyLock<HashMap<(&'static str, &'static str), &'static Entry>> =
    LazyLock::new(|| FAMILIES.iter().flat_map(|f| f.iter()).map(|e| ((e.domain, e.name), e)).collect());

/// The operator of that name.
pub(crate) fn find(domain: &str, name: &str) -> Option<&'static Entry> {
    TABLE.get(&(domain, name)).copied()
}

/// Every operator that runs: its domain, empty for the standard one, and its name, in alphabetical order.
pub fn supported() -> Vec<(&'static str, &'static str)> {
    let mut names: Vec<_> = TABLE.keys().copied().collect();
    names.sort_unstable();
    names
}

/// An axis that may count from the end.
pub(crate) fn axis_of(axis: i64, rank: usize) -> Result<usize> {
    let found = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    let found = found.and_then(|a| usize::try_from(a).ok()).filter(|&a| a < rank);
    found.ok_or_else(|| cornet_error::err!(OutOfRange, "axis: expected one of {rank}, found {axis}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_entered_once() {
        assert_eq!(FAMILIES.iter().map(|f| f.len()).sum::<usize>(), TABLE.len());
    }
}
