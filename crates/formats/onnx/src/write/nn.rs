//! Products, convolutions, pools, softmax. ONNX has channels first.

use cornet_error::{Result, fail};
use cornet_export::{Dim, OpenNode};
use cornet_tensor::DType;

use super::emit::{A, Emit};
use super::shape::transposed;

fn swap_last(e: &mut Emit<'_, '_>, x: &str, rank: usize) -> Result<String> {
    let mut perm: Vec<i64> = (0..rank as i64).collect();
    if rank >= 2 {
        perm.swap(rank - 1, rank - 2);
    }
    e.node("Transpose", &[x], &[("perm", A::Ints(perm))])
}

pub(super) fn matmul(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let dtype = e.out(n).dtype;
    let (mut a, mut b) = (e.x(n, 0)?, e.x(n, 1)?);
    if n.attrs.bool("transpose_a")? {
        a = swap_last(e, &a, e.ty(n, 0)?.rank())?;
    }
    if n.attrs.bool("transpose_b")? {
        b = swap_last(e, &b, e.ty(n, 1)?.rank())?;
    }
    let inside = match dtype {
        DType::F32 | DType::F64 | DType::I32 | DType::I64 => dtype,
        DType::F16 | DType::BF16 => DType::F32,
        DType::U32 | DType::U64 => DType::I64,
        _ => DType::I32,
    };
    if inside == dtype {
        return Ok(vec![e.node("MatMul", &[&a, &b], &[])?]);
    }
    let (a, b) = (e.cast(&a, inside)?, e.cast(&b, inside)?);
    let y = e.node("MatMul", &[&a, &b], &[])?;
    Ok(vec![e.cast(&y, dtype)?])
}

pub(super) fn softmax(e: &mut Emit<'_, '_>, n: &OpenNode, op: &str) -> Result<Vec<String>> {
    let dtype = e.out(n).dtype;
    let axis = [("axis", A::I(n.attrs.int("axis")?))];
    let x = e.x(n, 0)?;
    if matches!(dtype, DType::F32 | DType::F64) {
        return Ok(vec![e.node(op, &[&x], &axis)?]);
    }
    let x = e.cast(&x, DType::F32)?;
    let y = e.node(op, &[&x], &axis)?;
    Ok(vec![e.cast(&y, dtype)?])
}

/// The order of axes that moves the last one behind the first, and its inverse.
fn orders(rank: usize) -> (Vec<i64>, Vec<i64>) {
    let last = rank as i64 - 1;
    let first = [0, last].into_iter().chain(1..last).collect();
    (first, [0].into_iter().chain(2..=last).chain([1]).collect())
}

/// Runs `f` on x with channels first, in a dtype with kernels; gives the result with channels last.
fn channels_first(
    e: &mut Emit<'_, '_>,
    n: &OpenNode,
    f: impl FnOnce(&mut Emit<'_, '_>, DType, &str) -> Result<String>,
) -> Result<Vec<String>> {
    let (ty, out) = (e.ty(n, 0)?, e.out(n).dtype);
    let mut x = e.x(n, 0)?;
    let inside = if ty.dtype == DType::F64 { DType::F64 } else { DType::F32 };
    if inside != ty.dtype {
        x = e.cast(&x, inside)?;
    }
    let (first, last) = orders(ty.rank());
    let x = e.node("Transpose", &[&x], &[("perm", A::Ints(first))])?;
    let y = f(e, inside, &x)?;
    let y = e.node("Transpose", &[&y], &[("perm", A::Ints(last))])?;
    Ok(vec![if inside == out { y } else { e.cast(&y, out)? }])
}

/// The kernel `[spatial…, inputs / groups, outputs]` as `[outputs, inputs / groups, spatial…]`.
fn kernel(e: &mut Emit<'_, '_>, n: &OpenNode, dtype: DType) -> Result<String> {
    let rank = e.ty(n, 1)?.rank();
    if rank < 2 {
        fail!(Unsupported, "kernel: expected at least 2 axes, found {rank}");
    }
    let order: Vec<usize> = [rank - 1, rank - 2].into_iter().chain(0..rank - 2).collect();
    if let Some(array) = e.array(n, 1) {
        let array = transposed(array, &order)?.cast(dtype)?;
        return e.initializer("kernel", &array);
    }
    let mut w = e.x(n, 1)?;
    if e.ty(n, 1)?.dtype != dtype {
        w = e.cast(&w, dtype)?;
    }
    let perm = order.iter().map(|&i| i as i64).collect();
    e.node("Transpose", &[&w], &[("perm", A::Ints(perm))])
}

