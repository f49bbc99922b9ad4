//! The threads around the state: one looks and decides, others load and unload.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use cornet_error::{Error, Limits};

use super::core::{Core, Job};
use super::{Event, Options, Routes, Shelf, locked};
use crate::batching::Scheduler;
use crate::config::{BatchingParameters, ModelConfig};
use crate::{Handle, Loader, Servable, Source, Status, StatusCode, model_in};

/// How often a version that is to go is asked whether requests still use it.
const DRAIN_POLL: Duration = Duration::from_millis(2);
/// The longest text of batching parameters beside a model.
const PARAMETERS_BYTES: u64 = 1 << 20;

pub(super) struct Shared {
    inner: Mutex<Inner>,
    /// Something has changed: the state, the jobs, or that it is over.
    pub changed: Condvar,
    shelf: Shelf,
    loader: Box<dyn Loader>,
    options: Options,
    scheduler: Mutex<Option<Arc<Scheduler>>>,
    epoch: Instant,
}

pub(super) struct Inner {
    pub core: Core,
    loads: VecDeque<Job>,
    unloads: VecDeque<Job>,
    closed: bool,
    /// Whether the configuration has changed since the last look.
    look: bool,
}

impl Shared {
    pub fn new(loader: Box<dyn Loader>, options: Options) -> Self {
        let core = Core::new(&options);
        let inner = Inner { core, loads: VecDeque::new(), unloads: VecDeque::new(), closed: false, look: true };
        Self {
            inner: Mutex::new(inner),
            changed: Condvar::new(),
            shelf: Shelf::default(),
            loader,
            options,
            scheduler: Mutex::new(None),
            epoch: Instant::now(),
        }
    }

    pub fn start(shared: &Arc<Self>) -> std::io::Result<Vec<JoinHandle<()>>> {
        let mut threads = Vec::new();
        let mut spawn = |name: String, work: fn(&Self)| {
            let own = shared.clone();
            let thread = Builder::new().name(name).spawn(move || work(&own));
            thread.map(|t| threads.push(t)).inspect_err(|_| shared.close())
        };
        spawn("models".into(), Self::watch)?;
        for i in 0..shared.options.load_threads.max(1) {
            spawn(format!("load-{i}"), |s| s.work(|inner| &mut inner.loads))?;
        }
        for i in 0..shared.options.unload_threads.max(1) {
            spawn(format!("unload-{i}"), |s| s.work(|inner| &mut inner.unloads))?;
        }
        Ok(threads)
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        locked(&self.inner)
    }

    pub fn routes(&self) -> Arc<Routes> {
        self.shelf.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the state and lets the threads know.
    pub fn change<T>(&self, change: impl FnOnce(&mut Core) -> T) -> T {
        let mut inner = self.lock();
        let result = change(&mut inner.core);
        inner.look = true;
        self.publish(&inner);
        self.changed.notify_all();
        result
    }

    fn publish(&self, inner: &Inner) {
        let routes = Arc::new(inner.core.routes());
        let old = std::mem::replace(&mut *self.shelf.write().unwrap_or_else(PoisonError::into_inner), routes);
        drop(old);
    }

    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Lets go of every model.
    pub fn forget(&self) {
        let mut inner = self.lock();
        inner.core.clear();
        inner.loads.clear();
        inner.unloads.clear();
        self.publish(&inner);
        drop(inner);
        *locked(&self.scheduler) = None;
    }

    /// Looks at the base paths when it is time, and decides whenever something has changed.
    fn watch(&self) {
        let mut sources: HashMap<String, Source> = HashMap::new();
        let mut next_look = Duration::ZERO;
        loop {
            let mut inner = self.lock();
            if inner.closed {
                return;
            }
            let now = self.epoch.elapsed();
            if inner.look || now >= next_look {
                inner.look = false;
                let places = inner.core.places();
                drop(inner);
                self.look(places, &mut sources);
                next_look = self.options.poll.map_or(Duration::MAX, |p| self.epoch.elapsed() + p);
                inner = self.lock();
            }
            let (jobs, again) = inner.core.step(self.epoch.elapsed());
            if !jobs.is_empty() {
                for job in jobs {
                    if matches!(job, Job::Load { .. }) { &mut inner.loads } else { &mut inner.unloads }.push_back(job);
                }
                self.publish(&inner);
                self.changed.notify_all();
            }
            if inner.look || inner.closed {
                continue;
            }
            let until = again.map_or(next_look, |a| a.min(next_look));
            let pause = until.saturating_sub(self.epoch.elapsed()).min(Duration::from_secs(3600));
            drop(self.changed.wait_timeout(inner, pause));
        }
    }

    fn look(&self, places: Vec<(String, std::path::PathBuf)>, sources: &mut HashMap<String, Source>) {
        sources.retain(|name, source| places.iter().any(|(n, p)| n == name && p == source.base()));
        for (name, place) in places {
            let source = sources.entry(name.clone()).or_insert_with(|| Source::new(place));
            let found = source.scan(&*self.loader);
            let failed = self.lock().core.observe(&name, found);
            if let Some(error) = failed {
                (self.options.observer)(&Event::SourceFailed { model: &name, error: &error });
            }
        }
        self.changed.notify_all();
    }

    /// Does jobs of one kind.
    fn work(&self, jobs: fn(&mut Inner) -> &mut VecDeque<Job>) {
        loop {
            let mut inner = self.lock();
            let job = loop {
                if inner.closed {
                    return;
                }
                match jobs(&mut inner).pop_front() {
                    Some(job) => break job,
                    None => inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner),
                }
            };
            drop(inner);
            match job {
                Job::Load { model, version, path } => self.load(&model, version, &path),
                Job::Unload { model, version, handle } => self.unload(&model, version, handle),
            }
        }
    }

