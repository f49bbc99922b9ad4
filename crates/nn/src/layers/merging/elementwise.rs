//! `Add`, `Average`, `Maximum`, `Minimum`, `Multiply`, `Subtract`: one definition over the rule of two.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use serde_json::{Map, Value};
use smallvec::smallvec;

use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Masks, Tensors, Weights};
use crate::saving::config::Config;
use crate::shape::PartialShape;

/// A rule that makes one tensor of two.
pub trait Merge: Send + Sync + 'static {
    /// Keras's class.
    const CLASS: &'static str;

    /// Whether it takes exactly two.
    const IS_PAIR: bool = false;

    /// One of two.
    fn merge(a: &Tensor, b: &Tensor) -> Tensor;

    /// What is done at the end, for so many.
    fn finish(merged: Tensor, _count: usize) -> Tensor {
        merged
    }
}

/// Inputs brought together element by element; shapes broadcast, and inputs of fewer axes are widened behind the batch.
///
/// # Shapes
/// Two or more of `[batch, …]`; the shape that they broadcast to.
/// # Errors
/// `invalid_argument` for fewer than two inputs; `shape_mismatch` for shapes that do not broadcast.
/// # Source
/// Keras 3 `keras.layers.Add`, `Average`, `Maximum`, `Minimum`, `Multiply`, `Subtract`.
pub struct Elementwise<M: Merge> {
    base: LayerBase,
    rule: std::marker::PhantomData<fn() -> M>,
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $rule:ident { $($body:tt)* })+) => {
        $(
            #[doc(hidden)]
            pub struct $rule;
            impl Merge for $rule {
                const CLASS: &'static str = stringify!($name);
                $($body)*
            }
            $(#[$doc])*
            pub type $name = Elementwise<$rule>;
        )+
    };
}

rules! {
    /// The sum of the inputs.
    Add = AddRule {
        fn merge(a: &Tensor, b: &Tensor) -> Tensor {
            a + b
        }
    }
    /// The mean of the inputs.
    Average = AverageRule {
        fn merge(a: &Tensor, b: &Tensor) -> Tensor {
            a + b
        }
        fn finish(merged: Tensor, count: usize) -> Tensor {
            merged / count as f64
        }
    }
    /// The greatest of the inputs.
    Maximum = MaximumRule {
        fn merge(a: &Tensor, b: &Tensor) -> Tensor {
            a.maximum(b)
        }
    }
    /// The least of the inputs.
    Minimum = MinimumRule {
        fn merge(a: &Tensor, b: &Tensor) -> Tensor {
            a.minimum(b)
        }
    }
    /// The product of the inputs.
    Multiply = MultiplyRule {
        fn merge(a: &Tensor, b: &Tensor) -> Tensor {
            a * b
        }
    }
    /// The first input less the second.
    Subtract = SubtractRule {
        const IS_PAIR: bool = true;
        fn merge(a: &Tensor, b: &Tensor) -> Tensor {
            a - b
        }
    }
}

impl<M: Merge> Default for Elementwise<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Merge> Elementwise<M> {
    /// The layer.
    pub fn new() -> Self {
        Self { base: LayerBase::new(M::CLASS), rule: std::marker::PhantomData }
    }

    common_arguments!();

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { base: LayerBase::from_config(config)?, ..Self::new() })
    }

    fn check_count(found: usize) -> Result<()> {
        let expected = if M::IS_PAIR { "2" } else { "at least 2" };
        match if M::IS_PAIR { found == 2 } else { found >= 2 } {
            true => Ok(()),
            false => Err(err!(InvalidArgument, "inputs: expected {expected}, found {found}")
                .help("call the layer on several tensors: on([&a, &b])")),
        }
    }
}

/// An input with axes of size 1 behind the batch, so that it has `rank` axes.
fn widened(x: &Tensor, rank: usize) -> Result<Tensor> {
    let shape = x.shape()?;
    match shape.split_first() {
        Some((&batch, rest)) if shape.rank() < rank => {
            let ones = std::iter::repeat_n(1, rank - shape.rank());
            let wide: Vec<usize> = [batch].into_iter().chain(ones).chain(rest.iter().copied()).collect();
            Ok(x.reshape(wide))
        }
        _ => Ok(x.clone()),
    }
}

impl<M: Merge> Layer for Elementwise<M> {
    fn class_name(&self) -> &str {
        M::CLASS
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }

    fn takes_list(&self) -> bool {
        true
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        Self::check_count(inputs.len())
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        Self::check_count(inputs.len())?;
        let ranks = inputs.iter().map(|x| Ok(x.shape()?.rank())).collect::<Result<Vec<_>>>()?;
        let rank = ranks.into_iter().max().unwrap_or(0);
        let mut merged = widened(&inputs[0], rank)?;
        for other in &inputs[1..] {
            merged = M::merge(&merged, &widened(other, rank)?);
        }
        Ok(smallvec![M::finish(merged, inputs.len())])
    }

    fn supports_masking(&self) -> bool {
        true
    }

    /// What counts in one of the inputs counts; without a mask on each, all does.
    fn compute_mask(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Masks> {
        let masks: Option<Vec<&Tensor>> = (0..inputs.len()).map(|i| call.masks.get(i)?.as_ref()).collect();
        let either = masks.and_then(|masks| masks.into_iter().cloned().reduce(|a, b| a.logical_or(&b)));
        Ok(smallvec![either])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let Some(rank) = inputs.iter().map(PartialShape::rank).max() else {
            fail!(InvalidArgument, "inputs: found none")
        };
        let mut merged = vec![Some(1); rank];
        for shape in inputs {
            let Some((&batch, rest)) = shape.split_first() else { continue };
            let ones = std::iter::repeat_n(Some(1), rank - shape.rank());
            for (axis, (size, found)) in
                merged.iter_mut().zip([batch].into_iter().chain(ones).chain(rest.iter().copied())).enumerate()
            {
                *size = match (*size, found) {
                    (Some(1), other) | (other, Some(1)) => other,
                    // The batch of one input may be known and that of another open.
                    (known @ Some(_), None) | (None, known) => {
                        if axis == 0 {
                            None
                        } else {
                            known
                        }
                    }
                    (Some(a), Some(b)) if a == b => Some(a),
                    (Some(a), Some(b)) => {
                        return Err(err!(ShapeMismatch, "axis {axis} of the inputs: expected {a}, found {b}").operand(
                            "inputs",
                            inputs.iter().map(PartialShape::to_string).collect::<Vec<_>>().join(", "),
                        ));
                    }
                };
            }
        }
        Ok(vec![PartialShape(merged)])
    }
}
