//! A second run of any kernel allocates nothing, inline or in a pool.
#![allow(unsafe_code)]

mod common;

use common::{Draw, pool};
use cornet_kernels::conv::{self, ConvGeometry};
use cornet_kernels::gemm::{Epilogue, Gemm, gemm, gemm_batch};
use cornet_kernels::pool::{self as pooling, Divisor, PoolGeometry};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands everything to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        // SAFETY: handed on.
        unsafe { System.dealloc(p, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of one of the later runs: the least, since threads fill their packing memory when they first take part.
fn least(mut run: impl FnMut()) -> usize {
    run();
    let counts = (0..20).map(|_| {
        let before = COUNT.load(Ordering::Relaxed);
        run();
        COUNT.load(Ordering::Relaxed) - before
    });
    counts.min().unwrap_or(usize::MAX)
}

fn convolutions() {
    let conv = ConvGeometry::conv2d;
    let geometries = [
        conv(4, [28, 28], 1, [3, 3], 32),
        conv(4, [16, 16], 3, [3, 3], 16).same(),
        conv(9, [12, 12], 32, [3, 3], 48).strides([1, 2, 2]).same(),
        conv(4, [12, 12], 32, [3, 3], 32).groups(32).same(),
        conv(4, [12, 12], 32, [1, 1], 32),
    ];
    for g in geometries {
        let mut draw = Draw::new(7);
        let (mut x, mut w) = (draw.f32s(g.input_len()), draw.f32s(g.filter_len()));
        let mut y = draw.f32s(g.output_len());
        let mut scratch = vec![0.0; 1 << 20];
        assert_eq!(least(|| conv::forward(&g, &x, &w, &mut y, Epilogue::Relu, &mut scratch)), 0, "forward {g:?}");
        let count = least(|| conv::input_gradient(&g, &y, &w, &mut x, Epilogue::None, &mut scratch));
        assert_eq!(count, 0, "input gradient {g:?}");
        assert_eq!(least(|| conv::filter_gradient(&g, &x, &y, &mut w, &mut scratch)), 0, "filter gradient {g:?}");
    }
}

fn products_and_pools() {
    let mut draw = Draw::new(8);
    let (a, b, mut c) = (draw.f32s(200 * 300), draw.f32s(300 * 300), vec![0.0; 200 * 300]);
    for g in [Gemm::row_major(200, 300, 200), Gemm::transposed_a(200, 300, 200), Gemm::transposed_b(200, 300, 200)] {
        assert_eq!(least(|| gemm(&g, 1.0, &a, &b, 0.0, &mut c, Epilogue::None)), 0, "{g:?}");
        let at = |i: usize| [i * 100, i * 100, i * 30_000];
        let small = Gemm { m: 50, n: 50, k: 50, c: [50, 1], ..g };
        assert_eq!(least(|| gemm_batch(2, &small, 1.0, &a, &b, 0.0, &mut c, Epilogue::None, at)), 0, "batch {g:?}");
    }
    let g = PoolGeometry::pool2d(4, [16, 16], 70, [2, 2]);
    let (x, mut y, mut dx) = (draw.f32s(g.input_len()), vec![0.0; g.output_len()], vec![0.0; g.input_len()]);
    assert_eq!(least(|| pooling::max_forward(&g, &x, &mut y, f32::NEG_INFINITY)), 0);
    assert_eq!(least(|| pooling::max_gradient(&g, &x, &y, &mut dx)), 0);
    assert_eq!(least(|| pooling::average_forward(&g, &x, &mut y, Divisor::Inside)), 0);
    assert_eq!(least(|| pooling::average_gradient(&g, &y, &mut dx, Divisor::Inside)), 0);
}

// One test, since others would allocate meanwhile.
#[test]
fn a_steady_state_allocates_nothing() {
    for threads in 1..=3 {
        pool(threads).install(|| {
            convolutions();
            products_and_pools();
        });
    }
}
