use super::*;
use crate::element::Element;
use crate::isa::Isa;
use half::{bf16, f16};

/// A small deterministic generator: tests name their seeds.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let x = self.0 ^ (self.0 >> 33);
        x.wrapping_mul(0xff51_afd7_ed55_8ccd) >> 11
    }
    fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }
    fn unit(&mut self) -> f64 {
        (self.next() & 0xffff_ffff) as f64 / 4_294_967_296.0
    }
}

/// Numbers for an element: mostly moderate, some special, integers over their whole range at times.
fn numbers(element: Element, n: usize, random: &mut Random) -> Vec<u8> {
    let mut out = Vec::with_capacity(n * element.size());
    for _ in 0..n {
        let kind = random.below(16);
        let x = match kind {
            0 => [0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.5][random.below(8)],
            1 => random.unit() * 200.0 - 100.0,
            _ => random.unit() * 8.0 - 4.0,
        };
        let bits = if element.is_int() && kind < 4 {
            random.next() << 20 ^ random.next()
        } else {
            cast::bits_of_f64(element, x)
        };
        out.extend_from_slice(&bits.to_le_bytes()[..element.size()]);
    }
    out
}

fn read(element: Element, bytes: &[u8], i: usize) -> u64 {
    let mut word = [0u8; 8];
    let size = element.size();
    word[..size].copy_from_slice(&bytes[i * size..(i + 1) * size]);
    u64::from_le_bytes(word)
}

fn float(element: Element, bits: u64) -> f64 {
    match element {
        Element::F16 => f16::from_bits(bits as u16).to_f64(),
        Element::Bf16 => bf16::from_bits(bits as u16).to_f64(),
        Element::F32 => f64::from(f32::from_bits(bits as u32)),
        _ => f64::from_bits(bits),
    }
}

fn integer(element: Element, bits: u64) -> i128 {
    match element {
        Element::Bool => i128::from(bits != 0),
        Element::I8 => i128::from(bits as i8),
        Element::I16 => i128::from(bits as i16),
        Element::I32 => i128::from(bits as i32),
        Element::I64 => i128::from(bits as i64),
        _ => i128::from(bits),
    }
}

