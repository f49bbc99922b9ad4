//! Counter-based random numbers: Threefry-2x32 with 20 rounds.
//!
//! Element `i` of a stream depends on the key and on `i` alone, so that any range can be generated on its own, in
//! parallel, on any instruction set, with the same bits. [`fill_bits`] and [`fill_uniform`] give what
//! `jax.random.bits` and `jax.random.uniform` give for the same key (with `jax_threefry_partitionable`, its default).
//!
//! Source: Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).

#![allow(unsafe_code)]

#[cfg(test)]
mod tests;

use crate::isa::Isa;
use crate::lanes::{LANES, Lanes, Task, dispatch};
use crate::shared::{Shared, for_each_task};
use crate::vmath;

/// Elements a task generates.
const CHUNK: usize = 1 << 14;
const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
const PARITY: u32 = 0x1bd1_1bda;

/// A key: the state that a stream of numbers is a function of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(pub [u32; 2]);

impl Key {
    /// The key of a seed: its high and low words.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Key([(seed >> 32) as u32, seed as u32])
    }

    /// The `i`-th of the independent keys derived from this one (`jax.random.split`).
    #[must_use]
    pub fn split(self, i: u64) -> Self {
        Key(threefry2x32(self.0, [(i >> 32) as u32, i as u32]))
    }

    /// A key derived from this one and a number (`jax.random.fold_in`).
    #[must_use]
    pub fn fold_in(self, data: u32) -> Self {
        Key(threefry2x32(self.0, [0, data]))
    }
}

/// One block of Threefry-2x32 with 20 rounds.
#[must_use]
pub fn threefry2x32(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    let keys = [key[0], key[1], key[0] ^ key[1] ^ PARITY];
    let mut x = [counter[0].wrapping_add(keys[0]), counter[1].wrapping_add(keys[1])];
    for round in 0..5 {
        for rotation in ROTATIONS[round % 2] {
            x[0] = x[0].wrapping_add(x[1]);
            x[1] = x[1].rotate_left(rotation) ^ x[0];
        }
        x[0] = x[0].wrapping_add(keys[(round + 1) % 3]);
        x[1] = x[1].wrapping_add(keys[(round + 2) % 3]).wrapping_add(round as u32 + 1);
    }
    x
}

/// Sixteen blocks with counters `(high, low + lane)`.
#[inline(always)]
fn blocks<S: Lanes>(s: S, key: [u32; 2], counter: (S::I, S::I)) -> (S::I, S::I) {
    let keys = [key[0], key[1], key[0] ^ key[1] ^ PARITY];
    let word = |k: u32| s.isplat(k as i32);
    let mut x0 = s.iadd(counter.0, word(keys[0]));
    let mut x1 = s.iadd(counter.1, word(keys[1]));
    macro_rules! round {
        ($left:literal, $right:literal) => {
            x0 = s.iadd(x0, x1);
            x1 = s.ixor(s.irol::<$left, $right>(x1), x0);
        };
    }
    macro_rules! rounds {
        (even) => {
            round!(13, 19);
            round!(15, 17);
            round!(26, 6);
            round!(6, 26);
        };
        (odd) => {
            round!(17, 15);
            round!(29, 3);
            round!(16, 16);
            round!(24, 8);
        };
    }
    macro_rules! inject {
        ($a:literal, $b:literal, $n:literal) => {
            x0 = s.iadd(x0, word(keys[$a]));
            x1 = s.iadd(x1, word(keys[$b].wrapping_add($n)));
        };
    }
    rounds!(even);
    inject!(1, 2, 1);
    rounds!(odd);
    inject!(2, 0, 2);
    rounds!(even);
    inject!(0, 1, 3);
    rounds!(odd);
    inject!(1, 2, 4);
    rounds!(even);
    inject!(2, 0, 5);
    (x0, x1)
}

/// Counters of elements `i..i + 16`, with `attempt` in the upper byte.
#[inline(always)]
fn counters<S: Lanes>(s: S, i: u64, attempt: u32) -> (S::I, S::I) {
    const IOTA: [i32; LANES] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    // SAFETY: IOTA has 16 lanes.
    let iota = unsafe { s.iload(IOTA.as_ptr()) };
    let base = s.isplat(i as u32 as i32);
    let low = s.iadd(base, iota);
    // A carry where the sum is below its base, as unsigned numbers.
    let sign = s.isplat(i32::MIN);
    let carry = s.igt(s.ixor(base, sign), s.ixor(low, sign));
    let high = s.isplat(((i >> 32) as u32 | attempt << 24) as i32);
    (s.iselect(carry, s.iadd(high, s.isplat(1)), high), low)
}

/// Uniform in `[0, 1)` with 23 bits: a float in `[1, 2)` with these bits as its mantissa, less one.
#[inline(always)]
fn unit<S: Lanes>(s: S, bits: S::I) -> S::F {
    let mantissa = s.ior(s.ishr::<9>(bits), s.isplat(0x3f80_0000));
    s.sub(s.float(mantissa), s.splat(1.0))
}

