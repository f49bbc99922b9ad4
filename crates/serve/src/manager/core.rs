//! The state of all models, and what to do next: no threads, no clock, no files.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use cornet_error::{Error, Limits};

use super::{Options, Routes};
use crate::config::ModelConfig;
use crate::{Action, Found, Handle, Snapshot, State, Status, StatusCode, VersionStatus, next_action};

/// Ended versions that are remembered a model, for reports.
const REMEMBERED: usize = 64;

/// Where requests of a model go.
#[derive(Clone, Default)]
pub(crate) struct Route {
    pub versions: BTreeMap<i64, Handle>,
    pub labels: BTreeMap<String, i64>,
}

/// Work for the threads.
pub(crate) enum Job {
    Load { model: ModelConfig, version: i64, path: PathBuf },
    Unload { model: String, version: i64, handle: Handle },
}

pub(crate) struct Core {
    models: BTreeMap<String, Model>,
    max_load_retries: u32,
    retry_interval: Duration,
    memory_limit: Option<u64>,
    labels_for_unavailable: bool,
}

struct Model {
    config: ModelConfig,
    /// False once it is no longer configured.
    configured: bool,
    enabled: bool,
    /// Whether its base path was looked at.
    scanned: bool,
    found: Vec<Found>,
    versions: BTreeMap<i64, Version>,
}

struct Version {
    found: Found,
    phase: Phase,
    error: Option<Status>,
    attempts: u32,
    bytes: u64,
}

enum Phase {
    New,
    Loading,
    /// Failed, and to be tried again then.
    Retry(Duration),
    Ready(Handle),
    Unloading,
    End,
}

impl Version {
    fn new(found: Found) -> Self {
        Self { found, phase: Phase::New, error: None, attempts: 0, bytes: 0 }
    }

    fn state(&self) -> State {
        match self.phase {
            Phase::New => State::Start,
            Phase::Loading | Phase::Retry(_) => State::Loading,
            Phase::Ready(_) => State::Available,
            Phase::Unloading => State::Unloading,
            Phase::End => State::End,
        }
    }
}

impl Core {
    pub fn new(options: &Options) -> Self {
        Self {
            models: BTreeMap::new(),
            max_load_retries: options.max_load_retries,
            retry_interval: options.retry_interval,
            memory_limit: options.memory_limit,
            labels_for_unavailable: options.labels_for_unavailable,
        }
    }

    pub fn set_models(&mut self, models: Vec<ModelConfig>) -> Result<(), Status> {
        for config in &models {
            self.check_labels(config)?;
        }
        self.models.values_mut().for_each(|m| m.configured = false);
        for config in models {
            match self.models.get_mut(&config.name) {
                Some(model) => {
                    if model.config.base_path != config.base_path {
                        (model.scanned, model.found) = (false, Vec::new());
                    }
                    (model.config, model.configured) = (config, true);
                }
                None => {
                    let (found, versions) = (Vec::new(), BTreeMap::new());
                    let name = config.name.clone();
                    let model = Model { config, configured: true, enabled: true, scanned: false, found, versions };
                    self.models.insert(name, model);
                }
            }
        }
        let names: Vec<String> = self.models.keys().cloned().collect();
        names.iter().for_each(|name| self.refresh(name));
        Ok(())
    }

    /// A label of a model that serves already may only point at a version that serves.
    fn check_labels(&self, config: &ModelConfig) -> Result<(), Status> {
        let Some(model) = self.models.get(&config.name).filter(|m| m.configured) else { return Ok(()) };
        for (label, version) in &config.version_labels {
            let old = model.config.version_labels.get(label);
            let ready = matches!(model.versions.get(version).map(|v| &v.phase), Some(Phase::Ready(_)));
            if old != Some(version) && !ready && !(self.labels_for_unavailable && old.is_none()) {
                let message = format!(
                    "Request to assign label to version {version} of model {}, which is not currently available for \
                     inference",
                    config.name
                );
                return Err(Status::new(StatusCode::FailedPrecondition, message));
            }
        }
        Ok(())
    }

