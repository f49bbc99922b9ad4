use super::*;
use half::{bf16, f16};

const SHAPES: &[[usize; 3]] = &[
    [1, 0, 1],
    [0, 3, 2],
    [3, 0, 2],
    [1, 1, 1],
    [5, 7, 1],
    [32, 10, 1],
    [1, 10, 10],
    [3, 1000, 3],
    [1, 2000, 17],
    [2, 64, 100],
    [7, 5, 2049],
    [1, 4100, 1],
    [1, 200_000, 1],
    [3, 70_001, 1],
    [1, 30_000, 10],
    [1, 3000, 130],
    [40, 3, 1500],
];

fn extents([outer, reduced, inner]: [usize; 3]) -> Extents {
    Extents { outer, reduced, inner }
}

/// Whole numbers of -3 to 3, exact in every type, as `f64` and as bytes.
fn data(element: Element, n: usize, seed: u64) -> (Vec<f64>, Vec<u8>) {
    let mut words = vec![0u32; n];
    crate::random::fill_bits(crate::random::Key::new(seed), 0, &mut words);
    let signed = !matches!(element, Element::U8 | Element::U16 | Element::U32 | Element::U64);
    let x: Vec<f64> = words
        .iter()
        .map(|w| match element {
            Element::Bool => f64::from(w % 64 == 0),
            _ if signed => f64::from(w % 7) - 3.0,
            _ => f64::from(w % 7),
        })
        .collect();
    let bytes = x.iter().flat_map(|&x| to_bytes(element, x)).collect();
    (x, bytes)
}

fn to_bytes(element: Element, x: f64) -> Vec<u8> {
    match element {
        Element::Bool | Element::U8 => (x as u8).to_ne_bytes().to_vec(),
        Element::I8 => (x as i8).to_ne_bytes().to_vec(),
        Element::I16 => (x as i16).to_ne_bytes().to_vec(),
        Element::I32 => (x as i32).to_ne_bytes().to_vec(),
        Element::I64 => (x as i64).to_ne_bytes().to_vec(),
        Element::U16 => (x as u16).to_ne_bytes().to_vec(),
        Element::U32 => (x as u32).to_ne_bytes().to_vec(),
        Element::U64 => (x as u64).to_ne_bytes().to_vec(),
        Element::F16 => f16::from_f64(x).to_ne_bytes().to_vec(),
        Element::Bf16 => bf16::from_f64(x).to_ne_bytes().to_vec(),
        Element::F32 => (x as f32).to_ne_bytes().to_vec(),
        Element::F64 => x.to_ne_bytes().to_vec(),
    }
}

/// The reduction of exact numbers; `None` where the type's own limits decide (an empty extremum).
fn reference(op: Reduction, x: &[f64]) -> Option<f64> {
    let fold = |start: f64, f: fn(f64, f64) -> f64| x.iter().copied().fold(start, f);
    match op {
        Reduction::Sum => Some(fold(0.0, |a, b| a + b)),
        Reduction::Mean => (!x.is_empty()).then(|| fold(0.0, |a, b| a + b) / x.len() as f64),
        Reduction::SumSquares => Some(fold(0.0, |a, b| a + b * b)),
        Reduction::Prod => Some(fold(1.0, |a, b| a * b)),
        Reduction::Max => (!x.is_empty()).then(|| fold(f64::MIN, f64::max)),
        Reduction::Min => (!x.is_empty()).then(|| fold(f64::MAX, f64::min)),
        Reduction::Any => Some(fold(0.0, f64::max)),
        Reduction::All => Some(fold(1.0, f64::min)),
    }
}

#[test]
fn exact_numbers_reduce_exactly_on_every_element_and_instruction_set() {
    for (shape, op) in SHAPES.iter().flat_map(|&shape| Reduction::ALL.map(|op| (shape, op))) {
        for element in Element::ALL.into_iter().filter(|&e| op.admits(e)) {
            let [outer, reduced, inner] = shape;
            if outer * reduced * inner > 10_000 && !matches!(element, Element::F32 | Element::I32) {
                continue;
            }
            let (x, bytes) = data(element, outer * reduced * inner, 3);
            let mut want = vec![0xa5u8; outer * inner * element.size()];
            reduce_with(Isa::Portable, op, element, extents(shape), &bytes, &mut want).expect("admitted");
            for o in 0..outer {
                for i in 0..inner {
                    let column: Vec<f64> = (0..reduced).map(|r| x[(o * reduced + r) * inner + i]).collect();
                    let Some(exact) = reference(op, &column) else { continue };
                    // Products of many factors overflow or vanish in a way of their own: only short ones compare.
                    if op == Reduction::Prod && reduced > 8 {
                        continue;
                    }
                    let at = (o * inner + i) * element.size()..(o * inner + i + 1) * element.size();
                    let wrapped = match element {
                        Element::I8 => f64::from(exact as i64 as i8),
                        Element::U8 => f64::from(exact as i64 as u8),
                        Element::I16 => f64::from(exact as i64 as i16),
                        Element::U16 => f64::from(exact as i64 as u16),
                        Element::F16 | Element::Bf16 | Element::F32 => f64::from(exact as f32),
                        _ => exact,
                    };
                    assert_eq!(want[at], to_bytes(element, wrapped), "{} {element} {shape:?} [{o}, {i}]", op.name());
                }
            }
            for isa in Isa::all_available() {
                let mut got = vec![0u8; want.len()];
                reduce_with(isa, op, element, extents(shape), &bytes, &mut got).expect("admitted");
                assert_eq!(got, want, "{} {element} {shape:?} {isa}", op.name());
            }
        }
    }
}

