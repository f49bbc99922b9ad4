//! Ops that only move elements, as layouts.

use cornet_ops::Call;
use cornet_tensor::Shape;

use crate::kernel::Layout;

/// What the op's result is as a layout over its input's root, if the op only moves elements and strides can say how.
pub(crate) fn view(call: &Call<'_>, x: &Layout) -> Option<Layout> {
    match call.op.name {
        "stop_gradient" => Some(x.clone()),
        "broadcast_to" => {
            let to = call.attrs.shape("shape").ok()?;
            Some(Layout { strides: x.broadcast_to(&to), offset: x.offset, shape: to })
        }
        "transpose" => {
            let axes = call.attrs.sizes("axes").ok()?;
            let strides = axes.iter().map(|&a| x.strides[a]).collect();
            Some(Layout { shape: axes.iter().map(|&a| x.shape[a]).collect(), strides, offset: x.offset })
        }
        "reshape" => reshape(x, call.attrs.shape("shape").ok()?),
        "slice" => slice(call, x),
        "flip" => flip(call, x),
        _ => None,
    }
}

/// Attributes `start`, `stop`, `step`, an axis each; steps may be negative.
fn slice(call: &Call<'_>, x: &Layout) -> Option<Layout> {
    let out = call.infer().ok()?.swap_remove(0).shape;
    let (start, step) = (call.attrs.ints("start").ok()?, call.attrs.ints("step").ok()?);
    if out.elements() == 0 || start.len() != x.shape.rank() || step.len() != start.len() {
        return None;
    }
    let first: i64 = start.iter().zip(&x.strides).map(|(&i, &s)| i * s as i64).sum();
    let strides = x.strides.iter().zip(step).map(|(&s, &by)| s * by as isize).collect();
    Some(Layout { shape: out, strides, offset: usize::try_from(x.offset as i64 + first).ok()? })
}

/// Attribute `axes`: those read backwards.
fn flip(call: &Call<'_>, x: &Layout) -> Option<Layout> {
    let mut out = x.clone();
    let mut offset = x.offset as isize;
    for a in call.attrs.sizes("axes").ok()? {
        offset += x.strides[a] * x.shape[a].checked_sub(1)? as isize;
        out.strides[a] = -x.strides[a];
    }
    out.offset = usize::try_from(offset).ok()?;
    Some(out)
}

/// A reshape that neither splits nor joins axes whose elements do not follow each other.
fn reshape(x: &Layout, to: Shape) -> Option<Layout> {
    if x.is_dense() {
        return Some(Layout::dense(&to));
    }
    // Axes of size 1 come and go freely; anything else needs a copy.
    let real = |shape: &Shape| shape.iter().copied().filter(|&d| d != 1).collect::<Vec<_>>();
    if real(&x.shape) != real(&to) || to.elements() == 0 {
        return None;
    }
    let mut kept = x.shape.iter().zip(&x.strides).filter(|&(&d, _)| d != 1).map(|(_, &s)| s);
    let strides = to.iter().map(|&d| if d == 1 { Some(0) } else { kept.next() }).collect::<Option<Vec<_>>>()?;
    Some(Layout { shape: to, strides, offset: x.offset })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_matrix_reshapes_only_by_axes_of_one() {
        let x = Layout { shape: Shape::new(&[3, 2]), strides: vec![1, 3], offset: 0 };
        let y = reshape(&x, Shape::new(&[3, 1, 2])).unwrap();
        assert_eq!(y.strides, [1, 0, 3]);
        assert!(reshape(&x, Shape::new(&[6])).is_none());
    }
}
