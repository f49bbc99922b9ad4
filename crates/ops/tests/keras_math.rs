//! Element-wise math and reductions against Keras 3.15.1 on JAX 0.10.2: `golden/math.npz`, written by
//! `golden/generate_math.py`.

use std::collections::HashMap;
use std::sync::OnceLock;

use cornet_ops::reduce::{Interpolation, Overlap};
use cornet_ops::{GradientTape, Tensor};
use cornet_tensor::{Array, DType, Shape};

fn golden(name: &str) -> &'static Array {
    static GOLDEN: OnceLock<HashMap<String, Array>> = OnceLock::new();
    let all = GOLDEN.get_or_init(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/math.npz");
        Array::read_npz(path).expect("the golden file reads").into_iter().collect()
    });
    all.get(name).unwrap_or_else(|| panic!("{name}: not in the golden file"))
}

/// Failures of a test, told together at its end.
#[derive(Default)]
struct Checks {
    wrong: Vec<String>,
    made: usize,
}

impl Checks {
    /// Whether `found` is what Keras gave, within a few units of float32's last place of each element or of 1.
    fn close(&mut self, name: &str, found: &Tensor) {
        self.within(name, found, 4e-6);
    }

    fn within(&mut self, name: &str, found: &Tensor, tolerance: f64) {
        self.made += 1;
        let expected = golden(name);
        let found = match found.array() {
            Ok(found) => found,
            Err(error) => return self.wrong.push(format!("{name}: {error}")),
        };
        let types = |a: &Array| format!("{}{}", a.dtype(), a.shape());
        if types(expected) != types(&found) {
            return self.wrong.push(format!("{name}: Keras gives {}, found {}", types(expected), types(&found)));
        }
        let (e, f) = (expected.to_c128().expect("numbers"), found.to_c128().expect("numbers"));
        for (i, (e, f)) in e.iter().zip(&f).enumerate() {
            let same = |e: f64, f: f64| {
                e == f || e.is_nan() && f.is_nan() || (e - f).abs() <= tolerance * e.abs().max(1.0) && e.is_finite()
            };
            if !same(e.re, f.re) || !same(e.im, f.im) {
                return self
                    .wrong
                    .push(format!("{name}: element {i} of {}: Keras gives {e}, found {f}", expected.shape()));
            }
        }
    }

    /// The same for a function's result, its gradients under the script's weights, and its special values.
    fn unary(&mut self, name: &str, x: &Tensor, special: bool, f: impl Fn(&Tensor) -> Tensor) {
        self.close(name, &f(x));
        let gradient = weighted(&[x], &|x| f(x[0]));
        self.within(&format!("{name}.grad"), &gradient[0], 2e-5);
        if special {
            self.close(&format!("{name}.special"), &f(&specials()));
        }
    }

    fn binary(&mut self, name: &str, a: &Tensor, b: &Tensor, f: impl Fn(&Tensor, &Tensor) -> Tensor) {
        self.close(name, &f(a, b));
        for (i, gradient) in weighted(&[a, b], &|x| f(x[0], x[1])).iter().enumerate() {
            self.within(&format!("{name}.grad{i}"), gradient, 2e-5);
        }
        self.special(name, f);
    }

    /// All pairs of special values.
    fn special(&mut self, name: &str, f: impl Fn(&Tensor, &Tensor) -> Tensor) {
        let s = specials();
        self.close(&format!("{name}.special"), &f(&s.reshape([15, 1]), &s.reshape([1, 15])));
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.wrong.is_empty(), "{} of {}:\n{}", self.wrong.len(), self.made, self.wrong.join("\n"));
        }
    }
}

fn weighted(xs: &[&Tensor], f: &dyn Fn(&[&Tensor]) -> Tensor) -> Vec<Tensor> {
    let tape = GradientTape::new();
    xs.iter().for_each(|x| tape.watch(x));
    let y = f(xs);
    let shape = y.shape().unwrap_or_default();
    tape.gradient(&(y * ramp(shape, 9)).sum(&[], false), xs).unwrap_or_else(|e| vec![Tensor::failed(e); xs.len()])
}

