//! Threads that run batches of all models, in turns.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cornet_tensor::Array;

use super::merge::{join, rows_of};
use super::queue::{Full, Next, Queue};
use super::{Cancel, Key, Reply};
use crate::config::BatchingParameters;
use crate::manager::{Event, Observer};
use crate::{Handle, Status, StatusCode};

/// A request on its way.
pub(crate) struct Task {
    pub handle: Handle,
    /// The index of the function in the program.
    pub signature: usize,
    pub inputs: Vec<Array>,
    pub rows: usize,
    pub reply: Reply,
    pub cancel: Cancel,
    pub deadline: Option<Instant>,
    pub since: Instant,
}

impl Task {
    fn alive(&self, now: Instant) -> bool {
        !self.cancel.is_cancelled() && self.deadline.is_none_or(|d| d > now)
    }
}

/// The threads, and a queue for each version that is served with batching.
pub(crate) struct Scheduler {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    queues: Mutex<Queues>,
    wake: Condvar,
    epoch: Instant,
    observer: Observer,
}

#[derive(Default)]
struct Queues {
    all: BTreeMap<u64, Queue<Key, Task>>,
    next_id: u64,
    /// The queue that was served last: the search goes on after it, so that no model starves another.
    last: u64,
    closed: bool,
}

impl Scheduler {
    /// Starts so many threads.
    pub fn new(threads: usize, observer: Observer) -> std::io::Result<Self> {
        let (queues, wake, epoch) = (Mutex::default(), Condvar::new(), Instant::now());
        let shared = Arc::new(Shared { queues, wake, epoch, observer });
        let mut scheduler = Self { shared: shared.clone(), threads: Vec::new() };
        for i in 0..threads.max(1) {
            let shared = shared.clone();
            let thread = std::thread::Builder::new().name(format!("batch-{i}")).spawn(move || shared.work())?;
            scheduler.threads.push(thread);
        }
        Ok(scheduler)
    }

    /// A new queue's number.
    pub fn add(&self, parameters: &BatchingParameters) -> u64 {
        let mut queues = self.shared.lock();
        queues.next_id += 1;
        let id = queues.next_id;
        queues.all.insert(id, Queue::new(parameters.clone()));
        id
    }

    /// Ends a queue. What waits in it keeps its version alive, so nothing waits when the version goes.
    pub fn remove(&self, id: u64) {
        let left = self.shared.lock().all.remove(&id);
        left.into_iter().flat_map(|mut q| q.drain()).for_each(|t| refuse(t, StatusCode::Unavailable, "unloaded"));
    }