/// The operation in `f64`, written independently of the kernels.
fn float_reference(op: Op, a: f64, b: f64, c: f64) -> f64 {
    use crate::special as sp;
    match op {
        Op::Neg => -a,
        Op::Abs => a.abs(),
        Op::Sign => {
            if a.is_nan() || a == 0.0 {
                a
            } else {
                a.signum()
            }
        }
        Op::Square => a * a,
        Op::Relu => {
            if a > 0.0 || a.is_nan() {
                a
            } else {
                0.0
            }
        }
        Op::Recip => 1.0 / a,
        Op::Sqrt => a.sqrt(),
        Op::Rsqrt => 1.0 / a.sqrt(),
        Op::Exp => a.exp(),
        Op::Expm1 => a.exp_m1(),
        Op::Log => a.ln(),
        Op::Log2 => a.log2(),
        Op::Log10 => a.log10(),
        Op::Log1p => a.ln_1p(),
        Op::Sin => a.sin(),
        Op::Cos => a.cos(),
        Op::Tan => a.tan(),
        Op::Asin => a.asin(),
        Op::Acos => a.acos(),
        Op::Atan => a.atan(),
        Op::Sinh => a.sinh(),
        Op::Cosh => a.cosh(),
        Op::Tanh => a.tanh(),
        Op::Asinh => libm::asinh(a),
        Op::Acosh => libm::acosh(a),
        Op::Atanh => libm::atanh(a),
        Op::Erf => libm::erf(a),
        Op::Erfc => libm::erfc(a),
        Op::ErfInv => sp::erf_inv(a),
        Op::Lgamma => libm::lgamma(a),
        Op::Digamma => sp::digamma(a),
        Op::Sigmoid => 1.0 / (1.0 + (-a).exp()),
        Op::Silu => a / (1.0 + (-a).exp()),
        Op::Softplus => {
            if a > 30.0 {
                a + (-a).exp()
            } else {
                a.exp().ln_1p()
            }
        }
        Op::Gelu => 0.5 * a * libm::erfc(-a / 2f64.sqrt()),
        Op::GeluTanh => a / (1.0 + (-2.0 * (2.0 / std::f64::consts::PI).sqrt() * (a + 0.044715 * a * a * a)).exp()),
        Op::Floor => a.floor(),
        Op::Ceil => a.ceil(),
        Op::Round => a.round_ties_even(),
        Op::Trunc => a.trunc(),
        Op::IsNan => f64::from(a.is_nan()),
        Op::IsInf => f64::from(a.is_infinite()),
        Op::IsFinite => f64::from(a.is_finite()),
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mul => a * b,
        Op::Div => a / b,
        Op::FloorDiv => (a / b).floor(),
        Op::Rem => a % b,
        Op::FloorMod => {
            let r = a % b;
            if r != 0.0 && (r < 0.0) != (b < 0.0) { r + b } else { r }
        }
        Op::Max => {
            if a.is_nan() || b.is_nan() {
                f64::NAN
            } else {
                a.max(b)
            }
        }
        Op::Min => {
            if a.is_nan() || b.is_nan() {
                f64::NAN
            } else {
                a.min(b)
            }
        }
        Op::Pow => a.powf(b),
        Op::Atan2 => a.atan2(b),
        Op::ReluGrad => {
            if b > 0.0 {
                a
            } else {
                0.0
            }
        }
        Op::Eq => f64::from(a == b),
        Op::Ne => f64::from(a != b),
        Op::Lt => f64::from(a < b),
        Op::Le => f64::from(a <= b),
        Op::Gt => f64::from(a > b),
        Op::Ge => f64::from(a >= b),
        Op::MulAdd => a.mul_add(b, c),
        Op::Clamp => {
            let m = float_reference(Op::Max, a, b, 0.0);
            float_reference(Op::Min, m, c, 0.0)
        }
        Op::Not | Op::And | Op::Or | Op::Xor | Op::Shl | Op::Shr | Op::Select => unreachable!("not a float operation"),
    }
}

/// The operation on integers, exact before it wraps.
fn int_reference(op: Op, element: Element, a: i128, b: i128, c: i128) -> i128 {
    let bits = element.size() as i128 * 8;
    let floor = |a: i128, b: i128| if b == 0 { 0 } else { a.div_euclid(b) - i128::from(b < 0 && a.rem_euclid(b) != 0) };
    match op {
        Op::Neg => -a,
        Op::Abs => a.abs(),
        Op::Sign => a.signum(),
        Op::Square => a.wrapping_mul(a),
        Op::Relu => a.max(0),
        Op::Not => {
            if element == Element::Bool {
                1 - a
            } else {
                !a
            }
        }
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mul => a.wrapping_mul(b),
        Op::Div => {
            if b == 0 {
                0
            } else {
                a / b
            }
        }
        Op::Rem => {
            if b == 0 {
                0
            } else {
                a % b
            }
        }
        Op::FloorDiv => floor(a, b),
        Op::FloorMod => {
            if b == 0 {
                0
            } else {
                a - floor(a, b) * b
            }
        }
        Op::Max => a.max(b),
        Op::Min => a.min(b),
        Op::Pow => match (a, b) {
            (_, 0..) => {
                let mut r = 1i128;
                let mut p = a;
                let mut e = b;
                while e > 0 {
                    if e & 1 == 1 {
                        r = r.wrapping_mul(p);
                    }
                    p = p.wrapping_mul(p);
                    e >>= 1;
                }
                r
            }
            (1, _) => 1,
            (-1, _) => {
                if b % 2 == 0 {
                    1
                } else {
                    -1
                }
            }
            _ => 0,
        },
        Op::ReluGrad => {
            if b > 0 {
                a
            } else {
                0
            }
        }
        Op::Eq => i128::from(a == b),
        Op::Ne => i128::from(a != b),
        Op::Lt => i128::from(a < b),
        Op::Le => i128::from(a <= b),
        Op::Gt => i128::from(a > b),
        Op::Ge => i128::from(a >= b),
        Op::And => a & b,
        Op::Or => a | b,
        Op::Xor => a ^ b,
        Op::Shl => {
            if (0..bits).contains(&b) {
                a << b
            } else {
                0
            }
        }
        Op::Shr => {
            if (0..bits).contains(&b) {
                a >> b
            } else if a < 0 {
                -1
            } else {
                0
            }
        }
        Op::MulAdd => a.wrapping_mul(b).wrapping_add(c),
        Op::Clamp => a.max(b).min(c),
        _ => unreachable!("not an integer operation"),
    }
}

