//! Fork and join over fixed partitions, inside whatever rayon pool the caller runs in.
//!
//! The work is cut by the kernels into tasks that depend on the problem alone, never on the number of threads, so a
//! result cannot depend on that number either.

/// Threads of the pool the caller runs in (the global pool's outside of any).
#[must_use]
#[inline]
pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// Runs `body(0)`, …, `body(tasks - 1)`, each exactly once, in any order and on any thread of the current pool.
///
/// Runs inline, in ascending order, when there is one task or one thread. Nothing is allocated: the range is halved
/// by recursive `rayon::join`, whose jobs live on the stack. Call it from inside a pool (`pool.install`): from
/// outside, each call pays for waking the global pool.
#[inline]
pub fn parallel_for<F: Fn(usize) + Sync>(tasks: usize, body: F) {
    if tasks <= 1 || threads() == 1 {
        (0..tasks).for_each(body);
    } else {
        split(0, tasks, &body);
    }
}

/// [`parallel_for`] over `0..len` cut into ranges of `grain` (the last one shorter): `body(start, end)`.
#[inline]
pub fn parallel_ranges<F: Fn(usize, usize) + Sync>(len: usize, grain: usize, body: F) {
    let grain = grain.max(1);
    parallel_for(len.div_ceil(grain), |i| body(i * grain, ((i + 1) * grain).min(len)));
}

fn split<F: Fn(usize) + Sync>(start: usize, end: usize, body: &F) {
    if end - start == 1 {
        body(start);
    } else {
        let middle = start + (end - start) / 2;
        rayon::join(|| split(start, middle, body), || split(middle, end, body));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn each_task_runs_exactly_once_on_any_pool() {
        for pool_threads in 1..=4 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(pool_threads).build().expect("pool");
            for tasks in [0, 1, 2, 3, 7, 64, 1000] {
                let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                pool.install(|| {
                    parallel_for(tasks, |i| {
                        counts[i].fetch_add(1, Ordering::Relaxed);
                    });
                });
                assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1), "{pool_threads} threads, {tasks} tasks");
            }
        }
    }

    #[test]
    fn ranges_cover_the_length_without_overlap() {
        for (len, grain) in [(0, 4), (1, 4), (4, 4), (5, 4), (17, 1), (17, 0), (17, 100)] {
            let covered = AtomicUsize::new(0);
            parallel_ranges(len, grain, |start, end| {
                assert!(start < end && end <= len && end - start <= grain.max(1));
                covered.fetch_add(end - start, Ordering::Relaxed);
            });
            assert_eq!(covered.load(Ordering::Relaxed), len);
        }
    }
}