    pub fn set_enabled(&mut self, name: &str, enabled: bool) -> Result<(), Status> {
        let found = self.models.get_mut(name).filter(|m| m.configured);
        let missing = || Status::new(StatusCode::NotFound, format!("Could not find any versions of model {name}"));
        found.ok_or_else(missing)?.enabled = enabled;
        self.refresh(name);
        Ok(())
    }

    /// The configured models and their places.
    pub fn places(&self) -> Vec<(String, PathBuf)> {
        let configured = self.models.iter().filter(|(_, m)| m.configured);
        configured.map(|(name, m)| (name.clone(), m.config.base_path.clone())).collect()
    }

    /// Takes what a look at a base path has found. After an error what was found before counts.
    pub fn observe(&mut self, name: &str, found: Result<Vec<Found>, Error>) -> Option<Status> {
        let model = self.models.get_mut(name)?;
        let failed = match found {
            Ok(found) => {
                model.found = found;
                None
            }
            Err(error) => Some(Status::from(error)),
        };
        model.scanned = true;
        self.refresh(name);
        failed
    }

    /// Enters versions that are wanted and unknown, and gives up failed ones that nobody wants.
    fn refresh(&mut self, name: &str) {
        let Some(model) = self.models.get_mut(name) else { return };
        let wanted = model.wanted();
        for found in model.found.iter().filter(|f| wanted.contains(&f.version)) {
            let known = model.versions.get(&found.version);
            let again = known.is_none_or(|v| match v.phase {
                // Given up: only another file is worth another try. Let go and wanted again: so too.
                Phase::End => v.error.is_none() || v.found != *found,
                Phase::Retry(_) => v.found != *found,
                _ => false,
            });
            if again {
                model.versions.insert(found.version, Version::new(found.clone()));
            }
        }
        for (version, state) in &mut model.versions {
            if !wanted.contains(version) && matches!(state.phase, Phase::New | Phase::Retry(_)) {
                state.phase = Phase::End;
            }
        }
        let ended = model.versions.iter().filter(|(_, v)| matches!(v.phase, Phase::End)).map(|(n, _)| *n);
        let ended: Vec<i64> = ended.collect();
        for old in &ended[..ended.len().saturating_sub(REMEMBERED)] {
            model.versions.remove(old);
        }
    }

    /// What is to be done now, and when to ask again if nothing happens before.
    pub fn step(&mut self, now: Duration) -> (Vec<Job>, Option<Duration>) {
        let mut jobs = Vec::new();
        let mut again: Option<Duration> = None;
        for (name, model) in &mut self.models {
            while let Some(action) = next_action(&model.snapshots(now)) {
                match action {
                    Action::Load(number) => {
                        let Some(version) = model.versions.get_mut(&number) else { break };
                        version.phase = Phase::Loading;
                        version.attempts += 1;
                        let path = version.found.path.clone();
                        jobs.push(Job::Load { model: model.config.clone(), version: number, path });
                    }
                    Action::Unload(number) => {
                        let Some(version) = model.versions.get_mut(&number) else { break };
                        if let Phase::Ready(handle) = std::mem::replace(&mut version.phase, Phase::Unloading) {
                            jobs.push(Job::Unload { model: name.clone(), version: number, handle });
                        }
                    }
                }
            }
            for version in model.versions.values() {
                if let Phase::Retry(at) = version.phase {
                    again = Some(again.map_or(at, |a| a.min(at)));
                }
            }
        }
        (jobs, again)
    }

    /// Sets memory aside for a load.
    pub fn reserve(&mut self, name: &str, number: i64, bytes: u64) -> Result<(), Error> {
        if let Some(limit) = self.memory_limit {
            let used = self.memory_bytes();
            Limits::check(
                &format!("bytes of memory for all models, of which {used} are in use"),
                used.saturating_add(bytes),
                limit,
            )?;
        }
        if let Some(version) = self.version(name, number) {
            version.bytes = bytes;
        }
        Ok(())
    }