fn ramp(shape: impl Into<Shape>, seed: i64) -> Tensor {
    let shape = shape.into();
    let value = |i: i64| (((i * 7919 + seed * 104729) % 2003) as f64 / 1001.5 - 1.0) as f32;
    let values: Vec<f32> = (0..shape.elements() as i64).map(value).collect();
    Tensor::from_slice(&values, shape)
}

fn specials() -> Tensor {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    Tensor::of([-inf, -3.0, -2.5, -1.5, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 1.5, 2.5, 3.0, inf, nan])
}

fn wide() -> Tensor {
    ramp([4, 6], 1) * 4.0
}

fn above() -> Tensor {
    wide().absolute() + 0.0625
}

fn unit() -> Tensor {
    ramp([4, 6], 2) * 0.9375
}

fn other() -> Tensor {
    ramp([6], 3) * 3.0
}

fn ints() -> Tensor {
    Tensor::of([-7_i32, -3, -2, -1, 0, 1, 2, 3, 5, 12])
}

fn divisors() -> Tensor {
    Tensor::of([3_i32, -3, 2, -2, 5, -5, 4, 7, -4, 8])
}

fn holes() -> Tensor {
    let n = f32::NAN;
    Tensor::of([[1.0, n, 3.0, -2.0], [n, n, n, n], [4.0, 0.5, n, -1.0]])
}

fn ties() -> Tensor {
    Tensor::of([[1.0_f32, 3.0, 3.0, 2.0], [5.0, 5.0, 5.0, 5.0], [-1.0, 0.0, -1.0, 0.0]])
}

type Unary = fn(&Tensor) -> Tensor;

