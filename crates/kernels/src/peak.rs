//! The machine's ceilings, measured: multiply-adds from registers and bytes copied through memory.
//!
//! A kernel's rate means something only next to these, taken on the same machine in the same minute.
#![allow(unsafe_code)]

use crate::isa::Isa;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2F32, Avx512F32};
use crate::simd::{PortableF32, Simd};
use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Independent sums: two units of four to five cycles' latency want ten or so.
const SUMS: usize = 12;
const ROUNDS: usize = 6;

/// GFLOP/s (a multiply-add counts two) of `threads` threads that multiply and add `f32` vectors in registers, with the
/// instruction set in force ([`Isa::detect`]). Takes about 60 ms; the best of several rounds.
#[must_use]
pub fn fma_peak_gflops(threads: usize) -> f64 {
    fma_peak_gflops_of(Isa::detect(), threads)
}

/// [`fma_peak_gflops`] of a named instruction set; 0 where this CPU lacks it.
#[must_use]
pub fn fma_peak_gflops_of(isa: Isa, threads: usize) -> f64 {
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
    let steps = 400_000;
    let flops = (2 * SUMS * lanes * steps) as f64;
    // SAFETY: the CPU runs the instruction set, as checked above.
    let seconds = best_round(threads, |_| unsafe {
        black_box(kernel(black_box(steps)));
    });
    threads.max(1) as f64 * flops / seconds.as_secs_f64() / 1e9
}

/// GB/s that `threads` threads copy together between buffers that no cache holds; bytes read and bytes written both
/// count. Takes 128 MiB a thread while it runs; the best of several rounds.
#[must_use]
pub fn copy_gb_per_s(threads: usize) -> f64 {
    let threads = threads.max(1);
    let words = (64 << 20) / size_of::<u64>();
    let buffers: Vec<_> = (0..threads).map(|_| std::sync::Mutex::new((vec![1u64; words], vec![2u64; words]))).collect();
    let seconds = best_round(threads, |thread| {
        if let Ok(mut pair) = buffers[thread].lock() {
            let (from, to) = &mut *pair;
            to.copy_from_slice(black_box(from));
            black_box(&to[0]);
        }
    });
    (threads * 2 * words * size_of::<u64>()) as f64 / seconds.as_secs_f64() / 1e9
}

/// The time of the fastest of several rounds in which each of `threads` threads runs `work` once, started together.
fn best_round(threads: usize, work: impl Fn(usize) + Sync) -> Duration {
    let threads = threads.max(1);
    let barrier = Barrier::new(threads);
    let slowest_of = |times: Vec<Vec<Duration>>| {
        (0..ROUNDS).filter_map(|round| times.iter().map(|t| t[round]).max()).min().unwrap_or_default()
    };
    let rounds = |thread: usize| {
        let mut times = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            barrier.wait();
            let start = Instant::now();
            work(thread);
            times.push(start.elapsed());
        }
        times
    };
    std::thread::scope(|scope| {
        let rounds = &rounds;
        let others: Vec<_> = (1..threads).map(|thread| scope.spawn(move || rounds(thread))).collect();
        let mut times = vec![rounds(0)];
        times.extend(others.into_iter().filter_map(|other| other.join().ok()));
        slowest_of(times)
    })
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
            assert_eq!(fma_peak_gflops_of(isa, 1) > 0.0, isa.available(), "{isa}");
        }
        assert!(copy_gb_per_s(1) > 0.0);
    }
}