/// Relative tolerance in units of the element's precision: 1 for what is one rounding.
fn tolerance_ulp(op: Op) -> f64 {
    match op {
        Op::Tanh | Op::Silu | Op::Tan | Op::GeluTanh => 5.0,
        Op::Log2 | Op::Log10 | Op::Sigmoid | Op::Softplus | Op::Gelu | Op::Erf | Op::Expm1 | Op::Rsqrt => 3.0,
        _ => 2.0,
    }
}

fn epsilon(element: Element) -> f64 {
    match element {
        Element::F16 => 2f64.powi(-10),
        Element::Bf16 => 2f64.powi(-7),
        Element::F32 => 2f64.powi(-23),
        _ => 2f64.powi(-52),
    }
}

fn close(op: Op, element: Element, got: f64, want: f64, x: f64) -> bool {
    if got.is_nan() || want.is_nan() {
        return got.is_nan() && want.is_nan();
    }
    let limit = match element {
        Element::F16 => 65504.0,
        Element::F32 | Element::Bf16 => f64::from(f32::MAX),
        _ => f64::MAX,
    };
    let least = match element {
        Element::F16 => 2f64.powi(-14),
        Element::F64 => f64::MIN_POSITIVE,
        _ => f64::from(f32::MIN_POSITIVE),
    };
    if got.is_infinite() {
        return got == want || want.abs() > limit * 0.995 && want.signum() == got.signum();
    }
    let scale = match op {
        Op::Gelu | Op::GeluTanh => want.abs().max(x.abs().min(1.0)),
        Op::Silu => want.abs().max(2f64.powi(-119)),
        // Near a zero of the function its absolute error counts.
        Op::Lgamma | Op::Digamma => want.abs().max(1.0),
        _ => want.abs(),
    };
    (got - want).abs() <= tolerance_ulp(op) * epsilon(element) * scale.max(least)
}

fn run_one(plan: &Plan, inputs: &[&[u8]], element: Element) -> Vec<u8> {
    let mut out = vec![0xa5u8; plan.len() * element.size()];
    let inputs: Vec<Input<'_>> = inputs.iter().map(|x| Input::Bytes(x)).collect();
    plan.run(&inputs, &mut [&mut out]).expect("run");
    out
}

fn operand_elements(op: Op, element: Element) -> Vec<Element> {
    let mut elements = vec![element; op.arity()];
    if op == Op::Select {
        elements[0] = Element::Bool;
    }
    elements
}