    fn load(&self, model: &ModelConfig, version: i64, path: &Path) {
        let start = Instant::now();
        let open = || self.open(model, version, path);
        let outcome = catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|_| {
            Err(Status::new(StatusCode::Internal, "the reader of this model panicked: a bug to report"))
        });
        let failure = outcome.as_ref().err().cloned();
        let done = outcome.as_ref().ok().map(|(handle, warmup)| (handle.weight_bytes(), *warmup));
        let now = self.epoch.elapsed();
        let mut inner = self.lock();
        let retry_in = inner.core.loaded(now, &model.name, version, outcome.map(|(handle, _)| handle));
        self.publish(&inner);
        drop(inner);
        let name = &model.name;
        if let Some((bytes, warmup)) = done {
            (self.options.observer)(&Event::Loaded { model: name, version, took: start.elapsed(), warmup, bytes });
        } else if let Some(error) = &failure {
            (self.options.observer)(&Event::LoadFailed { model: name, version, error, retry_in });
        }
        self.changed.notify_all();
    }

    fn open(&self, model: &ModelConfig, version: i64, path: &Path) -> Result<(Handle, Duration), Status> {
        let file = model_in(path, &*self.loader)?;
        let bytes = self.loader.estimate(&file)?;
        self.lock().core.reserve(&model.name, version, bytes)?;
        let batching = self.batching(model, path)?;
        let program = self.loader.load(&file)?;
        let batching = batching.map(|p| self.scheduler().map(|s| (p, s))).transpose()?;
        let servable = Servable::new(&model.name, version, program, batching);
        let start = Instant::now();
        if self.options.warmup {
            servable.warm();
        }
        Ok((Handle(Arc::new(servable)), start.elapsed()))
    }

    fn batching(&self, model: &ModelConfig, path: &Path) -> Result<Option<BatchingParameters>, Status> {
        let file = path.join("batching_params.pbtxt");
        if self.options.batching.is_some() && self.options.per_model_batching && file.is_file() {
            let bytes = std::fs::metadata(&file).map_or(0, |m| m.len());
            Limits::check("bytes of batching_params.pbtxt", bytes, PARAMETERS_BYTES)?;
            let text = std::fs::read_to_string(&file).map_err(|e| Error::io("read", &file, &e))?;
            return Ok(Some(BatchingParameters::from_text(&text, &Limits::default())?));
        }
        Ok(model.batching.clone().or_else(|| self.options.batching.clone()))
    }

    /// The threads that run batches, started when the first model needs them.
    fn scheduler(&self) -> Result<Arc<Scheduler>, Status> {
        let mut slot = locked(&self.scheduler);
        if let Some(scheduler) = &*slot {
            return Ok(scheduler.clone());
        }
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.options.batching.as_ref().map_or(0, |b| b.num_batch_threads);
        let threads = if threads == 0 { cores() } else { threads };
        let scheduler = Scheduler::new(threads, self.options.observer.clone());
        let scheduler =
            scheduler.map_err(|e| Status::new(StatusCode::Internal, format!("no threads for batches: {e}")))?;
        Ok(slot.insert(Arc::new(scheduler)).clone())
    }

    /// Waits for the requests that use a version, then drops it here, where nobody waits for the memory to be freed.
    fn unload(&self, model: &str, version: i64, handle: Handle) {
        while Arc::strong_count(&handle.0) > 1 {
            if self.lock().closed {
                return;
            }
            std::thread::sleep(DRAIN_POLL);
        }
        drop(handle);
        self.lock().core.unloaded(model, version);
        (self.options.observer)(&Event::Unloaded { model, version });
        self.changed.notify_all();
    }
}
