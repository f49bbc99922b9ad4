use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::core::{Core, Job};
use super::*;
use crate::servable::tests::{Doubler, Fake};
use crate::{Found, Servable, State, VersionPolicy};

fn config(name: &str, base: impl Into<PathBuf>) -> ModelConfig {
    ModelConfig { name: name.into(), base_path: base.into(), ..ModelConfig::default() }
}

fn found(versions: &[i64]) -> Result<Vec<Found>, cornet_error::Error> {
    let one = |v: &i64| Found { version: *v, path: format!("/m/{v}").into(), stamp: None };
    Ok(versions.iter().map(one).collect())
}

fn handle(version: i64) -> Handle {
    let program = Box::new(Doubler::new(Arc::default(), Duration::ZERO));
    Handle(Arc::new(Servable::new("m", version, program, None)))
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// `load 2`, `unload 1`.
fn words(jobs: &[Job]) -> Vec<String> {
    let word = |job: &Job| match job {
        Job::Load { version, .. } => format!("load {version}"),
        Job::Unload { version, .. } => format!("unload {version}"),
    };
    jobs.iter().map(word).collect()
}

fn states(core: &Core) -> Vec<(i64, State)> {
    core.status("m").iter().map(|v| (v.version, v.state)).collect()
}

fn core(options: &Options) -> Core {
    let mut core = Core::new(options);
    core.set_models(vec![config("m", "/m")]).unwrap();
    core
}

#[test]
fn a_version_goes_through_its_states() {
    let mut core = core(&Options::default());
    assert!(!core.is_ready() && !core.is_settled());
    core.observe("m", found(&[1]));
    assert_eq!(states(&core), [(1, State::Start)]);
    assert_eq!(words(&core.step(secs(0)).0), ["load 1"]);
    assert_eq!(states(&core), [(1, State::Loading)]);
    core.loaded(secs(1), "m", 1, Ok(handle(1)));
    assert_eq!(states(&core), [(1, State::Available)]);
    assert!(core.is_ready() && core.is_settled());
    core.observe("m", found(&[1, 2]));
    assert_eq!(words(&core.step(secs(2)).0), ["load 2"]);
    assert_eq!(core.routes()["m"].versions.len(), 1, "1 serves while 2 is loading");
    core.loaded(secs(3), "m", 2, Ok(handle(2)));
    assert_eq!(core.routes()["m"].versions.len(), 2);
    assert_eq!(words(&core.step(secs(3)).0), ["unload 1"]);
    assert_eq!(states(&core), [(2, State::Available), (1, State::Unloading)]);
    core.unloaded("m", 1);
    assert_eq!(states(&core), [(2, State::Available), (1, State::End)]);
}

#[test]
fn a_failed_load_is_tried_again_and_the_old_version_serves_on() {
    let options = Options { max_load_retries: 1, retry_interval: secs(60), ..Options::default() };
    let mut core = core(&options);
    core.observe("m", found(&[1]));
    core.step(secs(0));
    core.loaded(secs(0), "m", 1, Ok(handle(1)));
    core.observe("m", found(&[1, 2]));
    assert_eq!(words(&core.step(secs(1)).0), ["load 2"]);
    let broken = || Err(Status::new(StatusCode::DataLoss, "broken"));
    assert_eq!(core.loaded(secs(2), "m", 2, broken()), Some(secs(60)));
    assert_eq!(states(&core)[0], (2, State::Loading));
    let (jobs, again) = core.step(secs(3));
    assert_eq!((words(&jobs), again), (vec![], Some(secs(62))));
    assert_eq!(words(&core.step(secs(62)).0), ["load 2"]);
    assert_eq!(core.loaded(secs(63), "m", 2, broken()), None);
    let report = core.status("m");
    assert_eq!((report[0].state, report[0].error.as_ref().unwrap().code), (State::End, StatusCode::DataLoss));
    assert_eq!(report[1].state, State::Available);
    core.observe("m", found(&[1, 2]));
    assert!(core.step(secs(999)).0.is_empty(), "given up until another file is there");
    let mut other = found(&[1, 2]).unwrap();
    other[1].stamp = Some((3, std::time::SystemTime::UNIX_EPOCH));
    core.observe("m", Ok(other));
    assert_eq!(words(&core.step(secs(999)).0), ["load 2"]);
}

#[test]
fn an_unreadable_place_changes_nothing_and_an_empty_one_everything() {
    let mut core = core(&Options::default());
    core.observe("m", found(&[1]));
    core.step(secs(0));
    core.loaded(secs(0), "m", 1, Ok(handle(1)));
    let failed = core.observe("m", Err(cornet_error::err!(Io, "gone"))).unwrap();
    assert_eq!(failed.code, StatusCode::Unavailable);
    assert!(core.step(secs(1)).0.is_empty());
    core.observe("m", found(&[]));
    assert_eq!(words(&core.step(secs(2)).0), ["unload 1"]);
}

#[test]
fn memory_is_counted_before_a_load() {
    let mut core = core(&Options { memory_limit: Some(150), ..Options::default() });
    core.observe("m", found(&[1]));
    core.step(secs(0));
    core.reserve("m", 1, 100).unwrap();
    core.loaded(secs(0), "m", 1, Ok(handle(1)));
    core.observe("m", found(&[1, 2]));
    core.step(secs(1));
    let error = core.reserve("m", 2, 100).unwrap_err();
    assert!(error.to_string().contains("of which 100 are in use: expected at most 150, found 200"), "{error}");
}

#[test]
fn labels_move_only_to_versions_that_serve() {
    let mut core = core(&Options::default());
    core.observe("m", found(&[1]));
    core.step(secs(0));
    core.loaded(secs(0), "m", 1, Ok(handle(1)));
    let labelled =
        |version| ModelConfig { version_labels: [("stable".to_owned(), version)].into(), ..config("m", "/m") };
    core.set_models(vec![labelled(1)]).unwrap();
    let error = core.set_models(vec![labelled(2)]).unwrap_err();
    assert_eq!(error.code, StatusCode::FailedPrecondition);
    assert_eq!(core.routes()["m"].labels["stable"], 1);
}

#[test]
fn a_model_that_is_no_longer_configured_goes() {
    let mut core = core(&Options::default());
    core.observe("m", found(&[1]));
    core.step(secs(0));
    core.loaded(secs(0), "m", 1, Ok(handle(1)));
    core.set_models(vec![config("n", "/n")]).unwrap();
    assert_eq!(words(&core.step(secs(1)).0), ["unload 1"]);
    core.unloaded("m", 1);
    assert!(!core.routes().contains_key("m"));
    assert_eq!(states(&core), [(1, State::End)]);
    assert_eq!(core.names(), ["n"]);
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("cornet-serve-manager-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn put(base: &std::path::Path, version: i64) {
    let place = base.join(version.to_string());
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("m.model"), b"x").unwrap();
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + secs(20);
    while !holds() {
        assert!(Instant::now() < end, "{what} never came true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn versions_come_and_go_with_their_folders_and_requests_keep_theirs() {
    let base = folder("versions");
    put(&base, 1);
    let options = Options { poll: Some(Duration::from_millis(10)), ..Options::default() };
    let manager = Manager::new(Fake::default(), options).unwrap();
    let missing = manager.get("m", &Select::Latest).err().unwrap();
    assert_eq!(missing.to_string(), "NOT_FOUND: Servable not found for request: Latest(m)");
    manager.set_models(vec![config("m", &base)]).unwrap();
    assert!(manager.wait(secs(20)));
    let used = manager.get("m", &Select::Latest).unwrap();
    assert_eq!((used.version(), manager.memory_bytes()), (1, 100));
    put(&base, 2);
    eventually("version 2", || manager.get("m", &Select::Latest).is_ok_and(|h| h.version() == 2));
    eventually("unloading", || manager.status("m", Some(1)).unwrap()[0].state == State::Unloading);
    assert_eq!(used.signatures().len(), 1, "a version in use stays");
    drop(used);
    eventually("the end of 1", || manager.status("m", Some(1)).unwrap()[0].state == State::End);
    assert_eq!(manager.memory_bytes(), 100);
    let gone = manager.get("m", &Select::Version(1)).err().unwrap();
    assert_eq!(gone.message, "Servable not found for request: Specific(m, 1)");
    assert!(manager.get("m", &Select::Label("x".into())).err().unwrap().message.ends_with("label: x"));
    assert!(manager.status("m", Some(7)).unwrap_err().message.ends_with("version 7 of model m"));
}

#[test]
fn failures_are_retried_on_the_threads_too() {
    let base = folder("failures");
    put(&base, 1);
    let loader = Fake::default();
    loader.failures.store(2, Ordering::SeqCst);
    let options = Options { retry_interval: Duration::from_millis(5), ..Options::default() };
    let manager = Manager::new(loader, options).unwrap();
    manager.set_models(vec![config("m", &base)]).unwrap();
    assert!(manager.wait(secs(20)));
    manager.set_enabled("m", false).unwrap();
    eventually("the end", || manager.status("m", None).unwrap()[0].state == State::End);
    manager.set_enabled("m", true).unwrap();
    eventually("the return", || manager.get("m", &Select::Latest).is_ok());
    let all = ModelConfig { version_policy: VersionPolicy::All, ..config("m", &base) };
    put(&base, 5);
    manager.set_models(vec![all]).unwrap();
    eventually("both", || manager.get("m", &Select::Version(5)).and(manager.get("m", &Select::Version(1))).is_ok());
}