#[test]
fn every_operation_on_every_element_equals_its_reference_on_every_instruction_set() {
    let n = 1500;
    for &op in Op::ALL {
        for element in Element::ALL {
            let elements = operand_elements(op, element);
            let Some(result) = op.result(&elements) else { continue };
            let mut program = Program::new();
            let values: Vec<Value> = elements.iter().map(|&e| program.input(e)).collect();
            let value = program.push(op, &values).expect("admitted");
            program.output(value);
            let mut random = Random(op as u64 * 31 + element as u64);
            let data: Vec<Vec<u8>> = elements.iter().map(|&e| numbers(e, n, &mut random)).collect();
            let slices: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
            let mut first: Option<Vec<u8>> = None;
            for isa in Isa::all_available() {
                let plan = program.plan_for(isa, &[n], &vec![&[1isize][..]; elements.len()]).expect("plan");
                let out = run_one(&plan, &slices, result);
                for i in 0..n {
                    check_element(op, element, result, &elements, &data, &out, i);
                }
                let first = first.get_or_insert_with(|| out.clone());
                let same = (0..n).all(|i| {
                    let (a, b) = (read(result, first, i), read(result, &out, i));
                    a == b || result.is_float() && float(result, a).is_nan() && float(result, b).is_nan()
                });
                assert!(same, "{} on {element}: {isa} differs in bits", op.name());
            }
        }
    }
}

fn check_element(
    op: Op,
    element: Element,
    result: Element,
    elements: &[Element],
    data: &[Vec<u8>],
    out: &[u8],
    i: usize,
) {
    let bits: Vec<u64> = (0..3).map(|k| data.get(k).map_or(0, |d| read(elements[k], d, i))).collect();
    let got = read(result, out, i);
    let context = || format!("{} on {element} of {bits:x?}: {got:x}", op.name());
    if op == Op::Select {
        assert_eq!(got, if bits[0] != 0 { bits[1] } else { bits[2] }, "{}", context());
    } else if element.is_float() {
        let x: Vec<f64> = bits.iter().map(|&b| float(element, b)).collect();
        let want = float_reference(op, x[0], x[1], x[2]);
        if result == Element::Bool {
            assert_eq!(got as f64, want, "{}", context());
        } else {
            let got = float(element, got);
            let quotient = matches!(op, Op::FloorDiv) && (got - want).abs() <= 1.0 + want.abs() * epsilon(element);
            assert!(
                quotient || close(op, element, got, want, x[0]),
                "{}({x:?}) on {element}: {got:e}, expected {want:e}",
                op.name()
            );
        }
    } else {
        let x: Vec<i128> = bits.iter().map(|&b| integer(element, b)).collect();
        let want = int_reference(op, element, x[0], x[1], x[2]) as u64;
        let mask = if result.size() == 8 { u64::MAX } else { (1 << (result.size() * 8)) - 1 };
        assert_eq!(got, want & mask, "{}", context());
    }
}

#[test]
fn every_cast_truncates_wraps_or_rounds_as_documented() {
    let n = 700;
    for from in Element::ALL {
        for to in Element::ALL {
            let mut program = Program::new();
            let x = program.input(from);
            let y = program.cast(x, to).expect("cast");
            program.output(y);
            let data = numbers(from, n, &mut Random(from as u64 * 13 + to as u64));
            for isa in Isa::all_available() {
                let plan = program.plan_for(isa, &[n], &[&[1]]).expect("plan");
                let out = run_one(&plan, &[&data], to);
                for i in 0..n {
                    let (a, got) = (read(from, &data, i), read(to, &out, i));
                    let want = if from == to {
                        a
                    } else if from.is_float() {
                        cast::bits_of_f64(to, float(from, a))
                    } else if to.is_float() {
                        let x = integer(from, a);
                        match to {
                            Element::F32 => u64::from((x as f32).to_bits()),
                            _ => cast::bits_of_f64(to, x as f64),
                        }
                    } else if to == Element::Bool {
                        u64::from(a != 0)
                    } else {
                        let mask = if to.size() == 8 { u64::MAX } else { (1 << (to.size() * 8)) - 1 };
                        integer(from, a) as u64 & mask
                    };
                    let nan = to.is_float() && float(to, got).is_nan() && float(to, want).is_nan();
                    assert!(nan || got == want, "{from} {a:x} to {to}: {got:x}, expected {want:x}");
                }
            }
        }
    }
}