    /// Enters a request.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` at once when the queue is full.
    pub fn submit(&self, id: u64, key: Key, task: Task) -> Result<(), Status> {
        let now = Instant::now();
        let mut queues = self.shared.lock();
        let Some(queue) = queues.all.get_mut(&id) else {
            return Err(Status::new(StatusCode::Unavailable, "The model is being unloaded"));
        };
        let rows = task.rows;
        let entered = queue.push(now - self.shared.epoch, key, rows, task, |t| t.alive(now));
        drop(queues);
        match entered {
            Ok(()) => {
                self.shared.wake.notify_one();
                Ok(())
            }
            Err(Full(_)) => Err(Status::new(
                StatusCode::ResourceExhausted,
                "The batch scheduling queue to which this task was submitted is full",
            )),
        }
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_all();
        let own = std::thread::current().id();
        self.threads.drain(..).filter(|t| t.thread().id() != own).for_each(|t| drop(t.join()));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut queues = self.lock();
        loop {
            match queues.next(self.epoch.elapsed()) {
                Next::Run(tasks) => {
                    drop(queues);
                    self.run(tasks);
                    queues = self.lock();
                }
                _ if queues.closed => return,
                Next::Wait(until) => {
                    let pause = until.saturating_sub(self.epoch.elapsed());
                    queues = self.wake.wait_timeout(queues, pause).unwrap_or_else(PoisonError::into_inner).0;
                }
                Next::Empty => queues = self.wake.wait(queues).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn run(&self, tasks: Vec<Task>) {
        let now = Instant::now();
        let (alive, dead): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|t| t.alive(now));
        for task in dead {
            let code = if task.cancel.is_cancelled() { StatusCode::Cancelled } else { StatusCode::DeadlineExceeded };
            refuse(task, code, "the request was given up before it ran");
        }
        let Some(first) = alive.first() else { return };
        let rows: usize = alive.iter().map(|t| t.rows).sum();
        let parameters = first.handle.batching().cloned().unwrap_or_default();
        let padded = parameters.padded(rows);
        let queued: Vec<Duration> = alive.iter().map(|t| now.saturating_duration_since(t.since)).collect();
        let model = first.handle.name().to_owned();
        (self.observer)(&Event::Batch { model: &model, rows, padding: padded - rows, queued: &queued });
        match together(&alive, rows, &parameters) {
            Ok(outputs) => alive.into_iter().zip(outputs).for_each(|(task, outputs)| (task.reply)(Ok(outputs))),
            Err(error) if alive.len() == 1 => alive.into_iter().for_each(|t| (t.reply)(Err(error.clone()))),
            // One request may have spoilt it for the others: each alone.
            Err(_) => alive.into_iter().for_each(|task| {
                let alone = together(std::slice::from_ref(&task), task.rows, &parameters);
                (task.reply)(alone.map(|mut o| o.pop().unwrap_or_default()));
            }),
        }
    }
}

impl Queues {
    /// The next batch of the queues in turn, or the earliest moment at which there is one.
    fn next(&mut self, now: Duration) -> Next<Task> {
        let now = if self.closed { Duration::MAX } else { now };
        let order: Vec<u64> =
            self.all.range(self.last + 1..).chain(self.all.range(..=self.last)).map(|q| *q.0).collect();
        let mut earliest: Option<Duration> = None;
        for id in order {
            match self.all.get_mut(&id).map_or(Next::Empty, |q| q.next(now)) {
                Next::Run(tasks) => {
                    self.last = id;
                    return Next::Run(tasks);
                }
                Next::Wait(until) => earliest = Some(earliest.map_or(until, |e| e.min(until))),
                Next::Empty => {}
            }
        }
        earliest.map_or(Next::Empty, Next::Wait)
    }
}

fn refuse(task: Task, code: StatusCode, why: &str) {
    (task.reply)(Err(Status::new(code, why)));
}

/// Runs requests as one, in parts where that is more than may run at once; outputs of each.
fn together(tasks: &[Task], rows: usize, parameters: &BatchingParameters) -> Result<Vec<Vec<Array>>, Status> {
    let Some(first) = tasks.first() else { return Ok(Vec::new()) };
    let run = |inputs: &[Array]| {
        let run = || first.handle.run_at(first.signature, inputs);
        catch_unwind(AssertUnwindSafe(run))
            .unwrap_or_else(|_| Err(Status::new(StatusCode::Internal, "the model's program panicked")))
    };
    let column = |i: usize, rows: usize| join(&tasks.iter().map(|t| &t.inputs[i]).collect::<Vec<_>>(), rows);
    let largest = parameters.execution_limit();
    let outputs = if rows <= largest {
        let inputs: Vec<Array> =
            (0..first.inputs.len()).map(|i| column(i, parameters.padded(rows))).collect::<Result<_, _>>()?;
        whole(run(&inputs)?, parameters.padded(rows))?
    } else {
        let inputs: Vec<Array> = (0..first.inputs.len()).map(|i| column(i, rows)).collect::<Result<_, _>>()?;
        let mut parts: Vec<Vec<Array>> = Vec::new();
        for from in (0..rows).step_by(largest) {
            let count = largest.min(rows - from);
            let part = inputs.iter().map(|a| rows_of(a, from, count)).collect::<Result<Vec<_>, _>>()?;
            let filled = part.iter().map(|a| join(&[a], parameters.padded(count))).collect::<Result<Vec<_>, _>>()?;
            let outputs = whole(run(&filled)?, parameters.padded(count))?;
            parts.push(outputs.iter().map(|o| rows_of(o, 0, count)).collect::<Result<_, _>>()?);
        }
        let count = parts.first().map_or(0, Vec::len);
        (0..count)
            .map(|i| join(&parts.iter().filter_map(|p| p.get(i)).collect::<Vec<_>>(), rows))
            .collect::<Result<_, _>>()?
    };
    let mut from = 0;
    let mut apart = Vec::with_capacity(tasks.len());
    for task in tasks {
        let rows = |o: &Array| rows_of(o, from, task.rows);
        apart.push(outputs.iter().map(rows).collect::<Result<_, _>>()?);
        from += task.rows;
    }
    Ok(apart)
}

/// Outputs that have a row for each row that went in.
fn whole(outputs: Vec<Array>, rows: usize) -> Result<Vec<Array>, Status> {
    if outputs.iter().all(|o| o.shape().as_slice().first() == Some(&rows)) {
        return Ok(outputs);
    }
    let why =
        "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors";
    Err(Status::new(StatusCode::FailedPrecondition, why))
}