#[test]
fn functions_of_one_number() {
    let mut c = Checks::default();
    let over_all: &[(&str, Unary)] = &[
        ("absolute", Tensor::absolute),
        ("sign", Tensor::sign),
        ("sin", Tensor::sin),
        ("cos", Tensor::cos),
        ("tan", Tensor::tan),
        ("arctan", Tensor::arctan),
        ("sinh", Tensor::sinh),
        ("cosh", Tensor::cosh),
        ("tanh", Tensor::tanh),
        ("arcsinh", Tensor::arcsinh),
        ("expm1", Tensor::expm1),
        ("exp", Tensor::exp),
        ("exp2", Tensor::exp2),
        ("erf", Tensor::erf),
        ("erfc", Tensor::erfc),
        ("sigmoid", Tensor::sigmoid),
        ("silu", Tensor::silu),
        ("softplus", Tensor::softplus),
        ("softsign", Tensor::softsign),
        ("relu", Tensor::relu),
        ("relu6", Tensor::relu6),
        ("selu", Tensor::selu),
        ("log_sigmoid", Tensor::log_sigmoid),
        ("hard_sigmoid", Tensor::hard_sigmoid),
        ("hard_silu", Tensor::hard_silu),
        ("hard_tanh", Tensor::hard_tanh),
        ("tanh_shrink", Tensor::tanh_shrink),
        ("soft_shrink", |x| x.soft_shrink(0.5)),
        ("hard_shrink", |x| x.hard_shrink(0.5)),
        ("sparse_plus", Tensor::sparse_plus),
        ("sparse_sigmoid", Tensor::sparse_sigmoid),
        ("sinc", Tensor::sinc),
        ("square", Tensor::square),
        ("deg2rad", Tensor::deg2rad),
        ("rad2deg", Tensor::rad2deg),
        ("elu", |x| x.elu(1.0)),
        ("celu", |x| x.celu(1.0)),
        ("leaky_relu", |x| x.leaky_relu(0.2)),
        ("squareplus", |x| x.squareplus(4.0)),
        ("i0", Tensor::i0),
        ("cbrt", Tensor::cbrt),
        ("reciprocal", Tensor::reciprocal),
    ];
    over_all.iter().for_each(|(name, f)| c.unary(name, &wide(), true, f));
    let above_zero: &[(&str, Unary)] = &[
        ("log", Tensor::log),
        ("log2", Tensor::log2),
        ("log10", Tensor::log10),
        ("log1p", Tensor::log1p),
        ("sqrt", Tensor::sqrt),
        ("rsqrt", Tensor::rsqrt),
    ];
    above_zero.iter().for_each(|(name, f)| c.unary(name, &above(), true, f));
    let within_one: &[(&str, Unary)] = &[
        ("arcsin", Tensor::arcsin),
        ("arccos", Tensor::arccos),
        ("arctanh", Tensor::arctanh),
        ("erfinv", Tensor::erfinv),
    ];
    within_one.iter().for_each(|(name, f)| c.unary(name, &unit(), true, f));
    c.unary("arccosh", &(above() + 1.0), true, Tensor::arccosh);
    c.close("gelu.tanh", &wide().gelu(true));
    c.close("gelu.erf", &wide().gelu(false));
    c.close("threshold", &wide().threshold(0.5, -3.0));
    c.close("glu", &wide().glu(0));
    c.close("mish", &wide().mish());
    c.close("lgamma", &wide().lgamma());
    c.close("digamma", &above().digamma());
    let at_specials: &[(&str, Unary)] = &[
        ("floor", Tensor::floor),
        ("ceil", Tensor::ceil),
        ("round", Tensor::round),
        ("trunc", Tensor::trunc),
        ("isnan", Tensor::isnan),
        ("isinf", Tensor::isinf),
        ("isfinite", Tensor::isfinite),
        ("isposinf", Tensor::isposinf),
        ("isneginf", Tensor::isneginf),
        ("signbit", Tensor::signbit),
        ("nan_to_num", |x| x.nan_to_num(0.0, None, None)),
        ("angle", Tensor::angle),
    ];
    at_specials.iter().for_each(|(name, f)| c.close(&format!("{name}.special"), &f(&specials())));
    c.close("round.2", &wide().round_to(2));
    c.close("nan_to_num.some", &specials().nan_to_num(7.0, Some(8.0), Some(-9.0)));
    let of_ints: &[(&str, Unary)] = &[
        ("floor", Tensor::floor),
        ("sqrt", Tensor::sqrt),
        ("exp", Tensor::exp),
        ("sinc", Tensor::sinc),
        ("log2", Tensor::log2),
        ("absolute", Tensor::absolute),
        ("sign", Tensor::sign),
        ("square", Tensor::square),
        ("round", Tensor::round),
        ("trunc", Tensor::trunc),
        ("isnan", Tensor::isnan),
        ("bitwise_not", Tensor::bitwise_not),
    ];
    of_ints.iter().for_each(|(name, f)| c.close(&format!("{name}.ints"), &f(&ints())));
}

