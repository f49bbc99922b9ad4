//! Products, convolutions, pools, softmax.

use cornet_error::{Result, fail};
use cornet_export::{Dim, OpenNode};
use cornet_tensor::DType;

use super::emit::Emit;
use super::pointwise::inside;
use super::proto::A;
use super::shape::{joined, ordered, padded, spread, to_shape};
use super::table::Kernels;

const I32: DType = DType::I32;

pub(super) fn matmul(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let dtype = e.out(n).dtype;
    let (a, b) = (n.attrs.bool("transpose_a")?, n.attrs.bool("transpose_b")?);
    if dtype == DType::C64 && (a || b) {
        fail!(Unsupported, "expected real numbers to transpose, found {dtype}");
    }
    let inner = inside(dtype, Kernels::Numbers);
    let x = e.all(n)?.iter().map(|x| e.cast(x, dtype, inner)).collect::<Result<Vec<_>>>()?;
    let y = if e.ty(n, 0)?.rank() == 2 && e.ty(n, 1)?.rank() == 2 {
        let attrs = [("T", A::Type(inner)), ("transpose_a", A::Bool(a)), ("transpose_b", A::Bool(b))];
        e.node("MatMul", &[&x[0], &x[1]], &attrs, "product")?
    } else {
        let attrs = [("T", A::Type(inner)), ("adj_x", A::Bool(a)), ("adj_y", A::Bool(b))];
        e.node("BatchMatMulV2", &[&x[0], &x[1]], &attrs, "output")?
    };
    Ok(vec![e.cast(&y, inner, dtype)?])
}

pub(super) fn softmax(e: &mut Emit<'_, '_>, n: &OpenNode, op: &str, output: &str) -> Result<Vec<String>> {
    let (axis, rank, dtype) = (n.attrs.size("axis")?, e.ty(n, 0)?.rank(), e.out(n).dtype);
    let inner = inside(dtype, Kernels::Floats);
    let x = e.x(n, 0)?;
    let mut x = e.cast(&x, dtype, inner)?;
    let mut order: Vec<i64> = (0..rank as i64).collect();
    let moved = axis + 1 < rank;
    if moved {
        order.swap(axis, rank - 1);
        x = ordered(e, &x, &order, inner)?;
    }
    let mut y = e.unary(op, &x, inner, output)?;
    if moved {
        y = ordered(e, &y, &order, inner)?;
    }
    Ok(vec![e.cast(&y, inner, dtype)?])
}

/// One value an axis, from one for all of them or one each.
fn per_axis(values: Vec<i64>, axes: usize) -> Vec<i64> {
    if values.len() == 1 { vec![values[0]; axes] } else { values }
}

/// Values for the batch, the spatial axes and the channels.
fn around(values: &[i64]) -> Vec<i64> {
    [&[1], values, &[1]].concat()
}

/// Windows over an image of two or three spatial axes; one axis becomes two.
struct Windows {
    axes: usize,
    /// Whether an axis of size 1 stands before the only one.
    is_flat: bool,
    strides: Vec<i64>,
    dilation: Vec<i64>,
    /// Before and after each spatial axis.
    padding: Vec<(i64, i64)>,
    shape: Vec<Dim>,
    dtype: DType,
    inner: DType,
}

impl Windows {
    fn of(e: &Emit<'_, '_>, n: &OpenNode) -> Result<Self> {
        let ty = e.ty(n, 0)?;
        let axes = ty.rank().saturating_sub(2);
        if !(1..=3).contains(&axes) {
            fail!(Unsupported, "x: expected 1 to 3 spatial axes, found {axes}");
        }
        let flat = n.attrs.ints("padding")?;
        let mut w = Self {
            axes,
            is_flat: axes == 1,
            strides: per_axis(n.attrs.ints("strides")?, axes),
            dilation: n.attrs.ints("dilation").map_or_else(|_| vec![1; axes], |d| per_axis(d, axes)),
            padding: flat.chunks_exact(2).map(|p| (p[0], p[1])).collect(),
            shape: ty.shape.clone(),
            dtype: ty.dtype,
            inner: if ty.dtype == DType::F64 { DType::F64 } else { DType::F32 },
        };
        if w.padding.len() != axes || w.strides.len() != axes || w.dilation.len() != axes {
            fail!(Unsupported, "expected strides, dilation and padding of {axes} axes");
        }
        if w.is_flat {
            w.axes = 2;
            w.strides.insert(0, 1);
            w.dilation.insert(0, 1);
            w.padding.insert(0, (0, 0));
            w.shape.insert(1, Dim::fixed(1));
        }
        Ok(w)
    }

    /// x with an axis more where it has one, in a dtype with kernels.
    fn enter(&self, e: &mut Emit<'_, '_>, x: &str) -> Result<String> {
        let x = e.cast(x, self.dtype, self.inner)?;
        self.lift(e, &x, 1)
    }

