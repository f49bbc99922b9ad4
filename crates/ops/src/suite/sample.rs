//! Inputs sampled from an op's cases: always the same ones for the same op, dtype and case.

use cornet_tensor::{Array, DType, Result, Shape};
use num_complex::Complex64;

use crate::core::attrs::Attrs;
use crate::core::op::{Call, Op, Type};
use crate::core::samples::{Case, Cases, Sample};

/// One call to check: a case of an op with sampled inputs.
#[derive(Clone)]
pub struct Trial {
    /// The op.
    pub op: &'static Op,
    /// The dtype under test.
    pub dtype: DType,
    /// The inputs.
    pub inputs: Vec<Array>,
    /// The static arguments.
    pub attrs: Attrs,
    /// Whether the gradient is compared with central differences here.
    pub differentiable: bool,
}

impl Trial {
    /// The inputs' types.
    pub fn types(&self) -> Vec<Type> {
        self.inputs.iter().map(Type::of).collect()
    }

    /// Input types and static arguments.
    pub fn describe(&self) -> String {
        let inputs: Vec<String> = self.types().iter().map(Type::to_string).collect();
        let attrs = if self.attrs.is_empty() { String::new() } else { format!(" {:?}", self.attrs) };
        format!("({}){attrs}", inputs.join(", "))
    }
}

/// The dtypes under test: those that the first input admits, or, where the first input's dtype is fixed by the cases,
/// those that the type rule accepts for the others.
pub fn dtypes(op: &'static Op) -> Vec<DType> {
    if let Cases::Of(cases) = op.cases {
        let cases = cases();
        let is_fixed = |s: &Sample| matches!(s, Sample::Ints { .. } | Sample::Exactly(_));
        if let Some(case) = cases.iter().find(|c| !c.inputs.is_empty()) {
            if is_fixed(&case.inputs[0]) {
                if case.inputs.iter().all(is_fixed) {
                    return case.inputs.first().and_then(fixed_dtype).into_iter().collect();
                }
                let accepted = |d: DType| {
                    let types: Vec<Type> = case.inputs.iter().map(|s| type_of(s, d)).collect();
                    Call { op, inputs: &types, attrs: &case.attrs }.infer().is_ok()
                };
                return DType::ALL.iter().copied().filter(|&d| accepted(d)).collect();
            }
        } else {
            return vec![DType::F32];
        }
    }
    op.dtypes.list().collect()
}

fn fixed_dtype(sample: &Sample) -> Option<DType> {
    match sample {
        Sample::Ints { dtype, .. } => Some(*dtype),
        Sample::Exactly(array) => Some(array.dtype()),
        _ => None,
    }
}

fn type_of(sample: &Sample, dtype: DType) -> Type {
    match sample {
        Sample::Any { shape, .. } | Sample::Distinct { shape } | Sample::Definite { shape } => {
            Type::new(dtype, &shape[..])
        }
        Sample::Ints { dtype, shape, .. } => Type::new(*dtype, &shape[..]),
        Sample::Exactly(array) => Type::of(array),
    }
}

/// Every call to check of an op.
///
/// # Errors
/// Whatever making the arrays refuses.
pub fn trials(op: &'static Op) -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    for dtype in dtypes(op) {
        for (i, case) in cases(op, patterns()).iter().enumerate() {
            trials.push(trial(op, dtype, i, case)?);
        }
    }
    Ok(trials)
}

/// Shapes for element-wise ops: alone and against each other.
fn patterns() -> &'static [&'static [&'static [usize]]] {
    &[
        &[&[], &[], &[]],
        &[&[5], &[5], &[5]],
        &[&[2, 3], &[3], &[]],
        &[&[3], &[2, 1], &[2, 3]],
        &[&[], &[4], &[1]],
        &[&[2, 1, 3], &[2, 1], &[1, 1]],
        &[&[0], &[1], &[]],
        &[&[2, 0], &[2, 0], &[1, 1]],
    ]
}

