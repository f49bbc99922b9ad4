//! Casts against `numpy.astype` (written by `golden/cast.py`), and the cases that NumPy leaves open.

use cornet_tensor::{Array, Code, Complex32, DType, bf16, f16};

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn array(dtype: DType, hex: &str) -> Array {
    let bytes = unhex(hex);
    Array::from_bytes(dtype, [bytes.len() / dtype.size()], &bytes).unwrap()
}

/// Equal bits, or both NaN at the same places: the payload of a NaN is nobody's promise.
fn same(a: &Array, b: &Array) -> bool {
    let nan_free = |x: &Array| x.dtype() == DType::C64 || x.to_f64().unwrap().iter().all(|v| !v.is_nan());
    if nan_free(a) {
        return a == b;
    }
    let (x, y) = (a.to_f64().unwrap(), b.to_f64().unwrap());
    x.len() == y.len() && x.iter().zip(&y).all(|(p, q)| p.to_bits() == q.to_bits() || p.is_nan() && q.is_nan())
}

#[test]
fn casts_are_those_of_numpy() {
    let (mut lines, mut wrong) = (0, Vec::new());
    for line in include_str!("golden/cast.txt").lines().skip(1) {
        let words: Vec<&str> = line.split(' ').collect();
        let (from, to): (DType, DType) = (words[0].parse().unwrap(), words[1].parse().unwrap());
        let (source, expected) = (array(from, words[2]), array(to, words[3]));
        let found = source.cast(to).unwrap();
        if !same(&found, &expected) {
            wrong.push(format!("{from} to {to}:\n{source}\nexpected\n{expected}\nfound\n{found}"));
        }
        lines += 1;
    }
    assert_eq!(lines, 14 * 14);
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn floats_beyond_an_integer_saturate() {
    let x = Array::from_literal([f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e30, -1e30, -1.5, 300.0]).unwrap();
    let cast = |dtype| x.cast(dtype).unwrap();
    assert_eq!(cast(DType::I8).to_vec::<i8>().unwrap(), [0, 127, -128, 127, -128, -1, 127]);
    assert_eq!(cast(DType::U8).to_vec::<u8>().unwrap(), [0, 255, 0, 255, 0, 0, 255]);
    let (low, high) = (i64::MIN, i64::MAX);
    assert_eq!(cast(DType::I64).to_vec::<i64>().unwrap(), [0, high, low, high, low, -1, 300]);
    assert_eq!(cast(DType::U64).to_vec::<u64>().unwrap(), [0, u64::MAX, 0, u64::MAX, 0, 0, 300]);
    assert_eq!(cast(DType::Bool).to_vec::<bool>().unwrap(), [true; 7]);
}

#[test]
fn halves_round_to_even_once() {
    // Halfway between two float16, a little above, and beyond the largest.
    let x = Array::from_literal([2049.0, 2051.0, 2049.000001, 65519.99, 65520.0, 2.98e-8, 2.99e-8]).unwrap();
    let found: Vec<f32> = x.cast(DType::F16).unwrap().to_vec::<f16>().unwrap().iter().map(|h| h.to_f32()).collect();
    assert_eq!(found, [2048.0, 2052.0, 2050.0, 65504.0, f32::INFINITY, 0.0, 5.9604645e-8]);
    let x = Array::from_literal([1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0, 1.0 + 1.0 / 256.0 + 1e-12]).unwrap();
    let found: Vec<f32> = x.cast(DType::BF16).unwrap().to_vec::<bf16>().unwrap().iter().map(|h| h.to_f32()).collect();
    assert_eq!(found, [1.0, 1.015625, 1.0078125]);
}

#[test]
fn complex_casts_keep_the_real_part_and_truth_sees_both() {
    let x =
        Array::from_literal([Complex32::new(1.5, 9.0), Complex32::new(0.0, 2.0), Complex32::new(0.0, 0.0)]).unwrap();
    assert_eq!(x.cast(DType::F32).unwrap().to_vec::<f32>().unwrap(), [1.5, 0.0, 0.0]);
    assert_eq!(x.cast(DType::Bool).unwrap().to_vec::<bool>().unwrap(), [true, true, false]);
}

#[test]
fn strings_and_numbers_do_not_mix() {
    let text = Array::from_literal(["1"]).unwrap();
    assert_eq!(text.cast(DType::F32).unwrap_err().code(), Code::DtypeMismatch);
    assert_eq!(Array::scalar(1_i32).cast(DType::Str).unwrap_err().code(), Code::DtypeMismatch);
    assert_eq!(text.cast(DType::Str).unwrap(), text);
}
/// Whether `found` is the one of two neighbours that is nearer to `x`, or the even one in the middle.
fn is_nearest(x: f64, found: f64, neighbours: [f64; 2], is_even: bool) -> bool {
    let other = if found == neighbours[0] { neighbours[1] } else { neighbours[0] };
    let (own, others) = ((x - found).abs(), (x - other).abs());
    neighbours.contains(&found) && (own < others || own == others && is_even)
}

#[test]
fn doubles_round_to_the_nearest_half_even_beside_ties() {
    // Every positive finite half, and doubles a hair from the middle of it and the next.
    let mut checked = 0;
    for bits in (0..0x7bfe_u16).step_by(3) {
        let (low, high) = (f16::from_bits(bits).to_f64(), f16::from_bits(bits + 1).to_f64());
        let (blow, bhigh) = (bf16::from_bits(bits).to_f64(), bf16::from_bits(bits + 1).to_f64());
        for hair in [-1e-13, 0.0, 1e-13] {
            for sign in [1.0, -1.0] {
                let x = sign * (low + high) / 2.0 * (1.0 + hair);
                let found = Array::scalar(x).cast(DType::F16).unwrap().item::<f16>().unwrap();
                assert!(
                    is_nearest(x, found.to_f64(), [sign * low, sign * high], found.to_bits() & 1 == 0),
                    "{x} {found}"
                );
                let x = sign * (blow + bhigh) / 2.0 * (1.0 + hair);
                let found = Array::scalar(x).cast(DType::BF16).unwrap().item::<bf16>().unwrap();
                assert!(
                    is_nearest(x, found.to_f64(), [sign * blow, sign * bhigh], found.to_bits() & 1 == 0),
                    "{x} {found}"
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 60_000, "{checked}");
}

#[test]
fn large_integers_round_once() {
    // 2^60 + 2^52 is a tie of bfloat16; one more is not, though f64 cannot hold it.
    let x = Array::from_literal([1_i64 << 60 | 1 << 52, 1 << 60 | 1 << 52 | 1, -(1 << 60 | 1 << 52 | 1)]).unwrap();
    let found = x.cast(DType::BF16).unwrap().to_f64().unwrap();
    let step = (1_u64 << 53) as f64;
    assert_eq!(found, [2.0_f64.powi(60), 2.0_f64.powi(60) + step, -2.0_f64.powi(60) - step]);
    let x = Array::from_literal([u64::MAX, 1 << 63 | 1 << 39]).unwrap();
    assert_eq!(x.cast(DType::F32).unwrap().to_vec::<f32>().unwrap(), [2.0_f32.powi(64), 2.0_f32.powi(63)]);
    assert_eq!(x.cast(DType::F16).unwrap().to_f64().unwrap(), [f64::INFINITY; 2]);
}