    fn lift(&self, e: &mut Emit<'_, '_>, x: &str, axis: i64) -> Result<String> {
        if !self.is_flat {
            return Ok(x.to_owned());
        }
        let axis = e.int(axis)?;
        e.node("ExpandDims", &[x, &axis], &[("T", A::Type(self.inner)), ("Tdim", A::Type(I32))], "output")
    }

    fn leave(&self, e: &mut Emit<'_, '_>, y: &str) -> Result<String> {
        let mut y = y.to_owned();
        if self.is_flat {
            y =
                e.node("Squeeze", &[&y], &[("T", A::Type(self.inner)), ("squeeze_dims", A::Ints(vec![1]))], "output")?;
        }
        e.cast(&y, self.inner, self.dtype)
    }

    fn pad(&self, e: &mut Emit<'_, '_>, x: &str, value: f64) -> Result<String> {
        if self.padding.iter().all(|p| *p == (0, 0)) {
            return Ok(x.to_owned());
        }
        let side = |f: fn(&(i64, i64)) -> i64| around0(&self.padding.iter().map(f).collect::<Vec<_>>());
        padded(e, x, &side(|p| p.0), &side(|p| p.1), value, self.inner)
    }

    fn attrs(&self) -> Vec<(&'static str, A<'static>)> {
        vec![
            ("T", A::Type(self.inner)),
            ("strides", A::Ints(around(&self.strides))),
            ("padding", A::Str("VALID")),
            ("data_format", A::Str(if self.axes == 3 { "NDHWC" } else { "NHWC" })),
        ]
    }
}

fn around0(values: &[i64]) -> Vec<Dim> {
    [&[0], values, &[0]].concat().into_iter().map(Dim::fixed).collect()
}

/// The kernel with zeros between its taps, so that windows need no dilation: the kernels of TensorFlow on CPUs have none
/// everywhere.
fn kernel(e: &mut Emit<'_, '_>, n: &OpenNode, w: &Windows, dilated: bool) -> Result<(String, Vec<Dim>)> {
    let ty = e.ty(n, 1)?;
    let k = e.x(n, 1)?;
    let k = e.cast(&k, ty.dtype, w.inner)?;
    let mut k = w.lift(e, &k, 0)?;
    let mut shape = ty.shape.clone();
    if w.is_flat {
        shape.insert(0, Dim::fixed(1));
    }
    for axis in 0..w.axes {
        if dilated && w.dilation[axis] > 1 && shape[axis].known() != Some(1) {
            k = spread(e, &k, &mut shape, axis, w.dilation[axis] - 1, w.inner, 0.0)?;
        }
    }
    Ok((k, shape))
}

/// Parts of equal size along an axis.
fn split(e: &mut Emit<'_, '_>, x: &str, axis: usize, parts: usize, dtype: DType) -> Result<Vec<String>> {
    let axis = e.int(axis as i64)?;
    let first =
        e.node("Split", &[&axis, x], &[("num_split", A::Int(parts as i64)), ("T", A::Type(dtype))], "output")?;
    Ok((0..parts).map(|i| Emit::other(&first, "output", i)).collect())
}

pub(super) fn conv(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let w = Windows::of(e, n)?;
    let x = e.x(n, 0)?;
    let x = w.enter(e, &x)?;
    let x = w.pad(e, &x, 0.0)?;
    let dilated = w.axes == 3 || n.attrs.size("groups")? > 1;
    let (k, shape) = kernel(e, n, &w, dilated)?;
    let mut attrs = w.attrs();
    if !dilated {
        attrs.push(("dilations", A::Ints(around(&w.dilation))));
    }
    let groups = n.attrs.size("groups")?;
    let op = if w.axes == 3 { "Conv3D" } else { "Conv2D" };
    let inputs = shape.get(w.axes).and_then(Dim::known);
    let equal_strides = w.strides.windows(2).all(|s| s[0] == s[1]);
    let y = if groups == 1 {
        e.node(op, &[&x, &k], &attrs, "output")?
    } else if w.axes == 2 && inputs == Some(1) && equal_strides {
        // Each channel for itself: the kernel as [height, width, channels, outputs of each].
        let Some(outputs) = shape[w.axes + 1].known() else { fail!(Unsupported, "kernel: expected fixed sizes") };
        let each = [shape[0].clone(), shape[1].clone(), Dim::fixed(groups as i64), Dim::fixed(outputs / groups as i64)];
        let k = to_shape(e, &k, &each, w.inner)?;
        e.node("DepthwiseConv2dNative", &[&x, &k], &attrs, "output")?
    } else {
        let (xs, ks) = (split(e, &x, w.axes + 1, groups, w.inner)?, split(e, &k, w.axes + 1, groups, w.inner)?);
        let mut parts = Vec::new();
        for (x, k) in xs.iter().zip(&ks) {
            parts.push(e.node(op, &[x, k], &attrs, "output")?);
        }
        joined(e, &parts.iter().map(String::as_str).collect::<Vec<_>>(), w.axes + 1, w.inner)?
    };
    Ok(vec![w.leave(e, &y)?])
}