fn cases(op: &Op, patterns: &[&[&[usize]]]) -> Vec<Case> {
    match op.cases {
        Cases::None => Vec::new(),
        Cases::Of(cases) => cases(),
        Cases::Point(domains) => {
            let mut seen: Vec<Vec<&[usize]>> = Vec::new();
            let mut list = Vec::new();
            for pattern in patterns {
                let shapes: Vec<&[usize]> = (0..domains.len()).map(|i| pattern[i % pattern.len()]).collect();
                if seen.contains(&shapes) {
                    continue;
                }
                let inputs: Vec<Sample> = shapes
                    .iter()
                    .zip(domains)
                    .map(|(shape, &(low, high))| Sample::Any { shape: shape.to_vec(), low, high })
                    .collect();
                let empty = shapes.iter().any(|s| s.contains(&0));
                let case = Case::new(inputs, Attrs::default());
                list.push(if empty { case.without_gradient() } else { case });
                seen.push(shapes);
            }
            list
        }
    }
}

/// Element-wise ops over shapes that kernels vectorise, leave remainders of, stretch, and split over threads.
pub(super) fn large(op: &'static Op) -> Vec<Trial> {
    let patterns: &[&[&[usize]]] = &[
        &[&[37], &[37], &[37]],
        &[&[3, 129], &[129], &[3, 1]],
        &[&[2, 3, 70], &[3, 1], &[70]],
        &[&[5, 20_011], &[5, 20_011], &[1]],
    ];
    if !matches!(op.cases, Cases::Point(_)) {
        return Vec::new();
    }
    let cases = cases(op, patterns);
    let mut list = Vec::new();
    for dtype in dtypes(op) {
        for (i, case) in cases.iter().enumerate() {
            let split = i == patterns.len() - 1;
            if !split || matches!(dtype, DType::F32 | DType::F16 | DType::I32) {
                list.extend(trial(op, dtype, 100 + i, case));
            }
        }
    }
    list
}

