use super::*;
use crate::lanes::{Task, dispatch};

/// Distance of `got` from `want` in units in the last place of `scale`, subnormals included.
fn ulps(got: f32, want: f64, scale: f64) -> f64 {
    let rounded = want as f32;
    if got.is_nan() || want.is_nan() {
        return if got.is_nan() && want.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if got.is_infinite() || rounded.is_infinite() {
        return if got == rounded {
            0.0
        } else {
            (f64::from(got) - want.clamp(-3.402_823_5e38, 3.402_823_5e38)).abs() / 2f64.powi(104)
        };
    }
    let exponent = (scale.abs().log2().floor()).max(-126.0) as i32;
    (f64::from(got) - want).abs() / 2f64.powi(exponent - 23)
}

fn scale_of(function: Function, x: f32, want: f64) -> f64 {
    match function {
        Function::Gelu | Function::GeluTanh => want.abs().max(f64::from(x).abs().min(1.0)),
        Function::Silu => want.abs().max(2f64.powi(-119)),
        _ => want,
    }
}

fn arguments() -> Vec<f32> {
    let specials =
        [0.0, -0.0, 1.0, -1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN, 1e-45, -1e-45];
    let bits = (0..=u32::MAX).step_by(1511).map(f32::from_bits);
    let near = (0..200_000).map(|i| (i as f32 - 100_000.0) * 1.234_5e-4);
    let one = (0..20_000u32).map(|i| f32::from_bits(0x3f7f_b000 + i * 2));
    specials.into_iter().chain(bits).chain(near).chain(one).collect()
}

#[test]
fn every_function_keeps_its_error_bound() {
    let x = arguments();
    let mut y = vec![0f32; x.len()];
    for &function in Function::ALL {
        apply(Isa::detect(), function, &x, &mut y);
        let (mut worst, mut at) = (0.0, 0);
        for i in 0..x.len() {
            let want = function.reference(f64::from(x[i]));
            let error = ulps(y[i], want, scale_of(function, x[i], want));
            if error > worst {
                (worst, at) = (error, i);
            }
        }
        let (name, bound) = (function.name(), function.max_ulp());
        println!("{name}: {worst:.3} ulp at {:e}", x[at]);
        let want = function.reference(f64::from(x[at]));
        assert!(worst <= bound, "{name}({:e}) = {:e}, expected {want:e}: {worst} > {bound} ulp", x[at], y[at]);
    }
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    let x: Vec<f32> = arguments().into_iter().step_by(37).collect();
    let mut reference = vec![0f32; x.len()];
    let mut y = vec![0f32; x.len()];
    for &function in Function::ALL {
        apply(Isa::Portable, function, &x, &mut reference);
        for isa in Isa::all_available() {
            apply(isa, function, &x, &mut y);
            for i in 0..x.len() {
                let same = y[i].to_bits() == reference[i].to_bits() || (y[i].is_nan() && reference[i].is_nan());
                assert!(same, "{} on {isa} at {:e}: {:e} and {:e}", function.name(), x[i], y[i], reference[i]);
            }
        }
    }
}

struct Pow<'a>(&'a [f32], &'a [f32], &'a mut [f32]);

impl Task for Pow<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, s: S) {
        for i in (0..self.2.len()).step_by(LANES) {
            // SAFETY: the lengths are equal multiples of LANES.
            unsafe {
                let (x, y) = (s.load(self.0.as_ptr().add(i)), s.load(self.1.as_ptr().add(i)));
                s.store(self.2.as_mut_ptr().add(i), pow(s, x, y));
            }
        }
    }
}

/// Largest error of `pow` in units in the last place.
const POW_ULP: f64 = 1.6;

#[test]
fn pow_keeps_its_error_bound_and_special_cases() {
    let special =
        [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, 0.5, -0.5, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-40, f32::MAX];
    let mut pairs: Vec<(f32, f32)> = special.iter().flat_map(|&x| special.iter().map(move |&y| (x, y))).collect();
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    for _ in 0..200_000 {
        pairs.push(((next() * 160.0 - 80.0).exp2(), next() * 4.0 - 2.0));
        pairs.push((next() * 2.0, next() * 60.0 - 30.0));
        pairs.push((1.0 + (next() - 0.5) * 1e-3, (next() - 0.5) * 1e5));
    }
    while !pairs.len().is_multiple_of(LANES) {
        pairs.push((1.0, 1.0));
    }
    let (x, y): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
    let mut first: Option<Vec<f32>> = None;
    for isa in Isa::all_available() {
        let mut got = vec![0f32; x.len()];
        dispatch(isa, Pow(&x, &y, &mut got));
        let mut worst = (0.0, 0);
        for i in 0..x.len() {
            let want = libm::pow(f64::from(x[i]), f64::from(y[i]));
            let error = ulps(got[i], want, want);
            if error > worst.0 {
                worst = (error, i);
            }
        }
        let i = worst.1;
        println!("pow: {} ulp", worst.0);
        assert!(worst.0 <= POW_ULP, "{isa}: pow({:e}, {:e}) = {:e}: {} ulp", x[i], y[i], got[i], worst.0);
        let first = first.get_or_insert_with(|| got.clone());
        assert!(first.iter().zip(&got).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()), "{isa}");
    }
}