/// The transposed convolution, over the input with its padding, which is cut off afterwards.
pub(super) fn conv_input_gradient(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let w = Windows::of(e, n)?;
    let groups = n.attrs.size("groups")?;
    let dy = e.x(n, 0)?;
    let dy = w.enter(e, &dy)?;
    let (k, shape) = kernel(e, n, &w, true)?;
    let mut sizes = n.attrs.dims("sizes")?.to_vec();
    if w.is_flat {
        sizes.insert(0, Dim::fixed(1));
    }
    let channels = shape[w.axes].clone();
    let mut wide = vec![w.shape[0].clone()];
    for (size, pad) in sizes.iter().zip(&w.padding) {
        wide.push(size.with(&Dim::fixed(pad.0 + pad.1), e.samples(), i64::saturating_add));
    }
    wide.push(channels.clone());
    let wide = e.sizes(&wide)?;
    let mut attrs = w.attrs();
    let op = if w.axes == 3 { "Conv3DBackpropInputV2" } else { "Conv2DBackpropInput" };
    if w.axes == 3 {
        attrs.push(("Tshape", A::Type(I32)));
    }
    let last = w.axes + 1;
    let (ks, ds) = match groups {
        1 => (vec![k], vec![dy]),
        _ => (split(e, &k, last, groups, w.inner)?, split(e, &dy, last, groups, w.inner)?),
    };
    let mut parts = Vec::new();
    for (k, dy) in ks.iter().zip(&ds) {
        parts.push(e.node(op, &[&wide, k, dy], &attrs, "output")?);
    }
    let mut y = match parts.as_slice() {
        [one] => one.clone(),
        _ => joined(e, &parts.iter().map(String::as_str).collect::<Vec<_>>(), last, w.inner)?,
    };
    if w.padding.iter().any(|p| *p != (0, 0)) {
        let begin = [0].into_iter().chain(w.padding.iter().map(|p| p.0)).chain([0]).collect::<Vec<i64>>();
        let rest = Dim::fixed(-1);
        let size: Vec<Dim> = [rest.clone()].into_iter().chain(sizes).chain([rest]).collect();
        let (begin, size) = (e.ints(&begin)?, e.sizes(&size)?);
        y = e.node("Slice", &[&y, &begin, &size], &[("T", A::Type(w.inner)), ("Index", A::Type(I32))], "output")?;
    }
    Ok(vec![w.leave(e, &y)?])
}

fn windows_over(e: &mut Emit<'_, '_>, n: &OpenNode, w: &Windows, x: &str, is_max: bool) -> Result<String> {
    let mut size = per_axis(n.attrs.ints("size")?, if w.is_flat { 1 } else { w.axes });
    if w.is_flat {
        size.insert(0, 1);
    }
    let mut attrs = w.attrs();
    attrs.push(("ksize", A::Ints(around(&size))));
    let op = match (is_max, w.axes) {
        (true, 3) => "MaxPool3D",
        (true, _) => "MaxPool",
        (false, 3) => "AvgPool3D",
        (false, _) => "AvgPool",
    };
    e.node(op, &[x], &attrs, "output")
}

pub(super) fn max_pool(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let w = Windows::of(e, n)?;
    let x = e.x(n, 0)?;
    let x = w.enter(e, &x)?;
    let x = w.pad(e, &x, f64::NEG_INFINITY)?;
    let y = windows_over(e, n, &w, &x, true)?;
    Ok(vec![w.leave(e, &y)?])
}

/// With padding, the mean of what is there over the share of it.
pub(super) fn avg_pool(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let w = Windows::of(e, n)?;
    let x = e.x(n, 0)?;
    let x = w.enter(e, &x)?;
    let is_padded = w.padding.iter().any(|p| *p != (0, 0));
    let inside = w.pad(e, &x, 0.0)?;
    let mut y = windows_over(e, n, &w, &inside, false)?;
    if is_padded {
        let mut shape = w.shape.clone();
        (shape[0], shape[w.axes + 1]) = (Dim::fixed(1), Dim::fixed(1));
        let one = e.number(w.inner, 1.0)?;
        let ones = super::shape::stretched(e, &one, &shape, w.inner)?;
        let ones = w.pad(e, &ones, 0.0)?;
        let share = windows_over(e, n, &w, &ones, false)?;
        y = e.binary("RealDiv", &y, &share, w.inner)?;
    }
    Ok(vec![w.leave(e, &y)?])
}
