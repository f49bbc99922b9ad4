//! A training step in steady state takes no memory from the heap.
#![allow(unsafe_code)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cornet_cpu as _;
use cornet_nn::callbacks::{BatchLogs, Callback, Run};
use cornet_nn::models::{Model, Sequential};
use cornet_nn::training::{FitOptions, Verbose};
use cornet_tensor::Result;

struct Counting;

static COUNTING: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

fn count(size: usize) {
    if COUNTING.load(Ordering::Relaxed) {
        CALLS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(size, Ordering::Relaxed);
    }
}

// SAFETY: everything is handed to the system's allocator; counting touches atomics alone.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's contract.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller's contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Counts from the end of the 20th step of the second epoch to the end of the 60th.
struct Window {
    epoch: usize,
}

impl Callback for Window {
    fn on_epoch_begin(&mut self, _: &Run<'_>, epoch: usize) -> Result<()> {
        self.epoch = epoch;
        Ok(())
    }

    fn on_train_batch_end(&mut self, _: &Run<'_>, step: usize, _: &BatchLogs<'_>) -> Result<()> {
        if self.epoch == 1 && step == 20 {
            COUNTING.store(true, Ordering::Relaxed);
        }
        if self.epoch == 1 && step == 60 {
            COUNTING.store(false, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn allocations_of_40_steps(model: &Sequential) -> Result<(usize, usize)> {
    let (x, y) = support::images(32 * 70)?;
    CALLS.store(0, Ordering::Relaxed);
    BYTES.store(0, Ordering::Relaxed);
    let mut window = Window { epoch: 0 };
    let options = FitOptions::new().seed(1).epochs(2).verbose(Verbose::Silent).callback(&mut window);
    model.fit(&x, &y, options)?;
    Ok((CALLS.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed)))
}

/// One test, since the counter is the process's. Rayon takes a block of its job queue (about 1.5 KB) now and then when
/// work is injected from outside the pool; inside of it, as here, joins live on the stack.
#[test]
fn forty_steps_of_the_mlp_and_of_the_cnn_allocate_nothing() -> Result<()> {
    for (name, model) in [("mlp", support::mlp(1)?), ("cnn", support::cnn(1)?)] {
        let (calls, bytes) = allocations_of_40_steps(&model)?;
        println!("{name}: {calls} allocations, {bytes} bytes in 40 steps");
        assert_eq!((calls, bytes), (0, 0), "{name}: allocations, bytes in 40 steps");
    }
    Ok(())
}
