//! Every op of `keras.ops` that takes arrays and plain arguments, by Keras's name.
//!
//! One entry calls the op as `keras.ops` does: positional arrays, and the other arguments by Keras's names as JSON. The
//! table is what `python/ops.py` compares with Keras and what `docs/coverage.md` counts.

use std::collections::BTreeMap;

use cornet_error::{Result, err};
use cornet_ops::control::{
    ScanOptions, associative_scan, cond, fori_loop, map, scan, switch, vectorized_map, while_loop,
};
use cornet_ops::fft::StftOptions;
use cornet_ops::linalg::Norm;
use cornet_ops::nn::geometry::DataFormat;
use cornet_ops::nn::{AttentionOptions, ConvOptions, CtcDecoder, PoolOptions};
use cornet_ops::{PadMode, ScatterMode, Spacing, Tensor};
use cornet_tensor::DType;
use serde_json::Value;

/// The arguments of a call.
pub struct Arguments<'a> {
    /// The arrays.
    pub x: &'a [Tensor],
    /// The others by name.
    pub named: &'a Value,
}

impl Arguments<'_> {
    fn x(&self, i: usize) -> &Tensor {
        static MISSING: std::sync::LazyLock<Tensor> =
            std::sync::LazyLock::new(|| Tensor::failed(err!(InvalidArgument, "an array is missing")));
        self.x.get(i).unwrap_or(&MISSING)
    }

    fn all(&self) -> Vec<&Tensor> {
        self.x.iter().collect()
    }

    fn int(&self, name: &str, default: i64) -> i64 {
        self.named[name].as_i64().unwrap_or(default)
    }

    fn size(&self, name: &str, default: usize) -> usize {
        self.named[name].as_u64().map_or(default, |n| n as usize)
    }

    fn axis(&self, name: &str, default: isize) -> isize {
        self.int(name, default as i64) as isize
    }

    fn maybe_axis(&self) -> Option<isize> {
        self.named["axis"].as_i64().map(|n| n as isize)
    }

    fn float(&self, name: &str, default: f64) -> f64 {
        self.named[name].as_f64().unwrap_or(default)
    }

    fn flag(&self, name: &str, default: bool) -> bool {
        self.named[name].as_bool().unwrap_or(default)
    }

    fn text(&self, name: &str, default: &'static str) -> String {
        self.named[name].as_str().unwrap_or(default).to_owned()
    }

    /// A list of integers; one as itself; none as nothing.
    fn ints(&self, name: &str) -> Vec<i64> {
        match &self.named[name] {
            Value::Array(list) => list.iter().filter_map(Value::as_i64).collect(),
            one => one.as_i64().into_iter().collect(),
        }
    }

    fn axes(&self, name: &str) -> Vec<isize> {
        self.ints(name).into_iter().map(|n| n as isize).collect()
    }

    fn sizes(&self, name: &str) -> Vec<usize> {
        self.ints(name).into_iter().map(|n| n as usize).collect()
    }

    fn pairs(&self, name: &str) -> Vec<(usize, usize)> {
        let of = |v: &Value| (v[0].as_u64().unwrap_or(0) as usize, v[1].as_u64().unwrap_or(0) as usize);
        self.named[name].as_array().into_iter().flatten().map(of).collect()
    }

    fn dtype(&self, default: DType) -> Result<DType> {
        self.named["dtype"].as_str().map_or(Ok(default), str::parse)
    }

    fn keepdims(&self) -> bool {
        self.flag("keepdims", false)
    }

    fn format(&self) -> Result<DataFormat> {
        self.text("data_format", "channels_last").parse()
    }

    fn spacing(&self) -> Spacing {
        Spacing { num: self.size("num", 50), endpoint: self.flag("endpoint", true), ..Spacing::default() }
    }

    fn conv(&self) -> Result<ConvOptions> {
        let or_one = |list: Vec<usize>| if list.is_empty() { vec![1] } else { list };
        Ok(ConvOptions {
            strides: or_one(self.sizes("strides")),
            padding: self.text("padding", "valid").parse()?,
            data_format: self.format()?,
            dilation_rate: or_one(self.sizes("dilation_rate")),
        })
    }

    fn pool(&self) -> Result<PoolOptions> {
        Ok(PoolOptions {
            pool_size: self.sizes("pool_size"),
            strides: Some(self.sizes("strides")).filter(|s| !s.is_empty()),
            padding: self.text("padding", "valid").parse()?,
            data_format: self.format()?,
        })
    }

    fn stft(&self) -> StftOptions {
        let of = |name| self.size(name, 1);
        StftOptions::new(of("sequence_length"), of("sequence_stride"), of("fft_length"))
    }

    fn pair(&self, name: &str, default: usize) -> (usize, usize) {
        match self.sizes(name)[..] {
            [] => (default, default),
            [one] => (one, one),
            [a, b, ..] => (a, b),
        }
    }
}