/// Standard normal by Box and Muller's transformation of one block.
#[inline(always)]
fn gauss<S: Lanes>(s: S, bits: (S::I, S::I)) -> S::F {
    // (0, 1] with 24 bits, so that the logarithm is finite, and an angle in [-π, π).
    let scale = s.splat(1.0 / 16_777_216.0);
    let u = s.mul(s.to_f(s.iadd(s.ishr::<8>(bits.0), s.isplat(1))), scale);
    let turn = s.mul(s.to_f(s.isar::<8>(bits.1)), scale);
    let radius = s.sqrt(s.mul(s.splat(-2.0), vmath::log(s, u)));
    s.mul(radius, vmath::cos(s, s.mul(turn, s.splat(std::f32::consts::TAU))))
}

/// What element `i..i + 16` of a stream are.
trait Draw: Copy + Sync {
    fn draw<S: Lanes>(self, s: S, key: [u32; 2], i: u64) -> S::F;
}

#[derive(Clone, Copy)]
struct Uniform {
    low: f32,
    high: f32,
}

impl Draw for Uniform {
    #[inline(always)]
    fn draw<S: Lanes>(self, s: S, key: [u32; 2], i: u64) -> S::F {
        let (x0, x1) = blocks(s, key, counters(s, i, 0));
        let u = unit(s, s.ixor(x0, x1));
        let low = s.splat(self.low);
        let x = s.fma(u, s.splat(self.high - self.low), low);
        s.max(low, x)
    }
}

#[derive(Clone, Copy)]
struct Normal {
    mean: f32,
    stddev: f32,
    /// Draws again outside two standard deviations.
    truncated: bool,
}

impl Draw for Normal {
    #[inline(always)]
    fn draw<S: Lanes>(self, s: S, key: [u32; 2], i: u64) -> S::F {
        let mut z = gauss(s, blocks(s, key, counters(s, i, 0)));
        if self.truncated {
            // 255 attempts: what is left outside has a probability of 2^-1100, and is clamped.
            let two = s.splat(2.0);
            let mut attempt = 1;
            loop {
                let outside = s.lt(two, s.abs(z));
                if s.mbits(outside) == 0 || attempt == 256 {
                    break;
                }
                z = s.select(outside, gauss(s, blocks(s, key, counters(s, i, attempt))), z);
                attempt += 1;
            }
            z = s.max(s.splat(-2.0), s.min(two, z));
        }
        s.fma(z, s.splat(self.stddev), s.splat(self.mean))
    }
}

struct Fill<'a, D> {
    draw: D,
    key: [u32; 2],
    start: u64,
    out: &'a mut [f32],
}

impl<D: Draw> Task for Fill<'_, D> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, s: S) {
        for (k, block) in self.out.chunks_mut(LANES).enumerate() {
            let x = self.draw.draw(s, self.key, self.start.wrapping_add((k * LANES) as u64));
            // SAFETY: the block has so many elements.
            unsafe { s.store_n(block.as_mut_ptr(), x, block.len()) };
        }
    }
}

fn fill<D: Draw>(isa: Isa, draw: D, key: Key, start: u64, out: &mut [f32]) {
    in_chunks(out, |offset, out| {
        dispatch(isa, Fill { draw, key: key.0, start: start.wrapping_add(offset as u64), out })
    });
}

/// Calls `f(offset, chunk)` for fixed chunks of a slice, in parallel.
fn in_chunks<T: Send>(out: &mut [T], f: impl Fn(usize, &mut [T]) + Sync) {
    let len = out.len();
    let shared = Shared::new(out);
    for_each_task(len.div_ceil(CHUNK), &|i| {
        let (start, end) = (i * CHUNK, ((i + 1) * CHUNK).min(len));
        // SAFETY: chunks are disjoint.
        f(start, unsafe { shared.part(start, end) });
    });
}

struct Words<'a> {
    key: [u32; 2],
    start: u64,
    out: &'a mut [u32],
}

impl Task for Words<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, s: S) {
        for (k, block) in self.out.chunks_mut(LANES).enumerate() {
            let (x0, x1) = blocks(s, self.key, counters(s, self.start.wrapping_add((k * LANES) as u64), 0));
            let x = s.ixor(x0, x1);
            let mut words = [0i32; LANES];
            // SAFETY: `words` has 16 lanes.
            unsafe { s.istore(words.as_mut_ptr(), x) };
            for (to, from) in block.iter_mut().zip(words) {
                *to = from as u32;
            }
        }
    }
}

/// Random words: elements `start..start + out.len()` of the key's stream.
pub fn fill_bits(key: Key, start: u64, out: &mut [u32]) {
    fill_bits_with(Isa::detect(), key, start, out);
}