/// A random shape and, per input, random broadcasts, permutations and gaps.
fn random_layout(random: &mut Random, inputs: usize) -> (Vec<usize>, Vec<(Vec<isize>, usize)>) {
    let rank = random.below(5);
    let shape: Vec<usize> = (0..rank).map(|_| [1, 2, 3, 5, 16, 17, 40, 130][random.below(8)]).collect();
    let layouts = (0..inputs).map(|_| random_strides(random, &shape)).collect();
    (shape, layouts)
}

/// Strides and the number of elements they span.
fn random_strides(random: &mut Random, shape: &[usize]) -> (Vec<isize>, usize) {
    let mut order: Vec<usize> = (0..shape.len()).collect();
    let keep_order = random.below(3) > 0;
    if !keep_order {
        (0..order.len()).for_each(|i| order.swap(i, random.below(shape.len())));
    }
    let broadcast = [0, 0, 1, 2][random.below(4)];
    let gap = 1 + usize::from(random.below(4) == 0);
    let (mut strides, mut step) = (vec![0isize; shape.len()], gap);
    for &axis in order.iter().rev() {
        let skip = match broadcast {
            0 => false,
            1 => random.below(2) == 0,
            _ => true,
        };
        if !skip {
            strides[axis] = step as isize;
            step *= shape[axis];
        }
    }
    let span = 1 + shape.iter().zip(&strides).map(|(&d, &s)| (d - 1) * s as usize).sum::<usize>();
    (strides, span)
}

/// The strided input as the dense elements of the shape.
fn expand(element: Element, data: &[u8], shape: &[usize], strides: &[isize]) -> Vec<u8> {
    let n: usize = shape.iter().product();
    let size = element.size();
    let mut out = Vec::with_capacity(n * size);
    for flat in 0..n {
        let (mut rest, mut offset) = (flat, 0isize);
        for axis in (0..shape.len()).rev() {
            offset += (rest % shape[axis]) as isize * strides[axis];
            rest /= shape[axis];
        }
        out.extend_from_slice(&data[offset as usize * size..(offset as usize + 1) * size]);
    }
    out
}

/// A random program; returns it with the element of every value.
fn random_program(random: &mut Random, inputs: usize, instrs: usize) -> (Program, Vec<Element>) {
    let palette = [
        Element::F32,
        Element::F32,
        Element::Bf16,
        Element::F16,
        Element::F64,
        Element::I32,
        Element::I64,
        Element::U8,
    ];
    let base = palette[random.below(palette.len())];
    let mut program = Program::new();
    let mut elements = Vec::new();
    let mut values = Vec::new();
    for _ in 0..inputs {
        let element = if random.below(5) == 0 { palette[random.below(palette.len())] } else { base };
        values.push(program.input(element));
        elements.push(element);
    }
    values.push(program.constant(base, 1.5));
    for _ in 0..instrs {
        let pick = |random: &mut Random| values[random.below(values.len())];
        let op = Op::ALL[random.below(Op::ALL.len())];
        let mut operands = vec![pick(random), pick(random), pick(random)];
        operands.truncate(op.arity());
        let target = program.element(operands[op.arity() - 1]).expect("defined");
        let first = usize::from(op == Op::Select);
        for operand in &mut operands[first..] {
            *operand = program.cast(*operand, target).expect("cast");
        }
        if first == 1 {
            operands[0] = program.cast(operands[0], Element::Bool).expect("cast");
        }
        if let Ok(value) = program.push(op, &operands) {
            values.push(value);
        }
    }
    let outputs = 1 + random.below(3);
    for _ in 0..outputs {
        let last = values.len() - 1 - random.below(values.len().min(3));
        program.output(values[last]);
    }
    (program, elements)
}

/// Defines one value of a program again in another.
type Rebuild = Box<dyn Fn(&mut Program, &[Value]) -> Value>;