    /// A load has ended. Says when it is tried again, if it is.
    pub fn loaded(
        &mut self,
        now: Duration,
        name: &str,
        number: i64,
        outcome: Result<Handle, Status>,
    ) -> Option<Duration> {
        let (retries, interval) = (self.max_load_retries, self.retry_interval);
        let version = self.version(name, number)?;
        let mut retry = None;
        match outcome {
            Ok(handle) => {
                version.bytes = handle.weight_bytes();
                (version.error, version.attempts) = (None, 0);
                version.phase = Phase::Ready(handle);
            }
            Err(error) => {
                (version.error, version.bytes) = (Some(error), 0);
                if version.attempts <= retries {
                    version.phase = Phase::Retry(now + interval);
                    retry = Some(interval);
                } else {
                    version.phase = Phase::End;
                }
            }
        }
        self.refresh(name);
        retry
    }

    /// A version is out of memory.
    pub fn unloaded(&mut self, name: &str, number: i64) {
        if let Some(version) = self.version(name, number) {
            (version.phase, version.bytes, version.attempts) = (Phase::End, 0, 0);
        }
        self.refresh(name);
    }

    fn version(&mut self, name: &str, number: i64) -> Option<&mut Version> {
        self.models.get_mut(name)?.versions.get_mut(&number)
    }

    pub fn routes(&self) -> Routes {
        let mut routes = HashMap::new();
        for (name, model) in &self.models {
            let ready = model.versions.iter().filter_map(|(n, v)| match &v.phase {
                Phase::Ready(handle) => Some((*n, handle.clone())),
                _ => None,
            });
            let route = Route { versions: ready.collect(), labels: model.config.version_labels.clone() };
            if model.configured || !route.versions.is_empty() {
                routes.insert(name.clone(), route);
            }
        }
        routes
    }

    pub fn status(&self, name: &str) -> Vec<VersionStatus> {
        let versions = self.models.get(name).into_iter().flat_map(|m| m.versions.iter().rev());
        versions.map(|(n, v)| VersionStatus { version: *n, state: v.state(), error: v.error.clone() }).collect()
    }

    pub fn names(&self) -> Vec<String> {
        self.models.iter().filter(|(_, m)| m.configured).map(|(name, _)| name.clone()).collect()
    }

    pub fn memory_bytes(&self) -> u64 {
        self.models.values().flat_map(|m| m.versions.values()).map(|v| v.bytes).sum()
    }

    /// Whether every model that is wanted serves a version.
    pub fn is_ready(&self) -> bool {
        let mut wanted = self.models.values().filter(|m| m.configured && m.enabled);
        wanted.all(|m| m.versions.values().any(|v| matches!(v.phase, Phase::Ready(_))))
    }

    /// Whether waiting longer changes nothing unless something new is found.
    pub fn is_settled(&self) -> bool {
        let wanted = self.models.values().filter(|m| m.configured && m.enabled);
        wanted.into_iter().all(|m| {
            let done = |v: &Version| matches!(v.phase, Phase::Ready(_) | Phase::End);
            m.scanned && !m.found.is_empty() && m.wanted().iter().all(|n| m.versions.get(n).is_some_and(done))
        })
    }

    /// Lets go of everything.
    pub fn clear(&mut self) {
        self.models.clear();
    }
}

impl Model {
    fn wanted(&self) -> Vec<i64> {
        if !(self.configured && self.enabled) {
            return Vec::new();
        }
        self.config.version_policy.wanted(&self.found.iter().map(|f| f.version).collect::<Vec<_>>())
    }

    fn snapshots(&self, now: Duration) -> Vec<Snapshot> {
        let wanted = self.wanted();
        let snapshot = |(number, version): (&i64, &Version)| Snapshot {
            version: *number,
            wanted: wanted.contains(number),
            ready: matches!(version.phase, Phase::Ready(_)),
            new: match version.phase {
                Phase::New => true,
                Phase::Retry(at) => at <= now,
                _ => false,
            },
        };
        self.versions.iter().map(snapshot).collect()
    }
}