#[test]
fn functions_of_two_numbers() {
    let mut c = Checks::default();
    type Binary = fn(&Tensor, &Tensor) -> Tensor;
    let differentiable: &[(&str, Binary)] = &[
        ("add", |a, b| a + b),
        ("subtract", |a, b| a - b),
        ("multiply", |a, b| a * b),
        ("divide", |a, b| a / b),
        ("maximum", |a, b| a.maximum(b)),
        ("minimum", |a, b| a.minimum(b)),
        ("arctan2", |a, b| a.arctan2(b)),
        ("logaddexp", |a, b| a.logaddexp(b)),
        ("logaddexp2", |a, b| a.logaddexp2(b)),
        ("hypot", |a, b| a.hypot(b)),
        ("mod", |a, b| a.mod_(b)),
        ("fmod", |a, b| a.fmod(b)),
    ];
    differentiable.iter().for_each(|(name, f)| c.binary(name, &wide(), &other(), f));
    c.binary("power", &above(), &other(), |a, b| a.power(b));
    let at_specials: &[(&str, Binary)] = &[
        ("divide_no_nan", |a, b| a.divide_no_nan(b)),
        ("fmax", |a, b| a.fmax(b)),
        ("fmin", |a, b| a.fmin(b)),
        ("heaviside", |a, b| a.heaviside(b)),
        ("nextafter", |a, b| a.nextafter(b)),
        ("equal", |a, b| a.equal(b)),
        ("less", |a, b| a.less(b)),
        ("greater_equal", |a, b| a.greater_equal(b)),
        ("not_equal", |a, b| a.not_equal(b)),
        ("isclose", |a, b| a.isclose(b, 1e-5, 1e-8, false)),
        ("logical_and", |a, b| a.logical_and(b)),
        ("logical_or", |a, b| a.logical_or(b)),
        ("logical_xor", |a, b| a.logical_xor(b)),
    ];
    at_specials.iter().for_each(|(name, f)| c.special(name, f));
    let s = specials();
    c.close("isclose.nan", &s.reshape([15, 1]).isclose(s.reshape([1, 15]), 0.2, 0.3, true));
    let of_ints: &[(&str, Binary)] = &[
        ("floor_divide", |a, b| a.floor_divide(b)),
        ("mod", |a, b| a.mod_(b)),
        ("fmod", |a, b| a.fmod(b)),
        ("gcd", |a, b| a.gcd(b)),
        ("lcm", |a, b| a.lcm(b)),
        ("bitwise_and", |a, b| a.bitwise_and(b)),
        ("bitwise_or", |a, b| a.bitwise_or(b)),
        ("bitwise_xor", |a, b| a.bitwise_xor(b)),
        ("divide", |a, b| a / b),
        ("maximum", |a, b| a.maximum(b)),
        ("power", |a, b| a.power(b.absolute())),
        ("left_shift", |a, b| a.left_shift(b.absolute())),
        ("right_shift", |a, b| a.right_shift(b.absolute())),
    ];
    of_ints.iter().for_each(|(name, f)| c.close(&format!("{name}.ints"), &f(&ints(), &divisors())));
}

#[test]
fn choices_complex_numbers_and_matrices() {
    let mut c = Checks::default();
    let (x, y) = (wide(), other());
    c.close("ldexp", &x.ldexp(Tensor::of([-20_i32, 3, 0, 1, 40, -3])));
    c.close("clip", &x.clip(-1.5, &y));
    c.close("where", &x.greater(0).where_(&x, &y));
    c.close("select", &Tensor::select(&[x.greater(2), x.greater(0)], &[x.clone(), -&x], 0.5));
    c.close("vander", &y.vander(Some(4), false));
    c.close("vander.increasing", &ints().vander(Some(3), true));
    let rows: Vec<Tensor> = (0..4).rev().map(|i| x.slice_axis(0, i, 1)).collect();
    let z = x.complex(Tensor::concatenate(&rows.iter().collect::<Vec<_>>(), 0));
    c.close("absolute.complex", &z.absolute());
    c.close("angle.complex", &z.angle());
    c.close("real.complex", &z.real());
    c.close("imag.complex", &z.imag());
    c.close("conj.complex", &z.conj());
    c.close("isreal.complex", &z.isreal());
    c.close("view_as_real.complex", &z.view_as_real());
    c.close("polar", &above().polar(&y));
}

