//! Requests of several callers run together.

mod merge;
mod queue;
mod scheduler;

pub(crate) use merge::{Key, key_of};
pub(crate) use scheduler::{Scheduler, Task};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cornet_tensor::Array;

use crate::Status;

/// Where the outputs of a request go, once. It is called on a thread of the scheduler and should return at once.
pub type Reply = Box<dyn FnOnce(Result<Vec<Array>, Status>) + Send>;

/// A request's fate in its caller's hand: what was cancelled before it ran does not run.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Nobody waits for the outputs any more.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether that was said.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