/// Runs a program value by value, each as a plan of its own over dense elements.
fn unfused(program: &Program, dense: &[Vec<u8>], n: usize) -> Vec<Vec<u8>> {
    let mut results: Vec<Vec<u8>> = Vec::new();
    for &(element, instr) in &program.values {
        let (operands, single): (Vec<Value>, Rebuild) = match instr {
            Instr::Input(i) => {
                results.push(dense[i].clone());
                continue;
            }
            Instr::Constant(bits) => {
                results.push(bits.to_le_bytes()[..element.size()].repeat(n));
                continue;
            }
            Instr::Cast(from) => (vec![from], Box::new(move |p, v| p.cast(v[0], element).expect("cast"))),
            Instr::Apply(op, operands) => {
                (operands[..op.arity()].to_vec(), Box::new(move |p, v| p.push(op, v).expect("push")))
            }
        };
        let mut one = Program::new();
        let inputs: Vec<Value> = operands.iter().map(|&v| one.input(program.element(v).expect("defined"))).collect();
        let value = single(&mut one, &inputs);
        one.output(value);
        let plan = one.plan_for(Isa::Portable, &[n], &vec![&[1isize][..]; inputs.len()]).expect("plan");
        let data: Vec<&[u8]> = operands.iter().map(|v| results[v.0 as usize].as_slice()).collect();
        results.push(run_one(&plan, &data, element));
    }
    program.outputs.iter().map(|v| results[v.0 as usize].clone()).collect()
}

fn same_bits(element: Element, a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && (0..a.len() / element.size()).all(|i| {
            let (x, y) = (read(element, a, i), read(element, b, i));
            x == y || element.is_float() && float(element, x).is_nan() && float(element, y).is_nan()
        })
}

#[test]
fn fused_broadcast_programs_equal_their_unfused_steps() {
    let mut random = Random(7);
    for case in 0..400 {
        let inputs = 1 + random.below(4);
        let instrs = 1 + random.below(14);
        let (program, elements) = random_program(&mut random, inputs, instrs);
        let (shape, layouts) = random_layout(&mut random, elements.len());
        let n: usize = shape.iter().product();
        let data: Vec<Vec<u8>> = elements.iter().zip(&layouts).map(|(&e, l)| numbers(e, l.1, &mut random)).collect();
        let dense: Vec<Vec<u8>> =
            (0..elements.len()).map(|i| expand(elements[i], &data[i], &shape, &layouts[i].0)).collect();
        let want = unfused(&program, &dense, n);
        let strides: Vec<&[isize]> = layouts.iter().map(|l| l.0.as_slice()).collect();
        let kinds = program.outputs().expect("outputs");
        for isa in Isa::all_available() {
            let plan = program.plan_for(isa, &shape, &strides).expect("plan");
            let mut outputs: Vec<Vec<u8>> = kinds.iter().map(|e| vec![0xa5; n * e.size()]).collect();
            let mut views: Vec<&mut [u8]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
            let inputs: Vec<Input<'_>> = data.iter().map(|x| Input::Bytes(x)).collect();
            plan.run(&inputs, &mut views).expect("run");
            for (o, element) in kinds.iter().enumerate() {
                assert!(
                    same_bits(*element, &outputs[o], &want[o]),
                    "case {case}, {isa}, output {o}: {program:?} over {shape:?} {strides:?}"
                );
            }
        }
    }
}

