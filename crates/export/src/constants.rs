//! Constants that depend on open sizes, as ops on constants that do not.

use std::sync::Arc;

use cornet_error::Result;
use cornet_tensor::{Array, DType};
use smallvec::{SmallVec, smallvec};

use crate::align::depends;
use crate::dim::{Dim, Samples};
use crate::graph::{Body, OpenAttr, OpenAttrs, OpenNode, OpenType, Value};

/// Adds what gives, in each sample, the array of that sample, and defines `value` by it.
///
/// That is a constant if all are equal; the number itself if it is a scalar of a polynomial; along an axis whose size
/// differs, one slice that is repeated, or steps of one difference.
pub(crate) fn general(arrays: &[&Array], value: Value, samples: &Arc<Samples>, body: &mut Body) -> Result<()> {
    let Some(&first) = arrays.first() else { return Ok(()) };
    if arrays.iter().all(|a| *a == first) {
        let attrs = OpenAttrs::default().with("value", OpenAttr::Array(first.clone()));
        body.nodes.push(node("constant", attrs, &[], value));
        return Ok(());
    }
    let owned: Vec<Array> = arrays.iter().map(|a| (*a).clone()).collect();
    if first.shape().rank() == 0 {
        return number(&owned, value, samples, body);
    }
    let shape = body.type_of(value).shape.clone();
    let open = (0..shape.len()).find(|&axis| !shape[axis].is_fixed());
    // Values differ while sizes do not: each must be the same number throughout.
    let axis = open.unwrap_or(0);
    let dtype = first.dtype();
    let slices =
        owned.iter().map(|a| slice(a, axis, 0)).collect::<Option<Vec<Array>>>().ok_or_else(|| no_rule(&owned))?;
    let repeated =
        owned.iter().zip(&slices).all(|(a, s)| (1..a.shape()[axis]).all(|i| slice(a, axis, i).as_ref() == Some(s)));
    let part = OpenType {
        dtype,
        shape: shape.iter().enumerate().map(|(i, d)| if i == axis { Dim::fixed(1) } else { d.clone() }).collect(),
    };
    if repeated {
        let from = body.add_value(part);
        general(&slices.iter().collect::<Vec<_>>(), from, samples, body)?;
        let attrs = OpenAttrs::default().with("shape", OpenAttr::Ints(shape));
        body.nodes.push(node("broadcast_to", attrs, &[from], value));
        return Ok(());
    }
    let steps = steps(&owned, axis).ok_or_else(|| no_rule(&owned))?;
    let [from, step] = [slices, steps].map(|arrays| {
        let to = body.add_value(part.clone());
        general(&arrays.iter().collect::<Vec<_>>(), to, samples, body).map(|()| to)
    });
    let [index, way] = [(); 2].map(|()| body.add_value(OpenType { dtype, shape: shape.clone() }));
    let attrs = OpenAttrs::default()
        .with("shape", OpenAttr::Ints(shape))
        .with("axis", OpenAttr::Int(Dim::fixed(axis as i64)))
        .with("dtype", OpenAttr::DType(dtype));
    body.nodes.push(node("iota", attrs, &[], index));
    body.nodes.push(node("multiply", OpenAttrs::default(), &[index, step?], way));
    body.nodes.push(node("add", OpenAttrs::default(), &[way, from?], value));
    Ok(())
}

/// A scalar whose value is a polynomial in the open sizes.
fn number(arrays: &[Array], value: Value, samples: &Arc<Samples>, body: &mut Body) -> Result<()> {
    let whole = |a: &Array| {
        let x: f64 = a.cast(DType::F64).ok()?.item().ok()?;
        (x.fract() == 0.0 && x.abs() < 9e15).then_some(x as i64)
    };
    let values = arrays.iter().map(whole).collect::<Option<Vec<i64>>>();
    let dim = values.map(|values| Dim::of(values, samples)).filter(|dim| dim.terms().is_some());
    let Some(dim) = dim else { return Err(no_rule(arrays)) };
    let dtype = arrays.first().map_or(DType::F32, Array::dtype);
    let attrs = OpenAttrs::default().with("value", OpenAttr::Int(dim)).with("dtype", OpenAttr::DType(dtype));
    body.nodes.push(node("size", attrs, &[], value));
    Ok(())
}

fn no_rule(arrays: &[Array]) -> cornet_error::Error {
    let show = |a: Option<&Array>| a.map_or_else(String::new, |a| format!("{} {}", a.dtype(), a.shape()));
    depends("values of a constant", show(arrays.first()), show(arrays.last()))
}

fn node(op: &'static str, attrs: OpenAttrs, inputs: &[Value], output: Value) -> OpenNode {
    let outputs: SmallVec<[Value; 1]> = smallvec![output];
    OpenNode { op, attrs, inputs: SmallVec::from_slice(inputs), outputs, scope: None }
}

/// The slice at a place along an axis, whose size becomes 1.
fn slice(array: &Array, axis: usize, at: usize) -> Option<Array> {
    let (shape, width) = (array.shape(), array.dtype().size());
    let size = *shape.get(axis)?;
    let inner: usize = shape[axis + 1..].iter().product::<usize>() * width;
    if at >= size || width == 0 || array.elements() == 0 {
        return None;
    }
    let rows = array.bytes().chunks_exact(size * inner).flat_map(|outer| &outer[at * inner..(at + 1) * inner]);
    let mut to: Vec<usize> = shape.to_vec();
    to[axis] = 1;
    Array::from_bytes(array.dtype(), to, &rows.copied().collect::<Vec<u8>>()).ok()
}

/// The difference between slices along an axis, if it is the same between all of them, for each array.
fn steps(arrays: &[Array], axis: usize) -> Option<Vec<Array>> {
    let one = |array: &Array| {
        let at = |i: usize| slice(array, axis, i)?.cast(DType::F64).ok()?.to_vec::<f64>().ok();
        let (first, second) = (at(0)?, at(1)?);
        let step: Vec<f64> = first.iter().zip(&second).map(|(a, b)| b - a).collect();
        let even = (2..array.shape()[axis]).all(|i| {
            let exact = |(x, (a, d)): (&f64, (&f64, &f64))| *x == a + d * i as f64;
            at(i).is_some_and(|slice| slice.iter().zip(first.iter().zip(&step)).all(exact))
        });
        let shape = slice(array, axis, 0)?.shape().clone();
        if even { Array::from_vec(step, shape).ok()?.cast(array.dtype()).ok() } else { None }
    };
    arrays.iter().map(one).collect()
}