/// One value an axis, from one for all of them or one each.
fn per_axis(values: Vec<i64>, axes: usize) -> Vec<i64> {
    if values.len() == 1 { vec![values[0]; axes] } else { values }
}

/// `padding` is before and after each axis; ONNX has all before, then all after.
fn pads(padding: &[i64]) -> Vec<i64> {
    padding.iter().step_by(2).chain(padding.iter().skip(1).step_by(2)).copied().collect()
}

pub(super) fn conv(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let axes = e.ty(n, 0)?.rank().saturating_sub(2);
    let attrs = |e: &Emit<'_, '_>| -> Result<Vec<(&'static str, A<'static>)>> {
        let taps = e.ty(n, 1)?.shape[..axes].iter().map(Dim::known).collect::<Option<Vec<i64>>>();
        let mut attrs = vec![
            ("strides", A::Ints(per_axis(n.attrs.ints("strides")?, axes))),
            ("pads", A::Ints(pads(&n.attrs.ints("padding")?))),
            ("dilations", A::Ints(per_axis(n.attrs.ints("dilation")?, axes))),
            ("group", A::I(n.attrs.int("groups")?)),
        ];
        attrs.extend(taps.map(|taps| ("kernel_shape", A::Ints(taps))));
        Ok(attrs)
    };
    channels_first(e, n, |e, dtype, x| {
        let w = kernel(e, n, dtype)?;
        let attrs = attrs(e)?;
        e.node("Conv", &[x, &w], &attrs)
    })
}

/// What is left of the input behind the last window becomes output padding.
pub(super) fn conv_input_gradient(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (ty, taps) = (e.ty(n, 0)?, &e.ty(n, 1)?.shape);
    let axes = ty.rank().saturating_sub(2);
    let strides = per_axis(n.attrs.ints("strides")?, axes);
    let dilation = per_axis(n.attrs.ints("dilation")?, axes);
    let (padding, sizes) = (n.attrs.ints("padding")?, n.attrs.dims("sizes")?);
    let mut extra = Vec::new();
    for a in 0..axes {
        let Some(k) = taps[a].known() else { fail!(Unsupported, "kernel: expected fixed sizes, found {taps:?}") };
        let covered = |n: i64| strides[a] * (n - 1) + dilation[a] * (k - 1) + 1 - padding[2 * a] - padding[2 * a + 1];
        match sizes[a].with(&ty.shape[1 + a], e.samples(), |size, n| size - covered(n)).known() {
            Some(rest) => extra.push(rest),
            None => fail!(Unsupported, "sizes: expected to follow those of the input, found {}", sizes[a]),
        }
    }
    // Rows that no window reaches are zero, and rows that ONNX would not give are put on afterwards.
    let late: Vec<i64> = (0..axes).map(|a| if extra[a] < strides[a].max(dilation[a]) { 0 } else { extra[a] }).collect();
    let own: Vec<i64> = extra.iter().zip(&late).map(|(e, l)| e - l).collect();
    let attrs = [
        ("strides", A::Ints(strides)),
        ("pads", A::Ints(pads(&padding))),
        ("dilations", A::Ints(dilation)),
        ("group", A::I(n.attrs.int("groups")?)),
        ("output_padding", A::Ints(own)),
    ];
    channels_first(e, n, |e, dtype, x| {
        let w = kernel(e, n, dtype)?;
        let y = e.node("ConvTranspose", &[x, &w], &attrs)?;
        if late.iter().all(|&l| l == 0) {
            return Ok(y);
        }
        let pads = [vec![0; axes + 2], vec![0; 2], late].concat();
        let (pads, zero) = (e.ints(&pads)?, e.number(dtype, 0.0)?);
        e.node("Pad", &[&y, &pads, &zero], &[])
    })
}

fn pool(e: &mut Emit<'_, '_>, n: &OpenNode, op: &str) -> Result<Vec<String>> {
    let axes = e.ty(n, 0)?.rank().saturating_sub(2);
    let attrs = [
        ("kernel_shape", A::Ints(per_axis(n.attrs.ints("size")?, axes))),
        ("strides", A::Ints(per_axis(n.attrs.ints("strides")?, axes))),
        ("pads", A::Ints(pads(&n.attrs.ints("padding")?))),
    ];
    channels_first(e, n, |e, _, x| e.node(op, &[x], &attrs))
}

pub(super) fn max_pool(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    pool(e, n, "MaxPool")
}

pub(super) fn avg_pool(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    pool(e, n, "AveragePool")
}