#[test]
fn chains_are_one_pass_and_equal_their_operations_one_by_one() {
    use Op::{Abs, Add, Clamp, Div, Max, Min, Mul, MulAdd, Neg, Relu, ReluGrad, Square, Sub};
    let ops = [Abs, Add, Clamp, Div, Max, Min, Mul, MulAdd, Neg, Relu, ReluGrad, Square, Sub];
    let mut random = Random(41);
    for case in 0..300 {
        let n = [2, 15, 16, 128, 129, 1000, 3000][random.below(7)];
        let count = 2 + random.below(20);
        let mut program = Program::new();
        let inputs = [(); 3].map(|()| program.input(Element::F32));
        let mut value = inputs[0];
        for _ in 0..count {
            let op = ops[random.below(ops.len())];
            let number = program.constant(Element::F32, [-1.5, 0.0, 0.75, f64::NAN][random.below(4)]);
            // The second input is an array, the third a number repeated.
            let other = [number, inputs[1], inputs[2]][random.below(3)];
            let operands = match op.arity() {
                1 => vec![value],
                2 if random.below(2) == 0 => vec![other, value],
                2 => vec![value, other],
                _ => vec![value, number, inputs[2]],
            };
            value = program.push(op, &operands).expect("push");
        }
        program.output(value);
        let data = [n, n, 1].map(|n| numbers(Element::F32, n, &mut random));
        let dense = [data[0].clone(), data[1].clone(), data[2].repeat(n)];
        let want = unfused(&program, &dense, n);
        for isa in Isa::all_available() {
            let plan = program.plan_for(isa, &[n], &[&[1], &[1], &[0]]).expect("plan");
            assert_eq!(plan.steps.len(), count.div_ceil(super::chain::MAX_LINKS), "case {case}, {isa}: {program:?}");
            let data: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
            let found = run_one(&plan, &data, Element::F32);
            assert!(same_bits(Element::F32, &found, &want[0]), "case {case}, {isa}, {n} elements: {program:?}");
        }
    }
}

#[test]
fn an_output_may_take_the_place_of_a_dense_input() {
    let mut random = Random(99);
    for case in 0..200 {
        let n = [1, 7, 1000, 5000][random.below(4)];
        let inputs = 1 + random.below(3);
        let instrs = 1 + random.below(8);
        let (program, elements) = random_program(&mut random, inputs, instrs);
        let kinds = program.outputs().expect("outputs");
        let data: Vec<Vec<u8>> = elements.iter().map(|&e| numbers(e, n, &mut random)).collect();
        let want = unfused(&program, &data, n);
        let plan = program.plan(&[n], &vec![&[1isize][..]; elements.len()]).expect("plan");
        let mut outputs: Vec<Vec<u8>> = kinds.iter().map(|e| vec![0xa5; n * e.size()]).collect();
        // Each output in turn takes the memory of an input of its size, where one is left.
        let mut shared = vec![None; elements.len()];
        for (o, kind) in kinds.iter().enumerate() {
            if let Some(i) = (0..elements.len()).find(|&i| shared[i].is_none() && elements[i].size() == kind.size()) {
                shared[i] = Some(o);
                outputs[o].copy_from_slice(&data[i]);
            }
        }
        let inputs: Vec<Input<'_>> =
            (0..elements.len()).map(|i| shared[i].map_or(Input::Bytes(&data[i]), Input::Output)).collect();
        let mut views: Vec<&mut [u8]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        plan.run(&inputs, &mut views).expect("run");
        for (o, element) in kinds.iter().enumerate() {
            assert!(same_bits(*element, &outputs[o], &want[o]), "case {case}, output {o}: {program:?}, {shared:?}");
        }
    }
}

/// `tanh(x * scale + bias) > x`, with a bool result.
fn sample() -> Program {
    let mut program = Program::new();
    let x = program.input(Element::F32);
    let bias = program.input(Element::F32);
    let scale = program.constant(Element::F32, 0.7);
    let y = program.push(Op::MulAdd, &[x, scale, bias]).expect("push");
    let y = program.push(Op::Tanh, &[y]).expect("push");
    let mask = program.push(Op::Gt, &[y, x]).expect("push");
    program.output(y);
    program.output(mask);
    program
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let (rows, columns) = (1000, 257);
    let plan = sample().plan(&[rows, columns], &[&[columns as isize, 1], &[0, 1]]).expect("plan");
    let x = numbers(Element::F32, rows * columns, &mut Random(1));
    let bias = numbers(Element::F32, columns, &mut Random(2));
    let run = |threads: usize| {
        let (mut y, mut mask) = (vec![0u8; rows * columns * 4], vec![0u8; rows * columns]);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
        pool.install(|| plan.run(&[Input::Bytes(&x), Input::Bytes(&bias)], &mut [&mut y, &mut mask])).expect("run");
        (y, mask)
    };
    let one = run(1);
    assert!([2, 3, 4].into_iter().all(|threads| run(threads) == one));
}

