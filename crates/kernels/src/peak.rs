//! The machine's ceilings, measured: multiply-adds from registers and bytes copied through memory.
//!
//! A kernel's rate means something only next to these, taken in the same milliseconds: clocks that rise and fall by a
//! fifth would else decide what share of the peak it reaches. So [`Share::of`] measures the ceiling before and after each
//! round of the work.
#![allow(unsafe_code)]

use crate::isa::Isa;
use crate::parallel::threads;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2F32, Avx512F32};
use crate::simd::{PortableF32, Simd};
use std::hint::black_box;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Independent sums: two units of four to five cycles' latency want ten or so.
const SUMS: usize = 12;
/// Steps of one measurement, about 0.2 ms.
const STEPS: usize = 100_000;
/// Rounds of work below this are repeated, since the clock is not that fine and a ceiling takes time too.
const ROUND_MIN_S: f64 = 400e-6;

/// GFLOP/s (a multiply-add counts two) of the threads of the current pool that multiply and add `f32` vectors in
/// registers, with the instruction set in force ([`Isa::detect`]). Takes about 0.2 ms.
#[must_use]
pub fn fma_gflops() -> f64 {
    fma_gflops_of(Isa::detect())
}

/// [`fma_gflops`] of a named instruction set; 0 where this CPU lacks it.
#[must_use]
pub fn fma_gflops_of(isa: Isa) -> f64 {
    if !isa.available() {
        return 0.0;
    }
    let (kernel, lanes): (unsafe fn(usize) -> f32, usize) = match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => (avx512, Avx512F32::LANES),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => (avx2, Avx2F32::LANES),
        _ => (portable, PortableF32::LANES),
    };
    // SAFETY: the CPU runs the instruction set, as checked above.
    let seconds = slowest_thread(|_| unsafe {
        black_box(kernel(black_box(STEPS)));
    });
    (threads() * 2 * SUMS * lanes * STEPS) as f64 / seconds / 1e9
}

/// A copy of memory, to be measured.
#[derive(Debug)]
pub struct Copy {
    /// What each thread of the pool copies.
    shares: Vec<Mutex<(Vec<u64>, Vec<u64>)>>,
    bytes: usize,
}

impl Copy {
    /// A copy of `bytes`, a share for each thread of the current pool. Takes twice as much memory.
    #[must_use]
    pub fn new(bytes: usize) -> Copy {
        let words = bytes / threads() / size_of::<u64>();
        let shares = (0..threads()).map(|_| Mutex::new((vec![1; words], vec![2; words]))).collect();
        Copy { shares, bytes: words * threads() * size_of::<u64>() }
    }

    /// GB/s of one copy by the threads of the current pool; bytes read and bytes written both count.
    #[must_use]
    pub fn gb_per_s(&self) -> f64 {
        let seconds = slowest_thread(|thread| {
            if let Some(Ok(mut pair)) = self.shares.get(thread).map(Mutex::lock) {
                let (from, to) = &mut *pair;
                to.copy_from_slice(black_box(from));
                black_box(&to[0]);
            }
        });
        2.0 * self.bytes as f64 / seconds / 1e9
    }
}

/// Seconds of the slowest of the current pool's threads, each of which runs `work` once with its index.
fn slowest_thread(work: impl Fn(usize) + Sync) -> f64 {
    let timed = |thread: usize| {
        let start = Instant::now();
        work(thread);
        start.elapsed().as_secs_f64()
    };
    let times = rayon::broadcast(|context| timed(context.index()));
    times.into_iter().fold(0.0, f64::max)
}

/// How fast some work runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Of the fastest round.
    pub seconds: f64,
    /// The rate as a share of the ceiling around the same round: the median of all rounds.
    pub of_ceiling: f64,
}

impl Share {
    /// Runs `work`, which does `amount` (of multiply-adds counted twice, of bytes) at a time, for as long as `time` lets
    /// new rounds begin. `ceiling` measures `1e9 · amount` a second; it runs before and after each round.
    ///
    /// # Errors
    /// What `work` fails with.
    pub fn of<E>(
        amount: f64,
        time: Duration,
        ceiling: impl Fn() -> f64,
        mut work: impl FnMut() -> Result<(), E>,
    ) -> Result<Share, E> {
        work()?;
        let start = Instant::now();
        work()?;
        let repeats = (ROUND_MIN_S / start.elapsed().as_secs_f64()).ceil().clamp(1.0, 10_000.0) as u32;
        let (mut best, mut shares) = (f64::MAX, Vec::new());
        let (begin, mut before) = (Instant::now(), ceiling());
        while shares.is_empty() || begin.elapsed() < time {
            let round = Instant::now();
            for _ in 0..repeats {
                work()?;
            }
            let seconds = round.elapsed().as_secs_f64() / f64::from(repeats);
            let after = ceiling();
            best = best.min(seconds);
            shares.push(amount / 1e9 / seconds / (0.5 * (before + after)));
            before = after;
        }
        shares.sort_by(f64::total_cmp);
        Ok(Share { seconds: best, of_ceiling: shares[shares.len() / 2] })
    }
}

/// # Safety
/// The CPU runs the instruction set of `S`.
#[inline(always)]
unsafe fn multiply_add<S: Simd<E = f32>>(steps: usize) -> f32 {
    // SAFETY: the caller's contract; the array holds all lanes.
    unsafe {
        let (x, y) = (S::splat(black_box(0.999)), S::splat(black_box(1e-3)));
        let mut sums = [S::zero(); SUMS];
        for _ in 0..steps {
            for sum in &mut sums {
                *sum = S::mul_add(*sum, x, y);
            }
        }
        let mut total = S::zero();
        for sum in sums {
            total = S::add(total, sum);
        }
        let mut lanes = [0.0f32; 16];
        S::store(lanes.as_mut_ptr(), total);
        lanes.iter().sum()
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn avx512(steps: usize) -> f32 {
    // SAFETY: this function's own features.
    unsafe { multiply_add::<Avx512F32>(steps) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(steps: usize) -> f32 {
    // SAFETY: this function's own features.
    unsafe { multiply_add::<Avx2F32>(steps) }
}

unsafe fn portable(steps: usize) -> f32 {
    // SAFETY: any CPU runs it.
    unsafe { multiply_add::<PortableF32>(steps) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceilings_are_positive_and_absent_sets_have_none() {
        for isa in Isa::ALL {
            assert_eq!(fma_gflops_of(isa) > 0.0, isa.available(), "{isa}");
        }
        assert!(Copy::new(1 << 16).gb_per_s() > 0.0);
    }

    #[test]
    fn a_share_is_the_rate_by_the_ceiling() {
        let work = || -> Result<(), ()> {
            std::thread::sleep(Duration::from_millis(2));
            Ok(())
        };
        let share = Share::of(1e9, Duration::ZERO, || 100.0, work).expect("work that succeeds");
        assert!(share.seconds >= 2e-3, "{share:?}");
        assert!((share.of_ceiling * share.seconds * 100.0 - 1.0).abs() < 1e-9, "{share:?}");
        assert_eq!(Share::of(1.0, Duration::ZERO, || 1.0, || Err::<(), _>("failed")), Err("failed"));
    }
}
