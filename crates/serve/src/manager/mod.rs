//! Brings versions in and lets them go.

mod core;
mod threads;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::core::Route;
use self::threads::Shared;
use crate::config::{BatchingParameters, ModelConfig};
use crate::{Handle, Loader, Status, StatusCode, VersionStatus};

/// What happens, for logs and metrics. Called on the manager's and the scheduler's threads.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A version serves.
    Loaded {
        /// The model.
        model: &'a str,
        /// The version.
        version: i64,
        /// How long it took, warm-up and all.
        took: Duration,
        /// How long the warm-up took.
        warmup: Duration,
        /// The bytes of its weights.
        bytes: u64,
    },
    /// A load failed.
    LoadFailed {
        /// The model.
        model: &'a str,
        /// The version.
        version: i64,
        /// Why.
        error: &'a Status,
        /// When it is tried again, if it is.
        retry_in: Option<Duration>,
    },
    /// A version is out of memory.
    Unloaded {
        /// The model.
        model: &'a str,
        /// The version.
        version: i64,
    },
    /// A base path cannot be read; what serves goes on serving.
    SourceFailed {
        /// The model.
        model: &'a str,
        /// Why.
        error: &'a Status,
    },
    /// A batch begins to run.
    Batch {
        /// The model.
        model: &'a str,
        /// Rows of requests.
        rows: usize,
        /// Rows that were added to reach an allowed size.
        padding: usize,
        /// How long each request has waited.
        queued: &'a [Duration],
    },
}

/// Takes events.
pub type Observer = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// How the manager works. The defaults are those of TensorFlow Serving.
#[derive(Clone)]
pub struct Options {
    /// Time between two looks at the base paths; `None`: one look at the start.
    pub poll: Option<Duration>,
    /// How often a failed load is tried again.
    pub max_load_retries: u32,
    /// Time between two tries.
    pub retry_interval: Duration,
    /// Threads that load.
    pub load_threads: usize,
    /// Threads that unload.
    pub unload_threads: usize,
    /// Bytes that all models together may take, as estimated before each load; `None` for no limit.
    pub memory_limit: Option<u64>,
    /// Batching of every model that has none of its own.
    pub batching: Option<BatchingParameters>,
    /// Whether a file `batching_params.pbtxt` beside a model counts before `batching`.
    pub per_model_batching: bool,
    /// Whether each version runs once on zeros before it serves.
    pub warmup: bool,
    /// Whether a new label may name a version that does not serve yet.
    pub labels_for_unavailable: bool,
    /// Takes events.
    pub observer: Observer,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            poll: Some(Duration::from_secs(1)),
            max_load_retries: 5,
            retry_interval: Duration::from_secs(60),
            load_threads: 1,
            unload_threads: 1,
            memory_limit: None,
            batching: None,
            per_model_batching: false,
            warmup: true,
            labels_for_unavailable: false,
            observer: Arc::new(|_| {}),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("poll", &self.poll)
            .field("max_load_retries", &self.max_load_retries)
            .field("memory_limit", &self.memory_limit)
            .field("batching", &self.batching)
            .finish_non_exhaustive()
    }
}

/// Which version a request means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Select {
    /// The highest that serves.
    Latest,
    /// This one.
    Version(i64),
    /// The one with this label.
    Label(String),
}

type Routes = HashMap<String, Route>;

/// The models of a server.
///
/// Loading happens on threads of its own. A new version serves before the old one goes; a version that requests still
/// use stays in memory until they are done. When this is dropped, its threads end and the models go.
pub struct Manager {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Manager {
    /// Starts; nothing is loaded yet.
    ///
    /// # Errors
    /// `Internal` when the system gives no threads.
    pub fn new(loader: impl Loader + 'static, options: Options) -> Result<Self, Status> {
        let shared = Arc::new(Shared::new(Box::new(loader), options));
        let threads = Mutex::new(Shared::start(&shared).map_err(|e| {
            Status::new(StatusCode::Internal, format!("cannot start the threads that load models: {e}"))
        })?);
        Ok(Self { shared, threads })
    }

    /// Serves these models and no others. Returns at once; loading begins.
    ///
    /// # Errors
    /// `FAILED_PRECONDITION` if a label is to move to a version that does not serve; nothing is changed then.
    pub fn set_models(&self, models: Vec<ModelConfig>) -> Result<(), Status> {
        self.shared.change(|core| core.set_models(models))
    }

    /// Loads a model that was set aside, or sets one aside: it stays configured, but no version of it is served.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub fn set_enabled(&self, name: &str, enabled: bool) -> Result<(), Status> {
        self.shared.change(|core| core.set_enabled(name, enabled))
    }

    /// A version to use.
    ///
    /// # Errors
    /// `NOT_FOUND` if no such version serves; `INVALID_ARGUMENT` for an unknown label.
    pub fn get(&self, name: &str, select: &Select) -> Result<Handle, Status> {
        let routes = self.shared.routes();
        let route = routes.get(name);
        let missing =
            |what: String| Status::new(StatusCode::NotFound, format!("Servable not found for request: {what}"));
        let version = match select {
            Select::Latest => {
                let latest = route.and_then(|r| r.versions.last_key_value());
                return latest.map(|(_, h)| h.clone()).ok_or_else(|| missing(format!("Latest({name})")));
            }
            Select::Version(version) => *version,
            Select::Label(label) => *route
                .and_then(|r| r.labels.get(label))
                .ok_or_else(|| Status::invalid(format!("Unrecognized servable version label: {label}")))?,
        };
        let handle = route.and_then(|r| r.versions.get(&version)).cloned();
        handle.ok_or_else(|| missing(format!("Specific({name}, {version})")))
    }

    /// Every version of a model that was known, or one, the highest first.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub fn status(&self, name: &str, version: Option<i64>) -> Result<Vec<VersionStatus>, Status> {
        let mut all = self.shared.lock().core.status(name);
        if let Some(version) = version {
            all.retain(|v| v.version == version);
        }
        if all.is_empty() {
            let message = match version {
                Some(version) => format!("Could not find version {version} of model {name}"),
                None => format!("Could not find any versions of model {name}"),
            };
            return Err(Status::new(StatusCode::NotFound, message));
        }
        Ok(all)
    }

    /// The names of all configured models.
    pub fn names(&self) -> Vec<String> {
        self.shared.lock().core.names()
    }

    /// Whether every configured model serves.
    pub fn is_ready(&self) -> bool {
        self.shared.lock().core.is_ready()
    }

    /// Waits until every configured model serves or has failed for good, or for so long. Says whether all serve.
    pub fn wait(&self, at_most: Duration) -> bool {
        let end = Instant::now() + at_most;
        let mut inner = self.shared.lock();
        while !inner.core.is_settled() && Instant::now() < end {
            let left = end.saturating_duration_since(Instant::now());
            inner = self.shared.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        inner.core.is_ready()
    }

    /// The bytes that the models in memory, and those being loaded, take.
    pub fn memory_bytes(&self) -> u64 {
        self.shared.lock().core.memory_bytes()
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.shared.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        threads.into_iter().for_each(|t| drop(t.join()));
        self.shared.forget();
    }
}

/// A lock whose holder never panics half-way through a change.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Shelf = RwLock<Arc<Routes>>;

#[cfg(test)]
mod tests;
