//! The order of waiting requests: no threads, no clock.

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::BatchingParameters;

/// Batches that fill up. The time is the caller's: a duration since any fixed moment.
pub(crate) struct Queue<K, T> {
    parameters: BatchingParameters,
    batches: VecDeque<Batch<K, T>>,
}

/// Requests that may run together.
pub(crate) struct Batch<K, T> {
    key: K,
    since: Duration,
    rows: usize,
    tasks: Vec<(usize, T)>,
}

/// What a thread that asks for work is told.
#[derive(Debug, PartialEq)]
pub(crate) enum Next<T> {
    /// Run these together.
    Run(Vec<T>),
    /// Nothing before that moment.
    Wait(Duration),
    /// Nothing at all.
    Empty,
}

/// The queue is full; the request is given back.
#[derive(Debug, PartialEq)]
pub(crate) struct Full<T>(pub T);

impl<K: PartialEq, T> Queue<K, T> {
    pub fn new(parameters: BatchingParameters) -> Self {
        Self { parameters, batches: VecDeque::new() }
    }

    /// Enters a request of so many rows: into the last batch of its key if there is room, else into a new one. When the
    /// queue is full, requests that are no longer `alive` make room first.
    pub fn push(
        &mut self,
        now: Duration,
        key: K,
        rows: usize,
        task: T,
        alive: impl Fn(&T) -> bool,
    ) -> Result<(), Full<T>> {
        if !self.has_room(&key, rows) && self.batches.len() >= self.parameters.max_enqueued_batches {
            self.drop_dead(alive);
        }
        let limit = self.parameters.max_batch_size;
        if self.has_room(&key, rows)
            && let Some(open) = self.batches.iter_mut().rev().find(|b| b.key == key)
        {
            open.rows += rows;
            open.tasks.push((rows, task));
            debug_assert!(open.rows <= limit);
            return Ok(());
        }
        if self.batches.len() >= self.parameters.max_enqueued_batches {
            return Err(Full(task));
        }
        self.batches.push_back(Batch { key, since: now, rows, tasks: vec![(rows, task)] });
        Ok(())
    }

    /// Whether the last batch of that key takes so many more rows.
    fn has_room(&self, key: &K, rows: usize) -> bool {
        let last = self.batches.iter().rev().find(|b| b.key == *key);
        last.is_some_and(|b| b.rows.saturating_add(rows) <= self.parameters.max_batch_size)
    }

    fn drop_dead(&mut self, alive: impl Fn(&T) -> bool) {
        for batch in &mut self.batches {
            batch.tasks.retain(|(_, task)| alive(task));
            batch.rows = batch.tasks.iter().map(|(rows, _)| rows).sum();
        }
        self.batches.retain(|b| !b.tasks.is_empty());
    }

    /// The batch that has waited longest among those that are full or have waited as long as they may.
    pub fn next(&mut self, now: Duration) -> Next<T> {
        let Some(first) = self.batches.front() else { return Next::Empty };
        let timeout = self.parameters.batch_timeout();
        let due = first.since.saturating_add(timeout);
        let full = |batches: &VecDeque<Batch<K, T>>, i: usize| {
            let b = &batches[i];
            let followed = batches.iter().skip(i + 1).any(|later| later.key == b.key);
            b.rows >= self.parameters.max_batch_size || followed
        };
        let ready = if due <= now { Some(0) } else { (0..self.batches.len()).find(|&i| full(&self.batches, i)) };
        match ready.and_then(|i| self.batches.remove(i)) {
            Some(batch) => Next::Run(batch.tasks.into_iter().map(|(_, task)| task).collect()),
            None => Next::Wait(due),
        }
    }

    /// Everything that waits.
    pub fn drain(&mut self) -> Vec<T> {
        self.batches.drain(..).flat_map(|b| b.tasks).map(|(_, task)| task).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(size: usize, timeout_ms: u64, enqueued: usize) -> Queue<&'static str, u32> {
        Queue::new(BatchingParameters {
            max_batch_size: size,
            batch_timeout_micros: timeout_ms * 1000,
            max_enqueued_batches: enqueued,
            ..BatchingParameters::default()
        })
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_batch_runs_when_it_is_full_or_has_waited() {
        let mut queue = queue(3, 10, 8);
        assert_eq!(queue.next(ms(0)), Next::Empty);
        queue.push(ms(0), "a", 1, 1, |_| true).unwrap();
        assert_eq!(queue.next(ms(5)), Next::Wait(ms(10)));
        queue.push(ms(5), "a", 1, 2, |_| true).unwrap();
        assert_eq!(queue.next(ms(9)), Next::Wait(ms(10)), "the first request's wait counts");
        assert_eq!(queue.next(ms(10)), Next::Run(vec![1, 2]));
        for task in 3..=5 {
            queue.push(ms(20), "a", 1, task, |_| true).unwrap();
        }
        assert_eq!(queue.next(ms(20)), Next::Run(vec![3, 4, 5]));
        assert_eq!(queue.next(ms(20)), Next::Empty);
    }

    #[test]
    fn rows_count_and_not_requests() {
        let mut queue = queue(4, 10, 8);
        queue.push(ms(0), "a", 3, 1, |_| true).unwrap();
        queue.push(ms(0), "a", 2, 2, |_| true).unwrap();
        assert_eq!(queue.next(ms(0)), Next::Run(vec![1]), "what nothing can be added to waits no longer");
        assert_eq!(queue.next(ms(0)), Next::Wait(ms(10)));
    }

    #[test]
    fn only_alike_requests_run_together() {
        let mut queue = queue(2, 10, 8);
        queue.push(ms(0), "a", 1, 1, |_| true).unwrap();
        queue.push(ms(1), "b", 1, 2, |_| true).unwrap();
        queue.push(ms(2), "b", 1, 3, |_| true).unwrap();
        assert_eq!(queue.next(ms(2)), Next::Run(vec![2, 3]));
        assert_eq!(queue.next(ms(10)), Next::Run(vec![1]));
    }

    #[test]
    fn a_full_queue_refuses_unless_somebody_has_left() {
        let mut queue = queue(1, 10, 2);
        queue.push(ms(0), "a", 1, 1, |_| true).unwrap();
        queue.push(ms(0), "a", 1, 2, |_| true).unwrap();
        assert_eq!(queue.push(ms(0), "a", 1, 3, |_| true), Err(Full(3)));
        queue.push(ms(0), "a", 1, 4, |task| *task != 1).unwrap();
        assert_eq!(queue.drain(), [2, 4]);
    }

    #[test]
    fn without_a_timeout_nothing_waits() {
        let mut queue = queue(8, 0, 8);
        queue.push(ms(3), "a", 1, 1, |_| true).unwrap();
        assert_eq!(queue.next(ms(3)), Next::Run(vec![1]));
    }

    #[test]
    fn a_request_larger_than_a_batch_is_one_of_its_own() {
        let mut queue = queue(2, 10, 8);
        queue.push(ms(0), "a", 9, 1, |_| true).unwrap();
        queue.push(ms(0), "a", 1, 2, |_| true).unwrap();
        assert_eq!(queue.next(ms(0)), Next::Run(vec![1]));
    }
}