#[test]
fn reductions_over_axes() {
    let mut c = Checks::default();
    type Reduction = fn(&Tensor, &[isize], bool) -> Tensor;
    let all: &[(&str, Reduction)] = &[
        ("sum", Tensor::sum),
        ("prod", Tensor::prod),
        ("mean", Tensor::mean),
        ("max", Tensor::max),
        ("min", Tensor::min),
        ("var", Tensor::var),
        ("std", Tensor::std),
        ("logsumexp", Tensor::logsumexp),
        ("median", Tensor::median),
        ("ptp", Tensor::ptp),
        ("all", Tensor::all),
        ("any", Tensor::any),
        ("amax", Tensor::amax),
        ("amin", Tensor::amin),
    ];
    let x = wide().reshape([2, 3, 4]);
    for (i, (name, f)) in all.iter().enumerate() {
        c.close(name, &f(&x, &[0, 2], false));
        c.close(&format!("{name}.all"), &f(&x, &[], false));
        c.close(&format!("{name}.keep"), &f(&x, &[-2], true));
        c.close(&format!("{name}.nan"), &f(&holes(), &[1], false));
        if i < 8 {
            c.within(&format!("{name}.grad"), &weighted(&[&ties()], &|x| f(x[0], &[1], false))[0], 2e-5);
        }
    }
    let but_nan: &[(&str, Reduction)] = &[
        ("nansum", Tensor::nansum),
        ("nanprod", Tensor::nanprod),
        ("nanmean", Tensor::nanmean),
        ("nanmax", Tensor::nanmax),
        ("nanmin", Tensor::nanmin),
        ("nanvar", Tensor::nanvar),
        ("nanstd", Tensor::nanstd),
        ("nanmedian", Tensor::nanmedian),
    ];
    for (name, f) in but_nan {
        c.close(name, &f(&holes(), &[1], false));
        c.close(&format!("{name}.all"), &f(&holes(), &[], false));
    }
    let bytes = ints().cast(DType::I8);
    for (name, f) in [("sum", Tensor::sum as Reduction), ("prod", Tensor::prod), ("mean", Tensor::mean)] {
        c.close(&format!("{name}.ints"), &f(&bytes, &[], false));
    }
    c.close("max.ints", &bytes.max(&[], false));
    c.close("var.ints", &bytes.var(&[], false));
    c.close("any.ints", &bytes.any(&[], false));
    c.close("average", &wide().average(&[1], Some(&above().slice_axis(0, 0, 1).reshape([6]))));
    c.close("average.all", &wide().average(&[], Some(&above())));
    c.close("count_nonzero", &ties().count_nonzero(&[0]));
    c.close("max.initial", &ties().max_with(&[1], false, 2.5));
    c.close("min.initial", &ties().min_with(&[0], false, 0.5));
}

#[test]
fn results_along_an_axis() {
    let mut c = Checks::default();
    type Along = fn(&Tensor, Option<isize>, bool) -> Tensor;
    let indices: &[(&str, Along)] = &[
        ("argmax", Tensor::argmax),
        ("argmin", Tensor::argmin),
        ("nanargmax", Tensor::nanargmax),
        ("nanargmin", Tensor::nanargmin),
    ];
    for (name, f) in indices {
        c.close(name, &f(&holes(), Some(1), false));
        c.close(&format!("{name}.keep"), &f(&ties(), Some(0), true));
        c.close(&format!("{name}.all"), &f(&ties(), None, true));
    }
    type Running = fn(&Tensor, Option<isize>) -> Tensor;
    let running: &[(&str, Running)] = &[
        ("cumsum", Tensor::cumsum),
        ("cumprod", Tensor::cumprod),
        ("nancumsum", Tensor::nancumsum),
        ("nancumprod", Tensor::nancumprod),
    ];
    for (name, f) in running {
        c.close(name, &f(&holes(), Some(1)));
        c.close(&format!("{name}.flat"), &f(&ties(), None));
    }
    c.close("cumsum.ints", &ints().cast(DType::I8).cumsum(None));
    c.close("trapezoid", &wide().trapezoid(None, 0.5, -1));
    c.close("trapezoid.x", &wide().trapezoid(Some(&above().slice_axis(0, 0, 1).reshape([6])), 1.0, 1));
    c.close("diff", &wide().diff(2, 0));
}

