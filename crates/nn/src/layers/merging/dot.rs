use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Masks, Tensors, Weights};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Keeps the division by a norm from failing: Keras's fuzz factor.
const EPSILON: f64 = 1e-7;

/// The products of two inputs, sample by sample, summed over an axis of each.
///
/// # Shapes
/// Two of `[batch, …]` with the same size of the axes; `[batch, rest of the first…, rest of the second…]`, or `[batch, 1]`
/// if nothing is left.
/// # Errors
/// `invalid_argument` unless there are two inputs, and for the batch as an axis; `out_of_range`; `dim_mismatch`.
/// # Source
/// Keras 3 `keras.layers.Dot`.
pub struct Dot {
    base: LayerBase,
    axes: DotAxes,
    normalize: bool,
}

/// One axis for both inputs, or one for each; counted from the back if negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DotAxes {
    /// The same axis of both.
    Both(isize),
    /// An axis of the first and one of the second.
    Each(isize, isize),
}

impl From<isize> for DotAxes {
    fn from(axis: isize) -> Self {
        Self::Both(axis)
    }
}

impl From<(isize, isize)> for DotAxes {
    fn from((first, second): (isize, isize)) -> Self {
        Self::Each(first, second)
    }
}

impl From<[isize; 2]> for DotAxes {
    fn from([first, second]: [isize; 2]) -> Self {
        Self::Each(first, second)
    }
}

impl Dot {
    /// Over this axis of both, or these of each.
    pub fn new(axes: impl Into<DotAxes>) -> Self {
        Self { base: LayerBase::new("Dot"), axes: axes.into(), normalize: false }
    }

    common_arguments!();

    /// With the inputs brought to norm 1 along the axes first, which makes it the cosine of their angle; by default not.
    #[must_use]
    pub fn normalize(mut self, normalize: bool) -> Self {
        self.normalize = normalize;
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let axis = |value: &Value| value.as_i64().map(|axis| axis as isize);
        let axes = config.need("axes", "an axis, or two", |value| match value.as_array().map(Vec::as_slice) {
            Some([first, second]) => Some(DotAxes::Each(axis(first)?, axis(second)?)),
            Some(_) => None,
            None => axis(value).map(DotAxes::Both),
        })?;
        Ok(Self { base: LayerBase::from_config(config)?, axes, normalize: config.flag("normalize", false)? })
    }

    /// The axes of the inputs, counted from the front.
    fn places(&self, inputs: &[PartialShape]) -> Result<[usize; 2]> {
        let [a, b] = inputs else {
            return Err(err!(InvalidArgument, "inputs: expected 2, found {}", inputs.len())
                .help("call the layer on two tensors: on([&a, &b])"));
        };
        let (first, second) = match self.axes {
            DotAxes::Both(axis) => (axis, axis),
            DotAxes::Each(first, second) => (first, second),
        };
        let places = [a.axis(first)?, b.axis(second)?];
        if places.contains(&0) || a.rank() < 2 || b.rank() < 2 {
            fail!(InvalidArgument, "axes: expected other ones than the batch, found {first} and {second}");
        }
        if let (Some(of_a), Some(of_b)) = (a[places[0]], b[places[1]])
            && of_a != of_b
        {
            return Err(err!(DimMismatch, "axis {second} of the second input: expected {of_a}, found {of_b}")
                .operand("first", a)
                .operand("second", b));
        }
        Ok(places)
    }
}

/// The axes of one rank with one moved to the front or to the back, behind the batch.
fn moved(rank: usize, axis: usize, to_back: bool) -> Vec<isize> {
    let others = (1..rank).filter(|&a| a != axis).map(|a| a as isize);
    let axis = axis as isize;
    match to_back {
        true => [0].into_iter().chain(others).chain([axis]).collect(),
        false => [0, axis].into_iter().chain(others).collect(),
    }
}

impl Layer for Dot {
    fn class_name(&self) -> &str {
        "Dot"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let axes = match self.axes {
            DotAxes::Both(axis) => json!(axis),
            DotAxes::Each(first, second) => json!([first, second]),
        };
        map(json!({"axes": axes, "normalize": self.normalize}))
    }

    fn takes_list(&self) -> bool {
        true
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        self.places(inputs).map(|_| ())
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn compute_mask(&self, _inputs: &[Tensor], _call: &Call<'_>) -> Result<Masks> {
        Ok(smallvec![None])
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let shapes = inputs.iter().map(|x| Ok(PartialShape::from(x.shape()?))).collect::<Result<Vec<_>>>()?;
        let places = self.places(&shapes)?;
        let output = self.compute_output_shape(&shapes)?;
        let ready = |i: usize| match self.normalize {
            true => inputs[i].normalize(&[places[i] as isize], 2, EPSILON),
            false => inputs[i].clone(),
        };
        let flat = |i: usize, to_back: bool| -> Result<Tensor> {
            let x = ready(i).transpose(&moved(shapes[i].rank(), places[i], to_back));
            let (shape, size) = (x.shape()?, shapes[i][places[i]].unwrap_or(0));
            let rest = shapes[i].iter().enumerate().filter(|&(a, _)| a > 0 && a != places[i]);
            let rest: usize = rest.map(|(_, size)| size.unwrap_or(0)).product();
            Ok(x.reshape(if to_back { [shape[0], rest, size] } else { [shape[0], size, rest] }))
        };
        Ok(smallvec![flat(0, true)?.matmul(flat(1, false)?).reshape(output[0].with_open(0))])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let places = self.places(inputs)?;
        let rest = |i: usize| {
            let sizes = inputs[i].iter().copied().enumerate();
            sizes.filter(move |&(axis, _)| axis > 0 && axis != places[i]).map(|(_, size)| size)
        };
        let mut sizes: Vec<Option<usize>> =
            inputs[0].first().copied().into_iter().chain(rest(0)).chain(rest(1)).collect();
        if sizes.len() == 1 {
            sizes.push(Some(1));
        }
        Ok(vec![PartialShape(sizes)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Context, apply};

    #[test]
    fn products_are_summed_over_one_axis_of_each() {
        let (a, b) = (Tensor::of([[1.0_f32, 2.0], [3.0, 4.0]]), Tensor::of([[5.0_f32, 6.0], [7.0, 8.0]]));
        let run = |layer: Dot, inputs: &[Tensor]| apply(&layer, inputs, &Context::inference());
        let y = run(Dot::new(1), &[a.clone(), b.clone()]).unwrap();
        assert_eq!(y[0].to_vec::<f32>().unwrap(), [17.0, 53.0]);
        assert_eq!(y[0].rank().unwrap(), 2);
        assert!(run(Dot::new(0), &[a.clone(), b.clone()]).is_err());
        assert!(run(Dot::new(2), &[a.clone(), b]).is_err());
        assert!(run(Dot::new(-1), &[a]).is_err());
    }
}