#[test]
fn empty_shapes_and_scalars_run() {
    let plan = sample().plan(&[0, 3], &[&[3, 1], &[0, 1]]).expect("plan");
    plan.run(&[Input::Bytes(&[]), Input::Bytes(&[])], &mut [&mut [], &mut []]).expect("empty");
    let plan = sample().plan(&[], &[&[], &[]]).expect("plan");
    let (mut y, mut mask) = ([0u8; 4], [9u8; 1]);
    plan.run(&[Input::of(&[2f32]), Input::of(&[0.1f32])], &mut [&mut y, &mut mask]).expect("scalar");
    assert!((f32::from_ne_bytes(y) - 1.5f32.tanh()).abs() < 1e-6);
    assert_eq!(mask, [0]);
}

#[test]
fn negative_strides_count_from_the_given_start() {
    let mut program = Program::new();
    let x = program.input(Element::I32);
    let y = program.push(Op::Neg, &[x]).expect("push");
    program.output(y);
    let plan = program.plan(&[4], &[&[-1]]).expect("plan");
    assert_eq!(plan.input_extent(0), (3, 1));
    let (x, mut y) = ([1i32, 2, 3, 4], [0i32; 4]);
    plan.run(&[Input::At(bytes(&x), 3)], &mut [bytes_mut(&mut y)]).expect("run");
    assert_eq!(y, [-4, -3, -2, -1]);
    let error = plan.run(&[Input::At(bytes(&x), 2)], &mut [bytes_mut(&mut y)]).expect_err("starts too early");
    assert_eq!(error.code(), cornet_error::Code::OutOfRange);
}

#[test]
fn wrong_operands_lengths_and_aliases_are_refused() {
    use cornet_error::Code;
    let mut program = Program::new();
    let (x, k) = (program.input(Element::F32), program.input(Element::I32));
    assert_eq!(program.push(Op::Add, &[x, k]).expect_err("mixed").code(), Code::DtypeMismatch);
    assert_eq!(program.push(Op::Exp, &[k]).expect_err("integer").code(), Code::DtypeMismatch);
    assert_eq!(program.push(Op::Add, &[x]).expect_err("arity").code(), Code::InvalidArgument);
    assert_eq!(program.push(Op::Neg, &[Value(77)]).expect_err("foreign").code(), Code::InvalidArgument);
    assert_eq!(program.plan(&[2], &[&[1], &[1]]).expect_err("no output").code(), Code::InvalidArgument);
    let plan = sample().plan(&[2, 3], &[&[3, 1], &[0, 1]]).expect("plan");
    let (x, bias, mut y, mut mask) = ([0f32; 6], [0f32; 3], [0f32; 6], [0u8; 6]);
    let short = plan.run(&[Input::of(&x[..5]), Input::of(&bias)], &mut [bytes_mut(&mut y), &mut mask]);
    assert_eq!(short.expect_err("short input").code(), Code::OutOfRange);
    let short = plan.run(&[Input::of(&x), Input::of(&bias)], &mut [bytes_mut(&mut y), &mut mask[..5]]);
    assert_eq!(short.expect_err("short output").code(), Code::OutOfRange);
    let alias = plan.run(&[Input::Output(1), Input::of(&bias)], &mut [bytes_mut(&mut y), &mut mask]);
    assert_eq!(alias.expect_err("another size").code(), Code::InvalidArgument);
    let alias = plan.run(&[Input::of(&x), Input::Output(0)], &mut [bytes_mut(&mut y), &mut mask]);
    assert_eq!(alias.expect_err("broadcast").code(), Code::InvalidArgument);
}
