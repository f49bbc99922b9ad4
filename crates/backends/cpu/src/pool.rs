//! The thread pool in which kernels fork and join.

use std::sync::OnceLock;

use rayon::ThreadPool;

/// The pool of the process: `CORNET_NUM_THREADS` threads, or one a core.
fn pool() -> &'static ThreadPool {
    static POOL: OnceLock<ThreadPool> = OnceLock::new();
    POOL.get_or_init(|| build(configured()))
}

fn configured() -> usize {
    let set = std::env::var("CORNET_NUM_THREADS").ok().and_then(|n| n.trim().parse().ok());
    set.filter(|&n| n > 0).unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

fn build(threads: usize) -> ThreadPool {
    let named = || {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
        builder.thread_name(|i| format!("cornet-{i}")).start_handler(|_| cornet_kernels::denormals::flush())
    };
    // A system that refuses threads still has this one; rayon then builds the pool on it.
    named().build().or_else(|_| named().num_threads(1).use_current_thread().build()).expect("a pool of this thread")
}

/// Threads that kernels use.
pub fn num_threads() -> usize {
    if rayon::current_thread_index().is_some() { rayon::current_num_threads() } else { pool().current_num_threads() }
}

/// Runs `f` inside the pool: at once if this thread is a worker already.
pub(crate) fn install<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    if rayon::current_thread_index().is_some() { f() } else { pool().install(f) }
}

/// Runs `f` in a pool of so many threads of its own. Results do not depend on the number.
pub fn with_threads<T: Send>(threads: usize, f: impl FnOnce() -> T + Send) -> T {
    build(threads.max(1)).install(f)
}
