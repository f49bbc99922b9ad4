//! Element-wise chains that become one pass over memory.

use cornet_cpu::with_threads;
use cornet_error::Result;
use cornet_kernels::peak::Copy;
use cornet_ops::{Tensor, Type};
use cornet_runtime::Concrete;
use cornet_tensor::DType;

use crate::timer::{measured, values};
use crate::{Line, Sink, thread_counts};

const ELEMENTS: usize = 10_000_000;

/// Eight ops of arithmetic.
fn arithmetic(x: &Tensor) -> Tensor {
    let scaled = x * 1.5 + 0.25;
    let bounded = scaled.maximum(-1.0).minimum(1.0);
    (bounded.square() - 0.5).abs() * 2.0
}

/// Eight ops, three of them transcendental.
fn transcendental(x: &Tensor) -> Tensor {
    let gate = (x * 1.5 + 0.25).sigmoid();
    let decay = (gate * -0.5).exp();
    (decay + 1.0).tanh() * 2.0
}

/// A chain and what it is called.
type Chain = (&'static str, fn(&Tensor) -> Tensor);

const CHAINS: [Chain; 2] = [("elementwise_8_arithmetic", arithmetic), ("elementwise_8_transcendental", transcendental)];

pub fn run(threads: &[usize], sink: Sink<'_>) -> Result<()> {
    for threads in thread_counts(threads) {
        for chain in CHAINS {
            sink(&measure(chain, threads)?)?;
        }
    }
    Ok(())
}

/// A share of 77% of the copy bandwidth is 1.3 times the time of a copy of the same bytes.
fn measure((name, chain): Chain, threads: usize) -> Result<Line> {
    let function = Concrete::trace(name, &[Type::new(DType::F32, [ELEMENTS])], |x| Ok(vec![chain(&x[0])]))?;
    let x = values(&[ELEMENTS])?;
    let (one_way, both_ways) = (ELEMENTS * size_of::<f32>(), (2 * ELEMENTS * size_of::<f32>()) as f64);
    let share = with_threads(threads, || {
        let copy = Copy::new(one_way);
        measured(&function, &[&x], both_ways, || copy.gb_per_s())
    })?;
    let gb_per_s = both_ways / share.seconds / 1e9;
    Ok(Line::of_step(name, threads, share.seconds, ELEMENTS).beside(gb_per_s, "GB/s", share.of_ceiling))
}