#[test]
fn quantiles() {
    let mut c = Checks::default();
    let x = wide().reshape([2, 3, 4]);
    for word in ["linear", "lower", "higher", "midpoint", "nearest"] {
        let method: Interpolation = word.parse().expect("a method");
        for q in [0.0, 0.1, 0.375, 0.5, 0.9, 1.0] {
            c.close(&format!("quantile.{word}.{q:?}"), &x.quantile(q, &[1], method, false));
        }
    }
    let linear = Interpolation::Linear;
    c.close("quantile.several", &x.quantiles(&[0.25, 0.6], &[0, 2], linear, true));
    c.close("percentile", &x.percentile(30.0, &[-1], linear, false));
    c.close("nanquantile", &holes().nanquantile(0.4, &[1], linear, false));
    c.close("nanpercentile", &holes().nanpercentile(60.0, &[1], linear, true));
    assert!("cubic".parse::<Interpolation>().is_err());
}

#[test]
fn saturating_casts_hold_values_to_the_range() {
    let cast = |x: Tensor, to: DType| x.saturate_cast(to).cast(DType::F64).to_vec::<f64>().expect("a value");
    assert_eq!(cast(Tensor::of([-3.7_f32, 300.0, f32::NAN]), DType::U8), [0.0, 255.0, 0.0]);
    assert_eq!(cast(Tensor::of([-200_i32, 200, 7]), DType::I8), [-128.0, 127.0, 7.0]);
    assert_eq!(cast(Tensor::of([u64::MAX, 5]), DType::I32), [f64::from(i32::MAX), 5.0]);
    assert_eq!(cast(Tensor::of([-1_i64, 1]), DType::U64), [0.0, 1.0]);
    assert_eq!(cast(Tensor::of([1e6_f32, f32::NEG_INFINITY]), DType::F16), [65504.0, -65504.0]);
}

#[test]
fn products_with_zeros_have_their_gradients() {
    let mut c = Checks::default();
    let zeros = Tensor::of([[2.0_f32, 0.0, 3.0, 0.5], [0.0, 1.5, 0.0, 2.0]]);
    c.close("prod.zeros.grad", &weighted(&[&zeros], &|x| x[0].prod(&[1], false))[0]);
    c.close("cumprod.zeros.grad", &weighted(&[&zeros], &|x| x[0].cumprod(Some(1)))[0]);
}

#[test]
fn sparse_maxima_distances_and_correlations() {
    let mut c = Checks::default();
    c.close("sparsemax", &wide().sparsemax(-1));
    c.close("sparsemax.0", &wide().sparsemax(0));
    c.close("sparsemax.grad", &weighted(&[&wide()], &|x| x[0].sparsemax(-1))[0]);
    c.close("cdist", &wide().cdist(&unit()));
    c.close("corrcoef", &wide().corrcoef());
    c.close("psnr", &wide().psnr(&unit(), 4.0));
    let (long, short) = (wide().slice_axis(0, 0, 1).reshape([6]), other());
    for (word, mode) in [("valid", Overlap::Valid), ("same", Overlap::Same), ("full", Overlap::Full)] {
        assert_eq!(word.parse::<Overlap>().expect("a mode"), mode);
        c.close(&format!("correlate.{word}"), &long.correlate(&short.slice_axis(0, 0, 4), mode));
        c.close(&format!("correlate.{word}.swapped"), &short.slice_axis(0, 0, 3).correlate(&long, mode));
    }
}

#[test]
fn windows() {
    let mut c = Checks::default();
    for n in [1, 2, 7, 8] {
        c.close(&format!("bartlett.{n}"), &Tensor::bartlett(n));
        c.close(&format!("blackman.{n}"), &Tensor::blackman(n));
        c.close(&format!("hamming.{n}"), &Tensor::hamming(n));
        c.close(&format!("hanning.{n}"), &Tensor::hanning(n));
        c.close(&format!("kaiser.{n}"), &Tensor::kaiser(n, 8.6));
    }
}