/// Element-wise ops of floats at every combination of the special values.
pub(super) fn special(op: &'static Op) -> Vec<Trial> {
    let values = [0.0, -0.0, 1.0, -1.0, 0.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let Cases::Point(domains) = op.cases else { return Vec::new() };
    let n = values.len();
    let input = |dtype: DType, i: usize| -> Result<Array> {
        // Input i varies along axis i, so that broadcasting forms every combination.
        let shape: Shape = (0..domains.len()).map(|a| if a == i { n } else { 1 }).collect();
        Array::from_f64(dtype, shape, &values)
    };
    dtypes(op)
        .into_iter()
        .filter(|d| d.is_float())
        .filter_map(|dtype| {
            let inputs = (0..domains.len()).map(|i| input(dtype, i)).collect::<Result<Vec<_>>>().ok()?;
            Some(Trial { op, dtype, inputs, attrs: Attrs::default(), differentiable: false })
        })
        .collect()
}

pub(super) fn trial(op: &'static Op, dtype: DType, number: usize, case: &Case) -> Result<Trial> {
    let mut random = Random::new(op.name, dtype as u64 * 1000 + number as u64);
    let inputs = case.inputs.iter().map(|s| array(s, dtype, &mut random)).collect::<Result<Vec<_>>>()?;
    Ok(Trial { op, dtype, inputs, attrs: case.attrs.clone(), differentiable: case.differentiable })
}

fn array(sample: &Sample, dtype: DType, random: &mut Random) -> Result<Array> {
    match sample {
        Sample::Exactly(array) => Ok(array.clone()),
        Sample::Ints { dtype, shape, low, high } => {
            let span = (high - low).max(1) as u64;
            let values: Vec<i64> = (0..count(shape)).map(|_| low + (random.next() % span) as i64).collect();
            Array::from_i64(*dtype, &shape[..], &values)
        }
        Sample::Any { shape, low, high } => uniform(dtype, shape, *low, *high, random),
        Sample::Distinct { shape } => spread(dtype, shape, random),
        Sample::Definite { shape } => definite(dtype, shape, random),
    }
}

fn count(shape: &[usize]) -> usize {
    shape.iter().product()
}

fn uniform(dtype: DType, shape: &[usize], low: f64, high: f64, random: &mut Random) -> Result<Array> {
    let n = count(shape);
    if dtype.is_complex() {
        let values: Vec<Complex64> =
            (0..n).map(|_| Complex64::new(random.between(low, high), random.between(low, high))).collect();
        return Array::from_c128(shape, &values);
    }
    if dtype.is_float() {
        return Array::from_f64(dtype, shape, &(0..n).map(|_| random.between(low, high)).collect::<Vec<_>>());
    }
    if dtype == DType::Str {
        let words: Vec<Vec<u8>> = (0..n).map(|_| format!("w{}", random.next() % 4).into_bytes()).collect();
        return Array::from_strings(words, shape);
    }
    let least = if dtype.is_signed_int() { low.ceil() as i64 } else { low.ceil().max(0.0) as i64 };
    let most = if dtype == DType::Bool { 1 } else { high.floor() as i64 };
    let span = (most - least + 1).max(1) as u64;
    let values: Vec<i64> = (0..n).map(|_| least + (random.next() % span) as i64).collect();
    Array::from_i64(dtype, shape, &values)
}

/// Distinct multiples of a quarter (whole numbers for integers), in random order.
fn spread(dtype: DType, shape: &[usize], random: &mut Random) -> Result<Array> {
    let n = count(shape);
    let mut order: Vec<i64> = (0..n as i64).collect();
    for i in (1..n).rev() {
        order.swap(i, (random.next() % (i as u64 + 1)) as usize);
    }
    let half = n as i64 / 2;
    if dtype.is_float() {
        let values: Vec<f64> = order.iter().map(|&k| (k - half) as f64 * 0.25 + 0.125).collect();
        return Array::from_f64(dtype, shape, &values);
    }
    if dtype.is_complex() {
        let values: Vec<Complex64> =
            order.iter().map(|&k| Complex64::new((k - half) as f64 * 0.25, random.between(-1.0, 1.0))).collect();
        return Array::from_c128(shape, &values);
    }
    if dtype == DType::Str {
        return Array::from_strings(order.iter().map(|k| format!("w{k:05}").into_bytes()).collect(), shape);
    }
    let shift = if dtype.is_signed_int() { half } else { 0 };
    Array::from_i64(
        dtype,
        shape,
        &order.iter().map(|&k| if dtype == DType::Bool { k % 2 } else { k - shift }).collect::<Vec<_>>(),
    )
}

/// `M Mᴴ / n + I`, for random `M`.
fn definite(dtype: DType, shape: &[usize], random: &mut Random) -> Result<Array> {
    let n = shape.last().copied().unwrap_or(1);
    let batch = if n == 0 { 0 } else { count(shape) / (n * n) };
    let mut values = Vec::with_capacity(batch * n * n);
    for _ in 0..batch {
        let imaginary = if dtype.is_complex() { 1.0 } else { 0.0 };
        let m: Vec<Complex64> = (0..n * n)
            .map(|_| Complex64::new(random.between(-1.0, 1.0), imaginary * random.between(-1.0, 1.0)))
            .collect();
        for i in 0..n {
            for j in 0..n {
                let dot: Complex64 = (0..n).map(|k| m[i * n + k] * m[j * n + k].conj()).sum();
                values.push(dot / n as f64 + if i == j { 1.0 } else { 0.0 });
            }
        }
    }
    if dtype.is_complex() {
        return Array::from_c128(shape, &values);
    }
    Array::from_f64(dtype, shape, &values.iter().map(|c| c.re).collect::<Vec<_>>())
}

/// SplitMix64, seeded by a name and a number.
pub(super) struct Random(u64);

impl Random {
    pub fn new(name: &str, number: u64) -> Self {
        let hash =
            name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        Self(hash ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.next() >> 11) as f64 / (1_u64 << 53) as f64)
    }
}
