//! probe
#![allow(unsafe_code)]
use cornet_kernels::{gemm::*, isa::Isa, peak};
use std::time::Instant;
fn main() {
    for t in [1, 2] {
        let peak = peak::fma_peak_gflops_of(Isa::Avx512, t);
        println!("peak {peak:.1}");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(t).build().unwrap();
        pool.install(|| {
            let mnk = [
                (1024, 1024, 1024),
                (512, 512, 512),
                (256, 256, 256),
                (128, 128, 128),
                (32, 128, 784),
                (32, 10, 128),
                (32, 784, 128),
                (784, 128, 32),
                (128, 10, 32),
                (64, 1024, 1024),
                (1000, 1000, 1000),
            ];
            for (m, n, k) in mnk {
                let (abuf, bbuf) = (vec![1.0f32; m * k + 16], vec![1.0f32; k * n + 16]);
                let a = &abuf[abuf.as_ptr().align_offset(64)..];
                let b = &bbuf[bbuf.as_ptr().align_offset(64)..];
                let mut c = vec![1.0f32; m * n];
                print!("{m:5}{n:5}{k:5}");
                for g in [Gemm::row_major(m, n, k), Gemm::transposed_a(m, n, k), Gemm::transposed_b(m, n, k)] {
                    let mut best = f64::MAX;
                    let reps = (4e8 / g.flops()).ceil() as usize;
                    for _ in 0..6 {
                        let s = Instant::now();
                        for _ in 0..reps {
                            gemm(&g, 1.0, &a, &b, 0.0, &mut c, Epilogue::None);
                        }
                        best = best.min(s.elapsed().as_secs_f64() / reps as f64);
                    }
                    print!("  ours {:6.1} {:3.0}%", g.flops() / best / 1e9, 100.0 * g.flops() / best / 1e9 / peak);
                    let mut best = f64::MAX;
                    for _ in 0..6 {
                        let s = Instant::now();
                        for _ in 0..reps {
                            unsafe {
                                ::gemm::gemm(
                                    m,
                                    n,
                                    k,
                                    c.as_mut_ptr(),
                                    g.c[1] as isize,
                                    g.c[0] as isize,
                                    false,
                                    a.as_ptr(),
                                    g.a[1] as isize,
                                    g.a[0] as isize,
                                    b.as_ptr(),
                                    g.b[1] as isize,
                                    g.b[0] as isize,
                                    0.0,
                                    1.0,
                                    false,
                                    false,
                                    false,
                                    if t == 1 { ::gemm::Parallelism::None } else { ::gemm::Parallelism::Rayon(0) },
                                )
                            }
                        }
                        best = best.min(s.elapsed().as_secs_f64() / reps as f64);
                    }
                    print!(" crate {:6.1} {:3.0}%", g.flops() / best / 1e9, 100.0 * g.flops() / best / 1e9 / peak);
                }
                println!();
            }
        });
    }
}