fn normal(n: usize) -> Vec<f32> {
    let mut x = vec![0f32; n];
    crate::random::fill_normal(crate::random::Key::new(n as u64), 0, 1.0, 3.0, &mut x);
    x
}

#[test]
fn sums_have_the_same_bits_everywhere_and_a_small_error() {
    for &shape in SHAPES {
        let [outer, reduced, inner] = shape;
        let x = normal(outer * reduced * inner);
        let run = |isa: Isa, threads: usize| {
            let mut y = vec![0u8; outer * inner * 4];
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
            let bytes = crate::pointwise::bytes(&x);
            pool.install(|| reduce_with(isa, Reduction::Sum, Element::F32, extents(shape), bytes, &mut y))
                .expect("f32");
            y
        };
        let first = run(Isa::Portable, 1);
        for isa in Isa::all_available() {
            assert!((1..4).all(|threads| run(isa, threads) == first), "{isa} {shape:?}");
        }
        for (k, y) in first.chunks_exact(4).enumerate() {
            let column = (0..reduced).map(|r| f64::from(x[(k / inner * reduced + r) * inner + k % inner]));
            let (sum, magnitude) = column.fold((0.0, 0.0), |(s, m), x| (s + x, m + x.abs()));
            let got = f64::from(f32::from_ne_bytes(y.try_into().expect("four")));
            assert!(
                (got - sum).abs() <= 40.0 * f64::from(f32::EPSILON) * magnitude.max(1e-30),
                "{shape:?}: {got} {sum}"
            );
        }
    }
}

#[test]
fn nan_decides_extrema_and_their_positions() {
    for at in [0, 5, 40, 99] {
        let mut x = normal(100);
        x[at] = f32::NAN;
        for op in [Reduction::Max, Reduction::Min] {
            let mut y = [0f32];
            let (x, y) = (crate::pointwise::bytes(&x), crate::pointwise::bytes_mut(&mut y));
            reduce(op, Element::F32, extents([1, 100, 1]), x, y).expect("f32");
            assert!(f32::from_ne_bytes(y.try_into().expect("four")).is_nan());
        }
        let mut index = [0i64];
        let (x, y) = (crate::pointwise::bytes(&x), crate::pointwise::bytes_mut(&mut index));
        arg_reduce(true, Element::F32, extents([1, 100, 1]), Element::I64, x, y).expect("f32");
        assert_eq!(index[0], at as i64);
    }
}

#[test]
fn positions_are_those_of_the_first_extreme_element() {
    for &shape in SHAPES {
        let [outer, reduced, inner] = shape;
        if reduced == 0 {
            continue;
        }
        for element in Element::ALL {
            let (x, bytes) = data(element, outer * reduced * inner, 5);
            for largest in [true, false] {
                let mut y = vec![0u8; outer * inner * 4];
                arg_reduce(largest, element, extents(shape), Element::I32, &bytes, &mut y).expect("admitted");
                for k in 0..outer * inner {
                    let at = |r: usize| x[(k / inner * reduced + r) * inner + k % inner];
                    let best = (0..reduced).fold(0, |best, r| {
                        if (largest && at(r) > at(best)) || (!largest && at(r) < at(best)) { r } else { best }
                    });
                    let got = i32::from_ne_bytes(y[k * 4..k * 4 + 4].try_into().expect("four"));
                    assert_eq!(got, best as i32, "{element} {shape:?} largest {largest} output {k}");
                }
            }
        }
    }
}

#[test]
fn wrong_elements_and_lengths_are_refused() {
    let shape = extents([2, 3, 4]);
    let code = |r: Result<()>| r.expect_err("refused").code();
    let (x, mut y) = ([0u8; 96], [0u8; 32]);
    assert_eq!(code(reduce(Reduction::Any, Element::F32, shape, &x, &mut y)), Code::DtypeMismatch);
    assert_eq!(code(reduce(Reduction::Mean, Element::I32, shape, &x, &mut y)), Code::DtypeMismatch);
    assert_eq!(code(reduce(Reduction::Sum, Element::F32, shape, &x[..95], &mut y)), Code::OutOfRange);
    assert_eq!(code(reduce(Reduction::Sum, Element::F32, shape, &x, &mut y[..31])), Code::OutOfRange);
    let huge = extents([usize::MAX, 2, 2]);
    assert_eq!(code(reduce(Reduction::Sum, Element::F32, huge, &x, &mut y)), Code::LimitExceeded);
    assert_eq!(code(arg_reduce(true, Element::F32, shape, Element::F32, &x, &mut y)), Code::DtypeMismatch);
    let nothing = extents([2, 0, 4]);
    assert_eq!(code(arg_reduce(true, Element::F32, nothing, Element::I32, &x, &mut y)), Code::EmptyData);
}