/// Calls an op.
pub type Call = fn(&Arguments<'_>) -> Result<Vec<Tensor>>;

type Table = BTreeMap<&'static str, Call>;

fn one(x: Tensor) -> Result<Vec<Tensor>> {
    Ok(vec![x])
}

fn two((a, b): (Tensor, Tensor)) -> Result<Vec<Tensor>> {
    Ok(vec![a, b])
}

macro_rules! unary {
    ($table:ident: $($name:ident)+) => { $( $table.insert(stringify!($name), |a| one(a.x(0).$name())); )+ };
}
macro_rules! binary {
    ($table:ident: $($name:ident)+) => { $( $table.insert(stringify!($name), |a| one(a.x(0).$name(a.x(1)))); )+ };
}
macro_rules! reduction {
    ($table:ident: $($name:ident)+) => {
        $( $table.insert(stringify!($name), |a| one(a.x(0).$name(&a.axes("axis"), a.keepdims()))); )+
    };
}
macro_rules! place {
    ($table:ident: $($name:ident)+) => {
        $( $table.insert(stringify!($name), |a| one(a.x(0).$name(a.maybe_axis(), a.keepdims()))); )+
    };
}
macro_rules! running {
    ($table:ident: $($name:ident)+) => { $( $table.insert(stringify!($name), |a| one(a.x(0).$name(a.maybe_axis()))); )+ };
}
macro_rules! along {
    ($table:ident: $($name:ident)+) => { $( $table.insert(stringify!($name), |a| one(a.x(0).$name(a.axis("axis", -1)))); )+ };
}
macro_rules! window {
    ($table:ident: $($name:ident)+) => {
        $( $table.insert(stringify!($name), |a| one(Tensor::$name(a.x(0).cast(DType::I64).item::<i64>()? as usize))); )+
    };
}
macro_rules! quantile {
    ($table:ident: $($name:ident)+) => {
        $( $table.insert(stringify!($name), |a| {
            let method = a.text("method", "linear").parse()?;
            one(a.x(0).$name(a.float("q", 0.5), &a.axes("axis"), method, a.keepdims()))
        }); )+
    };
}
macro_rules! segment {
    ($table:ident: $($name:ident)+) => {
        $( $table.insert(stringify!($name), |a| {
            let segments = a.named["num_segments"].as_u64().map(|n| n as usize);
            one(a.x(0).$name(a.x(1), segments))
        }); )+
    };
}
macro_rules! other {
    ($table:ident: $($name:literal => |$a:ident| $call:expr;)+) => { $( $table.insert($name, |$a| $call); )+ };
}

/// Every op, by Keras's name.
pub fn table() -> Table {
    let mut t = Table::new();
    element_wise(&mut t);
    reductions(&mut t);
    shapes(&mut t);
    made(&mut t);
    indexing(&mut t);
    algebra(&mut t);
    networks(&mut t);
    control(&mut t);
    t
}

fn element_wise(t: &mut Table) {
    unary! { t:
        abs absolute angle arccos arccosh arcsin arcsinh arctan arctanh bitwise_invert bitwise_not cbrt ceil conj cos cosh
        deg2rad erf erfc erfinv exp exp2 expm1 fabs floor hard_sigmoid hard_silu hard_tanh i0 imag isfinite isinf isnan
        isneginf isposinf isreal log log10 log1p log2 log_sigmoid logical_not negative rad2deg real reciprocal relu relu6
        rsqrt selu sigmoid sign signbit silu sin sinc sinh softplus softsign sparse_plus sparse_sigmoid sqrt square
        stop_gradient tan tanh tanh_shrink trunc view_as_complex view_as_real
    }
    binary! { t:
        add arctan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor divide divide_no_nan equal
        floor_divide fmax fmin fmod gcd greater greater_equal heaviside hypot lcm ldexp left_shift less less_equal
        logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum multiply nextafter not_equal polar power
        right_shift subtract
    }
    other! { t:
        "conjugate" => |a| one(a.x(0).conj());
        "swish" => |a| one(a.x(0).silu());
        "hard_swish" => |a| one(a.x(0).hard_silu());
        "true_divide" => |a| one(a.x(0).divide(a.x(1)));
        "mod" => |a| one(a.x(0).mod_(a.x(1)));
        "round" => |a| one(a.x(0).round_to(a.int("decimals", 0) as i32));
        "clip" => |a| one(a.x(0).clip(a.float("x_min", 0.0), a.float("x_max", 0.0)));
        "celu" => |a| one(a.x(0).celu(a.float("alpha", 1.0)));
        "elu" => |a| one(a.x(0).elu(a.float("alpha", 1.0)));
        "gelu" => |a| one(a.x(0).gelu(a.flag("approximate", true)));
        "hard_shrink" => |a| one(a.x(0).hard_shrink(a.float("threshold", 0.5)));
        "soft_shrink" => |a| one(a.x(0).soft_shrink(a.float("threshold", 0.5)));
        "leaky_relu" => |a| one(a.x(0).leaky_relu(a.float("negative_slope", 0.2)));
        "squareplus" => |a| one(a.x(0).squareplus(a.float("b", 4.0)));
        "threshold" => |a| one(a.x(0).threshold(a.float("threshold", 0.0), a.float("default_value", 0.0)));
        "isclose" => |a| one(a.x(0).isclose(a.x(1), a.float("rtol", 1e-5), a.float("atol", 1e-8), a.flag("equal_nan", false)));
        "allclose" => |a| one(a.x(0).allclose(a.x(1), a.float("rtol", 1e-5), a.float("atol", 1e-8), a.flag("equal_nan", false)));
        "nan_to_num" => |a| one(a.x(0).nan_to_num(a.float("nan", 0.0), a.named["posinf"].as_f64(), a.named["neginf"].as_f64()));
        "where" => |a| one(a.x(0).where_(a.x(1), a.x(2)));
        "cast" => |a| one(a.x(0).cast(a.dtype(DType::F32)?));
        "saturate_cast" => |a| one(a.x(0).saturate_cast(a.dtype(DType::F32)?));
        "view" => |a| one(a.x(0).view(a.dtype(DType::F32)?));
        "copy" => |a| one(a.x(0).clone());
        "array" => |a| one(a.x(0).clone());
        "convert_to_tensor" => |a| one(a.x(0).clone());
        "convert_to_numpy" => |a| one(a.x(0).array()?.into());
        "digitize" => |a| one(a.x(0).digitize(a.x(1)));
    }
}

fn reductions(t: &mut Table) {
    reduction! { t: all amax amin any logsumexp max mean median min nanmax nanmean nanmedian nanmin nanprod nanstd nansum
    nanvar prod ptp std sum var }
    place! { t: argmax argmin nanargmax nanargmin }
    running! { t: cumprod cumsum nancumprod nancumsum }
    quantile! { t: percentile quantile nanpercentile nanquantile }
    segment! { t: segment_max segment_min segment_prod segment_sum }
    along! { t: argsort glu log_softmax softmax sort sparsemax }
    other! { t:
        "average" => |a| one(a.x(0).average(&a.axes("axis"), a.x.get(1)));
        "count_nonzero" => |a| one(a.x(0).count_nonzero(&a.axes("axis")));
        "moments" => |a| two(a.x(0).moments(&a.axes("axes"), a.keepdims()));
        "bincount" => |a| one(a.x(0).bincount(a.x.get(1), a.size("minlength", 0)));
        "histogram" => |a| two(a.x(0).histogram(a.size("bins", 10), None)?);
        "corrcoef" => |a| one(a.x(0).corrcoef());
        "correlate" => |a| one(a.x(0).correlate(a.x(1), a.text("mode", "valid").parse()?));
        "diff" => |a| one(a.x(0).diff(a.size("n", 1), a.axis("axis", -1)));
        "trapezoid" => |a| one(a.x(0).trapezoid(a.x.get(1), a.float("dx", 1.0), a.axis("axis", -1)));
        "searchsorted" => |a| one(a.x(0).searchsorted(a.x(1), a.text("side", "left") == "right"));
        "isin" => |a| one(a.x(0).isin(a.x(1), a.flag("invert", false)));
        "unique" => |a| one(a.x(0).unique(a.maybe_axis(), None)?.values);
        "top_k" => |a| two(a.x(0).top_k(a.size("k", 1)));
        "in_top_k" => |a| one(Tensor::in_top_k(a.x(0), a.x(1), a.size("k", 1)));
        "argpartition" => |a| one(a.x(0).argpartition(a.axis("kth", 0), a.axis("axis", -1)));
    }
}

fn shapes(t: &mut Table) {
    unary! { t: fliplr flipud ravel }
    other! { t:
        "append" => |a| one(a.x(0).append(a.x(1), a.maybe_axis()));
        "array_split" => |a| a.x(0).array_split(a.size("indices_or_sections", 1), a.axis("axis", 0));
        "broadcast_to" => |a| one(a.x(0).broadcast_to(a.sizes("shape")));
        "concatenate" => |a| one(Tensor::concatenate(&a.all(), a.axis("axis", 0)));
        "stack" => |a| one(Tensor::stack(&a.all(), a.axis("axis", 0)));
        "hstack" => |a| one(Tensor::hstack(&a.all()));
        "vstack" => |a| one(Tensor::vstack(&a.all()));
        "dstack" => |a| one(Tensor::dstack(&a.all()));
        "split" => |a| match &a.named["indices_or_sections"] {
            Value::Array(_) => a.x(0).split(&a.sizes("indices_or_sections")[..], a.axis("axis", 0)),
            _ => a.x(0).split(a.size("indices_or_sections", 1), a.axis("axis", 0)),
        };
        "hsplit" => |a| a.x(0).hsplit(a.size("indices_or_sections", 1));
        "vsplit" => |a| a.x(0).vsplit(a.size("indices_or_sections", 1));
        "dsplit" => |a| a.x(0).dsplit(a.size("indices_or_sections", 1));
        "unstack" => |a| a.x(0).unstack(a.axis("axis", 0));
        "expand_dims" => |a| one(a.x(0).expand_dims(&a.axes("axis")));
        "squeeze" => |a| one(a.x(0).squeeze(&a.axes("axis")));
        "flip" => |a| one(a.x(0).flip(&a.axes("axis")));
        "moveaxis" => |a| one(a.x(0).moveaxis(&a.axes("source"), &a.axes("destination")));
        "swapaxes" => |a| one(a.x(0).swapaxes(a.axis("axis1", 0), a.axis("axis2", 1)));
        "transpose" => |a| one(a.x(0).transpose(&a.axes("axes")));
        "reshape" => |a| one(a.x(0).reshape_infer(&a.axes("newshape")));
        "repeat" => |a| one(a.x(0).repeat(a.size("repeats", 1), a.maybe_axis()));
        "tile" => |a| one(a.x(0).tile(&a.sizes("repeats")));
        "roll" => |a| one(a.x(0).roll(a.int("shift", 0), a.maybe_axis()));
        "rot90" => |a| one(a.x(0).rot90(a.int("k", 1), (0, 1)));
        "pad" => |a| one(match a.text("mode", "constant").as_str() {
            "reflect" => a.x(0).pad_mode(&a.pairs("pad_width"), PadMode::Reflect),
            "symmetric" => a.x(0).pad_mode(&a.pairs("pad_width"), PadMode::Symmetric),
            _ => a.x(0).pad_mode(&a.pairs("pad_width"), PadMode::Constant(a.float("constant_values", 0.0))),
        });
        "diag" => |a| one(a.x(0).diag(a.int("k", 0)));
        "diagflat" => |a| one(a.x(0).diagflat(a.int("k", 0)));
        "diagonal" => |a| one(a.x(0).diagonal(a.int("offset", 0), a.axis("axis1", 0), a.axis("axis2", 1)));
        "trace" => |a| one(a.x(0).trace(a.int("offset", 0), a.axis("axis1", 0), a.axis("axis2", 1)));
        "tril" => |a| one(a.x(0).tril(a.int("k", 0)));
        "triu" => |a| one(a.x(0).triu(a.int("k", 0)));
        "meshgrid" => |a| Tensor::meshgrid(&a.all(), &a.text("indexing", "xy"));
        "rearrange" => |a| one(a.x(0).rearrange(&a.text("pattern", ""), &[]));
        "depth_to_space" => |a| one(a.x(0).depth_to_space(a.size("block_size", 2), a.format()?));
        "space_to_depth" => |a| one(a.x(0).space_to_depth(a.size("block_size", 2), a.format()?));
        "shape" => |a| one(Tensor::from_slice(&a.x(0).shape()?.iter().map(|&n| n as i32).collect::<Vec<_>>(), [a.x(0).rank()?]));
        "ndim" => |a| one(Tensor::of(a.x(0).rank()? as i32));
        "size" => |a| one(Tensor::of(a.x(0).shape()?.elements() as i32));
    }
}

fn made(t: &mut Table) {
    window! { t: bartlett blackman hamming hanning }
    other! { t:
        "kaiser" => |a| one(Tensor::kaiser(a.x(0).cast(DType::I64).item::<i64>()? as usize, a.float("beta", 1.0)));
        "arange" => |a| one(Tensor::arange(a.float("start", 0.0), a.float("stop", 1.0), a.float("step", 1.0), a.dtype(DType::F32)?));
        "linspace" => |a| one(Tensor::linspace_with(a.float("start", 0.0), a.float("stop", 1.0), a.spacing()));
        "logspace" => |a| one(Tensor::logspace(a.float("start", 0.0), a.float("stop", 1.0), a.float("base", 10.0), a.spacing()));
        "geomspace" => |a| one(Tensor::geomspace(a.float("start", 1.0), a.float("stop", 2.0), a.spacing()));
        "eye" => |a| one(Tensor::eye(a.size("N", 1), a.size("M", a.size("N", 1)), a.int("k", 0), a.dtype(DType::F32)?));
        "identity" => |a| one(Tensor::identity(a.size("n", 1), a.dtype(DType::F32)?));
        "tri" => |a| one(Tensor::tri(a.size("N", 1), a.size("M", a.size("N", 1)), a.int("k", 0), a.dtype(DType::F32)?));
        "full" => |a| one(Tensor::full(a.sizes("shape"), a.float("fill_value", 0.0), a.dtype(DType::F32)?));
        "full_like" => |a| one(Tensor::full_like(a.x(0), a.float("fill_value", 0.0)));
        "zeros" => |a| one(Tensor::zeros(a.sizes("shape"), a.dtype(DType::F32)?));
        "ones" => |a| one(Tensor::ones(a.sizes("shape"), a.dtype(DType::F32)?));
        "zeros_like" => |a| one(Tensor::zeros_like(a.x(0)));
        "ones_like" => |a| one(Tensor::ones_like(a.x(0)));
        "vander" => |a| {
            one(a.x(0).vander(a.named["N"].as_u64().map(|n| n as usize), a.flag("increasing", false)))
        };
    }
}

fn mode(word: &str) -> ScatterMode {
    match word {
        "add" => ScatterMode::Add,
        "max" => ScatterMode::Max,
        "min" => ScatterMode::Min,
        "mul" => ScatterMode::Mul,
        _ => ScatterMode::Update,
    }
}

fn indexing(t: &mut Table) {
    other! { t:
        "take" => |a| one(match a.maybe_axis() {
            Some(axis) => a.x(0).take(a.x(1), axis),
            None => a.x(0).take_flat(a.x(1)),
        });
        "take_along_axis" => |a| one(match a.maybe_axis() {
            Some(axis) => a.x(0).take_along_axis(a.x(1), axis),
            None => a.x(0).take_along_flat(a.x(1)),
        });
        "get_item" => |a| one(a.x(0).index(a.int("key", 0)));
        "one_hot" => |a| one(a.x(0).one_hot(a.size("num_classes", 1), a.axis("axis", -1), a.dtype(DType::F32)?));
        "multi_hot" => |a| one(a.x(0).multi_hot(a.size("num_classes", 1), a.axis("axis", -1), a.dtype(DType::F32)?));
        "scatter" => |a| one(Tensor::scatter(a.x(0), a.x(1), a.sizes("shape")));
        "scatter_update" => |a| one(a.x(0).scatter_update(a.x(1), a.x(2), mode(&a.text("reduction", ""))));
        "slice" => |a| one(a.x(0).slice(&a.sizes("start_indices"), &a.sizes("shape")));
        "slice_update" => |a| one(a.x(0).slice_update(&a.sizes("start_indices"), a.x(1)));
        "nonzero" => |a| a.x(0).nonzero();
        "unravel_index" => |a| a.x(0).unravel_index(&a.sizes("shape"));
        "select" => |a| {
            let half = a.x.len() / 2;
            one(Tensor::select(&a.x[..half], &a.x[half..2 * half], a.float("default", 0.0)))
        };
        "extract_sequences" => |a| one(a.x(0).extract_sequences(a.size("sequence_length", 1), a.size("sequence_stride", 1)));
    }
}

fn algebra(t: &mut Table) {
    unary! { t: det inv logdet }
    binary! { t: cdist dot inner kron matmul outer solve vdot }
    other! { t:
        "cross" => |a| one(a.x(0).cross(a.x(1), a.axis("axis", -1)));
        "einsum" => |a| one(Tensor::einsum(&a.text("subscripts", ""), &a.all()));
        "tensordot" => |a| one(a.x(0).tensordot(a.x(1), a.size("axes", 2)));
        "cholesky" => |a| one(a.x(0).cholesky(a.flag("upper", false)));
        "cholesky_inverse" => |a| one(a.x(0).cholesky_inverse(a.flag("upper", false)));
        "eigh" => |a| one(a.x(0).eigh().0);
        "eig" => |a| one(a.x(0).eig().0);
        "lu_factor" => |a| one(a.x(0).lu_factor().0);
        "qr" => |a| {
            let (q, r) = a.x(0).qr(a.text("mode", "reduced") == "complete");
            // Signs of columns are free: what is compared is the product and what is upper.
            Ok(vec![q.matmul(&r), r.abs()])
        };
        "svd" => |a| one(a.x(0).svd(a.flag("full_matrices", true)).1);
        "slogdet" => |a| two(a.x(0).slogdet());
        "lstsq" => |a| one(a.x(0).lstsq(a.x(1), None));
        "matrix_rank" => |a| one(a.x(0).matrix_rank(None));
        "pinv" => |a| one(a.x(0).pinv(None));
        "solve_triangular" => |a| one(a.x(0).solve_triangular(a.x(1), a.flag("lower", false)));
        "norm" => |a| {
            let norm = match &a.named["ord"] {
                Value::String(word) if word == "nuc" => Norm::Nuclear,
                Value::String(_) => Norm::Frobenius,
                order => order.as_f64().map_or(Norm::Euclidean, Norm::Order),
            };
            one(a.x(0).norm(norm, &a.axes("axis"), a.keepdims()))
        };
        "normalize" => |a| one(a.x(0).normalize(&[a.axis("axis", -1)], a.size("order", 2) as u32, 1e-12));
        "fft" => |a| two(a.x(0).fft(a.x(1)));
        "fft2" => |a| two(a.x(0).fft2(a.x(1)));
        "ifft2" => |a| two(a.x(0).ifft2(a.x(1)));
        "rfft" => |a| two(a.x(0).rfft(a.named["fft_length"].as_u64().map(|n| n as usize)));
        "irfft" => |a| one(a.x(0).irfft(a.x(1), a.named["fft_length"].as_u64().map(|n| n as usize)));
        "stft" => |a| two(a.x(0).stft(&a.stft()));
        "istft" => |a| one(a.x(0).istft(a.x(1), &a.stft(), None));
    }
}

fn networks(t: &mut Table) {
    other! { t:
        "average_pool" => |a| one(a.x(0).average_pool(&a.pool()?));
        "max_pool" => |a| one(a.x(0).max_pool(&a.pool()?));
        "adaptive_average_pool" => |a| one(a.x(0).adaptive_average_pool(&a.sizes("output_size"), a.format()?));
        "adaptive_max_pool" => |a| one(a.x(0).adaptive_max_pool(&a.sizes("output_size"), a.format()?));
        "conv" => |a| one(a.x(0).conv(a.x(1), &a.conv()?));
        "conv_transpose" => |a| one(a.x(0).conv_transpose(a.x(1), None, &a.conv()?));
        "depthwise_conv" => |a| one(a.x(0).depthwise_conv(a.x(1), &a.conv()?));
        "separable_conv" => |a| one(a.x(0).separable_conv(a.x(1), a.x(2), &a.conv()?));
        "batch_normalization" => |a| one(a.x(0).batch_normalization(a.x(1), a.x(2), a.axis("axis", -1), None, None, a.float("epsilon", 1e-3)));
        "layer_normalization" => |a| one(a.x(0).layer_normalization(a.x.get(1), a.x.get(2), &[a.axis("axis", -1)], a.float("epsilon", 1e-3)));
        "rms_normalization" => |a| one(a.x(0).rms_normalization(a.x.get(1), &[a.axis("axis", -1)], a.float("epsilon", 1e-6)));
        "binary_crossentropy" => |a| one(a.x(0).binary_crossentropy(a.x(1), a.flag("from_logits", false)));
        "categorical_crossentropy" => |a| one(a.x(0).categorical_crossentropy(a.x(1), a.flag("from_logits", false), a.axis("axis", -1)));
        "sparse_categorical_crossentropy" => |a| one(a.x(0).sparse_categorical_crossentropy(a.x(1), a.flag("from_logits", false)));
        "dot_product_attention" => |a| {
            let options = AttentionOptions { is_causal: a.flag("is_causal", false), ..AttentionOptions::default() };
            one(a.x(0).dot_product_attention(a.x(1), a.x(2), &options))
        };
        "ctc_loss" => |a| one(a.x(0).ctc_loss(a.x(1), a.x(2), a.x(3), a.axis("mask_index", 0)));
        "ctc_decode" => |a| one(a.x(0).ctc_decode(a.x(1), CtcDecoder::Greedy { merge_repeated: true }, a.axis("mask_index", 0)).0);
        "psnr" => |a| one(a.x(0).psnr(a.x(1), a.float("max_val", 1.0)));
        "unfold" => |a| one(a.x(0).unfold(a.pair("kernel_size", 2), a.pair("dilation", 1), a.pair("padding", 0), a.pair("stride", 1)));
        "fold" => |a| one(a.x(0).fold(a.pair("output_size", 4), a.pair("kernel_size", 2), a.pair("dilation", 1), a.pair("padding", 0), a.pair("stride", 1)));
    }
}

/// What takes functions: each with the function that `python/ops.py` gives Keras.
fn control(t: &mut Table) {
    other! { t:
        "cond" => |a| cond(&a.x(0).sum(&[], false).greater(0.0), || Ok(vec![a.x(0) * 2.0]), || Ok(vec![a.x(0) - 1.0]));
        "switch" => |a| switch(&Tensor::of(1), &[&|| Ok(vec![a.x(0).clone()]), &|| Ok(vec![a.x(0).square()])]);
        "fori_loop" => |a| fori_loop(0, 4, |_, x| Ok(vec![&x[0] * 1.5 + 1.0]), &[a.x(0).clone()]);
        "while_loop" => |a| while_loop(|x| Ok(x[0].sum(&[], false).less(50.0)), |x| Ok(vec![x[0].abs() + 1.0]), &[a.x(0).clone()], Some(100));
        "map" => |a| map(|x| Ok(vec![x[0].square()]), &[a.x(0).clone()]);
        "vectorized_map" => |a| vectorized_map(|x| Ok(vec![x[0].square()]), &[a.x(0).clone()]);
        "scan" => |a| {
            let first = Tensor::zeros_like(&a.x(0).index(0));
            let (carry, ys) = scan(|c, x| Ok((vec![&c[0] + &x[0]], vec![&c[0] * 2.0])), &[first], &[a.x(0).clone()], ScanOptions::default())?;
            Ok(carry.into_iter().chain(ys).collect())
        };
        "associative_scan" => |a| associative_scan(|x, y| Ok(vec![&x[0] + &y[0]]), &[a.x(0).clone()], false, 0);
    }
}
