//! Random graphs: programs of random ops on random values, always the same for the same seed.

#![allow(dead_code)]

use cornet_ops::{Attrs, Graph, Op, Tensor, Type, Variable, call, scope, trace};
use cornet_tensor::{Array, DType, Result};

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.next() >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// The arguments of every random graph.
pub fn arguments() -> Vec<(&'static str, Type)> {
    vec![
        ("x", Type::new(DType::F32, [2, 3])),
        ("y", Type::new(DType::F32, [3])),
        ("z", Type::new(DType::F32, [])),
        ("m", Type::new(DType::F32, [3, 4])),
        ("i", Type::new(DType::I32, [2, 3])),
        ("b", Type::new(DType::Bool, [3])),
    ]
}

/// Values for them, of which some floats are zeros of both signs, infinities and NaN.
pub fn special_values(random: &mut Random) -> Result<Vec<Array>> {
    let special = [0.0, -0.0, -0.0, 1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let seed = random.next();
    let change = |a: Array| {
        if !a.dtype().is_float() {
            return Ok(a);
        }
        let values = a.to_f64()?.into_iter().map(|x| if random.below(3) == 0 { *random.pick(&special) } else { x });
        Array::from_f64(a.dtype(), a.shape(), &values.collect::<Vec<_>>())
    };
    values(&mut Random(seed))?.into_iter().map(change).collect()
}

/// Values for them.
pub fn values(random: &mut Random) -> Result<Vec<Array>> {
    arguments()
        .into_iter()
        .map(|(_, ty)| {
            let n = ty.shape.elements();
            match ty.dtype {
                DType::F32 => {
                    let values: Vec<f64> = (0..n).map(|_| random.between(-2.0, 2.0)).collect();
                    Array::from_f64(ty.dtype, ty.shape, &values)
                }
                _ => {
                    let values: Vec<i64> = (0..n).map(|_| random.below(7) as i64 - 3).collect();
                    Array::from_i64(ty.dtype, ty.shape, &values)
                }
            }
        })
        .collect()
}

/// Numbers near one and none: what algebra likes to drop.
fn constant(random: &mut Random) -> Tensor {
    let dtype = *random.pick(&[DType::F32, DType::F32, DType::F32, DType::I32, DType::Bool]);
    let shapes: [&[usize]; 5] = [&[], &[3], &[1], &[2, 3], &[2, 1]];
    let shape = *random.pick(&shapes);
    let n = shape.iter().product();
    let any = random.below(3) == 0;
    let one = *random.pick(&[0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 4.0]);
    let values: Vec<f64> = (0..n).map(|_| if any { random.between(-2.0, 2.0) } else { one }).collect();
    let array = Array::from_f64(dtype, shape, &values).unwrap();
    // As a node: what is computed from values alone would not be traced.
    call(cornet_ops::find("constant").unwrap(), &[], Attrs::default().with("value", array)).swap_remove(0)
}

fn pointwise() -> Vec<&'static Op> {
    cornet_ops::all().filter(|op| op.is_pointwise() && op.pure).collect()
}

fn step(random: &mut Random, pool: &[Tensor], ops: &[&'static Op]) -> Tensor {
    let mut any = || random.pick(pool).clone();
    let (a, b) = (any(), any());
    let c = any();
    match random.below(17) {
        0 | 1 => constant(random),
        2 if random.below(2) == 0 => a.transpose(&[]),
        2 => a.transpose(&[]).transpose(&[]),
        3 => a.reshape_infer(&[-1]),
        4 => a.reshape_infer(&[1, -1, 1]),
        5 => a.sum(&[-1], random.below(2) == 0),
        6 => a.cast(*random.pick(&[DType::F32, DType::F64, DType::I32, DType::Bool, DType::F16])),
        7 => a.matmul(&b),
        8 => a.matmul(b.transpose(&[])),
        9 => &a + &b,
        10 => &a * &b,
        11 => a.broadcast_to([2, 2, 3]),
        13 => {
            let name = ["add", "subtract", "multiply", "divide"][random.below(4)];
            let number = *random.pick(&[0.0_f32, -0.0, 1.0, -1.0, 2.0, 3.0]);
            let attrs = Attrs::default().with("value", Array::scalar(number));
            let node = call(cornet_ops::find("constant").unwrap(), &[], attrs).swap_remove(0);
            call(cornet_ops::find(name).unwrap(), &[&a.cast(DType::F32), &node], Attrs::default()).swap_remove(0)
        }
        12 => {
            let name = ["dense", "dense/inner", "a \"quoted\" name"][random.below(3)];
            scope(name, || a.tanh() - b)
        }
        _ => {
            let op = random.pick(ops);
            let inputs = [&a, &b, &c];
            let n = op.arity.0.clamp(1, 3);
            call(op, &inputs[..n], Attrs::default()).swap_remove(0)
        }
    }
}

/// A random graph of about `steps` nodes over `variables`, which it updates, of all element-wise ops.
pub fn graph(seed: u64, steps: usize, variables: &[Variable]) -> Result<Graph> {
    build(seed, steps, variables, &pointwise(), true)
}

/// The same of these element-wise ops alone, all in float32.
pub fn graph_of(seed: u64, steps: usize, variables: &[Variable], ops: &[&str]) -> Result<Graph> {
    let ops: Vec<&'static Op> = pointwise().into_iter().filter(|op| ops.contains(&op.name)).collect();
    build(seed, steps, variables, &ops, false)
}

fn build(seed: u64, steps: usize, variables: &[Variable], ops: &[&'static Op], casts: bool) -> Result<Graph> {
    let mut random = Random(seed);
    let traced = trace(&format!("random \\ {seed}"), &arguments(), |x| {
        let mut pool = x.to_vec();
        pool.extend(variables.iter().map(Variable::read));
        for _ in 0..steps {
            let made = step(&mut random, &pool, ops);
            if !casts && made.dtype().is_ok_and(|d| d != DType::F32) {
                continue;
            }
            if made.ty().is_ok_and(|t| t.shape.elements() < 10_000) {
                pool.push(made);
            }
        }
        for variable in variables {
            if let Some(value) = pool.iter().rev().find(|t| t.ty().is_ok_and(|ty| ty == *variable.ty())) {
                variable.assign(value)?;
            }
        }
        let last = pool.len();
        Ok((0..3).map(|_| pool[last - 1 - random.below(last.min(6))].clone()).collect())
    })?;
    Ok(traced.graph)
}