fn fill_bits_with(isa: Isa, key: Key, start: u64, out: &mut [u32]) {
    in_chunks(out, |offset, out| dispatch(isa, Words { key: key.0, start: start.wrapping_add(offset as u64), out }));
}

/// Uniform numbers in `[low, high)`: elements `start..start + out.len()` of the key's stream.
pub fn fill_uniform(key: Key, start: u64, low: f32, high: f32, out: &mut [f32]) {
    fill(Isa::detect(), Uniform { low, high }, key, start, out);
}

/// Normal numbers: elements `start..start + out.len()` of the key's stream.
pub fn fill_normal(key: Key, start: u64, mean: f32, stddev: f32, out: &mut [f32]) {
    fill(Isa::detect(), Normal { mean, stddev, truncated: false }, key, start, out);
}

/// Normal numbers within two standard deviations of the mean (others are drawn again).
pub fn fill_truncated_normal(key: Key, start: u64, mean: f32, stddev: f32, out: &mut [f32]) {
    fill(Isa::detect(), Normal { mean, stddev, truncated: true }, key, start, out);
}

/// Integers in `[low, high)`, or `low` where that is empty: elements `start..` of the key's stream.
pub fn fill_integers(key: Key, start: u64, low: i64, high: i64, out: &mut [i64]) {
    let span = high.wrapping_sub(low) as u64;
    let span = if high <= low { 1 } else { span };
    in_chunks(out, |offset, out| {
        for (k, x) in out.iter_mut().enumerate() {
            let i = start.wrapping_add((offset + k) as u64);
            let [a, b] = threefry2x32(key.0, [(i >> 32) as u32, i as u32]);
            let bits = u64::from(a) << 32 | u64::from(b);
            *x = low.wrapping_add(((u128::from(bits) * u128::from(span)) >> 64) as i64);
        }
    });
}

struct Dropout<'a> {
    key: [u32; 2],
    start: u64,
    keep: i32,
    scale: f32,
    x: Option<&'a [f32]>,
    y: &'a mut [f32],
}

impl Task for Dropout<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, s: S) {
        let (scale, keep) = (s.splat(self.scale), s.isplat(self.keep));
        for (k, block) in self.y.chunks_mut(LANES).enumerate() {
            let (x0, x1) = blocks(s, self.key, counters(s, self.start.wrapping_add((k * LANES) as u64), 0));
            let kept = s.igt(keep, s.ishr::<9>(s.ixor(x0, x1)));
            // SAFETY: the block has so many elements, and so has x at this place.
            unsafe {
                let from = self.x.map_or(block.as_ptr(), |x| x[k * LANES..][..block.len()].as_ptr());
                let x = s.mul(s.load_n(from, block.len()), scale);
                s.store_n(block.as_mut_ptr(), s.select(kept, x, s.splat(0.0)), block.len());
            }
        }
    }
}

/// Inverted dropout: `y[i] = keep(i) ? x[i] / (1 - rate) : 0`, in place where `x` is `None`. The same call on the
/// gradient is the gradient. Elements `start..` of the key's uniform stream decide (kept where below `1 - rate`); `rate` is clamped to `[0, 1]`, and 1 keeps
/// nothing.
///
/// # Panics
/// When `x` is shorter than `y`.
pub fn dropout(key: Key, start: u64, rate: f32, x: Option<&[f32]>, y: &mut [f32]) {
    dropout_with(Isa::detect(), key, start, rate, x, y);
}

fn dropout_with(isa: Isa, key: Key, start: u64, rate: f32, x: Option<&[f32]>, y: &mut [f32]) {
    let (keep, scale) = keep_threshold(rate);
    in_chunks(y, |offset, y| {
        let x = x.map(|x| &x[offset..offset + y.len()]);
        dispatch(isa, Dropout { key: key.0, start: start.wrapping_add(offset as u64), keep, scale, x, y });
    });
}

/// The 23-bit threshold below which an element is kept, and what it is multiplied by.
fn keep_threshold(rate: f32) -> (i32, f32) {
    let kept = 1.0 - rate.clamp(0.0, 1.0);
    let kept = if kept.is_nan() { 1.0 } else { kept };
    ((kept * 8_388_608.0).ceil() as i32, if kept > 0.0 { 1.0 / kept } else { 0.0 })
}

/// The mask that [`dropout`] uses: 1 where an element is kept, 0 elsewhere.
pub fn dropout_mask(key: Key, start: u64, rate: f32, out: &mut [u8]) {
    let (keep, _) = keep_threshold(rate);
    in_chunks(out, |offset, out| {
        let mut words = [0u32; 256];
        for (k, block) in out.chunks_mut(256).enumerate() {
            let words = &mut words[..block.len()];
            let start = start.wrapping_add((offset + k * 256) as u64);
            dispatch(Isa::detect(), Words { key: key.0, start, out: words });
            for (to, &bits) in block.iter_mut().zip(words.iter()) {
                *to = u8::from(((bits >> 9) as i32) < keep);
            }
        }
    });
}
