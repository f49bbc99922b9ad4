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

    /// What stands for elements that a mask leaves out.
    const LEFT_OUT: LeftOut = LeftOut::Kept;

    /// One of two.
    fn merge(a: &Tensor, b: &Tensor) -> Tensor;

    /// What is done at the end, for so many.
    fn finish(merged: Tensor, _count: usize) -> Tensor {
        merged
    }
}

/// What a rule takes for elements of an input that its mask leaves out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// Themselves.
    Kept,
    /// 1, and 0 in the result where every input is left out.
    One,
    /// The element of the other input.
    Other,
}

/// Inputs brought together element by element; shapes broadcast, and inputs of fewer axes are widened behind the batch.
///
/// # Shapes
/// Two or more of `[batch, …]`; the shape that they broadcast to.
/// # Masks
/// What counts in one input counts in the result; without a mask on each, all does. `Multiply`, `Maximum` and `Minimum`
/// leave out what a mask leaves out.
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
        const LEFT_OUT: LeftOut = LeftOut::Other;
        fn merge(a: &Tensor, b: &Tensor) -> Tensor {
            a.maximum(b)
        }
    }
    /// The least of the inputs.
    Minimum = MinimumRule {
        const LEFT_OUT: LeftOut = LeftOut::Other;
        fn merge(a: &Tensor, b: &Tensor) -> Tensor {
            a.minimum(b)
        }
    }
    /// The product of the inputs.
    Multiply = MultiplyRule {
        const LEFT_OUT: LeftOut = LeftOut::One;
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

    /// All inputs in one; `masks` of the inputs' shapes.
    fn merge_all(inputs: &[Tensor], masks: Vec<Option<Tensor>>) -> Tensor {
        let mut merged = inputs[0].clone();
        let mut counts = masks[0].clone();
        if let (LeftOut::One, Some(mask)) = (M::LEFT_OUT, &counts) {
            merged = Tensor::where_(mask, &merged, 1.0);
        }
        for (other, mask) in inputs.iter().zip(masks).skip(1) {
            let mut other = other.clone();
            match M::LEFT_OUT {
                LeftOut::Kept => {}
                LeftOut::One => other = mask.as_ref().map_or(other.clone(), |m| Tensor::where_(m, &other, 1.0)),
                LeftOut::Other => {
                    other = mask.as_ref().map_or(other.clone(), |m| Tensor::where_(m, &other, &merged));
                    merged = counts.as_ref().map_or(merged.clone(), |m| Tensor::where_(m, &merged, &other));
                }
            }
            merged = M::merge(&merged, &other);
            counts = counts.zip(mask).map(|(a, b)| a.logical_or(&b));
        }
        match (M::LEFT_OUT, counts) {
            (LeftOut::One, Some(counts)) => Tensor::where_(&counts, &merged, 0.0),
            _ => merged,
        }
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

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        Self::check_count(inputs.len())?;
        let ranks = inputs.iter().map(|x| Ok(x.shape()?.rank())).collect::<Result<Vec<_>>>()?;
        let rank = ranks.into_iter().max().unwrap_or(0);
        let inputs = inputs.iter().map(|x| widened(x, rank)).collect::<Result<Vec<_>>>()?;
        let mut masks = vec![None; inputs.len()];
        if M::LEFT_OUT != LeftOut::Kept {
            for (i, (mask, input)) in masks.iter_mut().zip(&inputs).enumerate() {
                let given = call.masks.get(i).and_then(Option::as_ref);
                *mask = given.map(|m| Ok(m.expand_dims(&[-1]).broadcast_to(input.shape()?))).transpose()?;
            }
        }
        Ok(smallvec![M::finish(Self::merge_all(&inputs, masks), inputs.len())])
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
