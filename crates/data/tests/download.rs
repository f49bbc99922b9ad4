//! Downloads from a server on this machine: what arrives, and everything that may go wrong on the way.
#![cfg(feature = "download")]

mod server;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cornet_data::{Code, DataFile, Dataset, Error, FetchOptions, fetch_dataset};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use std::io::Write;

use server::{Answer, Server};

const CONTENT: &[u8] = &[0, 0, 8, 1, 0, 0, 0, 4, 7, 2, 1, 0];

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|b| format!("{b:02x}")).collect()
}

/// A dataset of one file with `CONTENT`, at these addresses.
fn dataset(addresses: &[String]) -> Dataset {
    let compressed = gzip(CONTENT);
    let file = DataFile {
        name: "labels.gz",
        compressed_bytes: compressed.len() as u64,
        compressed_sha256: sha256(&compressed).leak(),
        bytes: CONTENT.len() as u64,
        sha256: sha256(CONTENT).leak(),
    };
    let addresses: Vec<&'static str> = addresses.iter().map(|a| &*a.clone().leak()).collect();
    Dataset {
        name: "tiny",
        aliases: &[],
        description: "for tests",
        attribution: "nobody",
        licence: "none",
        source: "nowhere",
        example: &[],
        max_value: 7,
        examples: [4, 0],
        classes: &[],
        addresses: addresses.leak(),
        files: vec![file].leak(),
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cornet-data-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn options(folder: &Path) -> FetchOptions {
    FetchOptions {
        folder: Some(folder.to_path_buf()),
        stall_timeout: Duration::from_secs(5),
        ..FetchOptions::default()
    }
}

/// Fetches from a server with this answer, which must fail; nothing may be left in the folder.
fn failure(name: &str, answer: Answer) -> Error {
    let folder = Folder::new(name);
    let server = Server::start(answer);
    let error = fetch_dataset(&dataset(&[server.address()]), &options(&folder.0), &mut |_| {}).unwrap_err();
    assert_eq!(folder.files(), Vec::<String>::new(), "{error}");
    assert!(error.to_string().contains(&format!("{}/labels.gz", server.address())), "{error}");
    assert!(error.help_text().unwrap().contains("--data DIR"), "{error}");
    error
}

#[test]
fn a_file_arrives_and_is_not_fetched_twice() {
    let folder = Folder::new("arrives");
    let server = Server::start(Answer::ok(gzip(CONTENT)));
    let tiny = dataset(&[server.address()]);
    let mut reports = Vec::new();
    let path = fetch_dataset(&tiny, &options(&folder.0), &mut |t| reports.push((t.received, t.total, t.done))).unwrap();
    assert_eq!(path, folder.0);
    assert_eq!(folder.files(), ["labels.gz"]);
    assert_eq!(std::fs::read(path.join("labels.gz")).unwrap(), gzip(CONTENT));
    let size = gzip(CONTENT).len() as u64;
    assert_eq!(reports.first(), Some(&(0, size, false)));
    assert_eq!(reports.last(), Some(&(size, size, true)));
    assert_eq!(server.paths(), ["/data/labels.gz"]);
    fetch_dataset(&tiny, &options(&folder.0), &mut |_| {}).unwrap();
    assert_eq!(server.paths().len(), 1, "a file that is there was fetched again");
}

#[test]
fn a_damaged_file_in_the_cache_is_replaced() {
    let folder = Folder::new("damaged");
    std::fs::create_dir_all(&folder.0).unwrap();
    std::fs::write(folder.0.join("labels.gz"), b"damaged").unwrap();
    let server = Server::start(Answer::ok(gzip(CONTENT)));
    fetch_dataset(&dataset(&[server.address()]), &options(&folder.0), &mut |_| {}).unwrap();
    assert_eq!(std::fs::read(folder.0.join("labels.gz")).unwrap(), gzip(CONTENT));
}

#[test]
fn another_compression_of_the_same_content_will_do() {
    let folder = Folder::new("plain");
    let server = Server::start(Answer::ok(CONTENT.to_vec()).chunked());
    fetch_dataset(&dataset(&[server.address()]), &options(&folder.0), &mut |_| {}).unwrap();
    assert_eq!(std::fs::read(folder.0.join("labels.gz")).unwrap(), CONTENT);
}

#[test]
fn the_next_address_is_asked_when_one_fails_and_a_mirror_replaces_them() {
    let folder = Folder::new("second");
    let (bad, good) = (Server::start(Answer::status(503)), Server::start(Answer::ok(gzip(CONTENT))));
    fetch_dataset(&dataset(&[bad.address(), good.address()]), &options(&folder.0), &mut |_| {}).unwrap();
    assert_eq!((bad.paths().len(), good.paths().len()), (1, 1));
    let folder = Folder::new("mirror");
    let mirror = FetchOptions { mirror: Some(good.address() + "/"), ..options(&folder.0) };
    fetch_dataset(&dataset(&[bad.address()]), &mirror, &mut |_| {}).unwrap();
    assert_eq!((bad.paths().len(), good.paths().len()), (1, 2));
}

#[test]
fn a_redirect_is_followed() {
    let folder = Folder::new("redirect");
    let good = Server::start(Answer::ok(gzip(CONTENT)));
    let first = Server::start(Answer::redirect(format!("{}/labels.gz", good.address())));
    fetch_dataset(&dataset(&[first.address()]), &options(&folder.0), &mut |_| {}).unwrap();
}

#[test]
fn an_absent_file_is_a_network_error_with_its_status() {
    let error = failure("absent", Answer::status(404));
    assert_eq!(error.code(), Code::Network);
    assert!(error.to_string().contains("status 404"), "{error}");
}

#[test]
fn a_body_cut_short_is_a_network_error() {
    let compressed = gzip(CONTENT);
    let error = failure("short", Answer::ok(compressed[..10].to_vec()).announcing(compressed.len()));
    assert_eq!(error.code(), Code::Network);
    assert!(error.to_string().contains(&format!("after 10 of {} bytes", compressed.len())), "{error}");
}

#[test]
fn a_body_cut_short_without_a_length_is_corrupt() {
    let compressed = gzip(CONTENT);
    let error = failure("unannounced", Answer::ok(compressed[..compressed.len() - 9].to_vec()).until_closed());
    assert_eq!(error.code(), Code::Corrupt);
}

#[test]
fn another_content_is_corrupt_and_never_takes_the_name() {
    let mut other = CONTENT.to_vec();
    other[11] = 9;
    let error = failure("other", Answer::ok(gzip(&other)));
    assert_eq!(error.code(), Code::Corrupt);
    assert!(error.to_string().contains("another checksum"), "{error}");
    let error = failure("html", Answer::ok(b"<html>log in to the network first</html>".to_vec()));
    assert_eq!(error.code(), Code::Corrupt);
}

#[test]
fn an_endless_body_and_a_bomb_are_stopped() {
    let endless = failure("endless", Answer::ok(vec![0x55; 4 << 20]).chunked());
    assert!([Code::LimitExceeded, Code::Corrupt].contains(&endless.code()), "{endless}");
    let announced = failure("announced", Answer::ok(vec![]).announcing(1 << 40));
    assert_eq!(announced.code(), Code::LimitExceeded);
    let bomb = failure("bomb", Answer::ok(gzip(&vec![0; 1 << 20])));
    assert_eq!(bomb.code(), Code::Corrupt);
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let folder = Folder::new("silent");
    let server = Server::start(Answer::ok(gzip(CONTENT)[..10].to_vec()).announcing(gzip(CONTENT).len()).silent());
    let options = FetchOptions { stall_timeout: Duration::from_millis(200), ..options(&folder.0) };
    let begun = Instant::now();
    let error = fetch_dataset(&dataset(&[server.address()]), &options, &mut |_| {}).unwrap_err();
    assert_eq!(error.code(), Code::Network);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(folder.files(), Vec::<String>::new());
}

#[test]
fn without_a_connection_one_message_names_the_address_and_the_way_out() {
    let folder = Folder::new("refused");
    // A port that was free a moment ago refuses connections.
    let address = format!("http://{}/data", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let error = fetch_dataset(&dataset(std::slice::from_ref(&address)), &options(&folder.0), &mut |_| {}).unwrap_err();
    assert_eq!(error.code(), Code::Network);
    let text = error.to_string();
    assert!(text.starts_with("tiny: labels.gz: could not be downloaded [network]\n"), "{text}");
    assert!(text.contains(&format!("{address}/labels.gz")) && text.contains("refused"), "{text}");
    assert!(error.help_text().unwrap().contains(&format!("put labels.gz into {}", folder.0.display())), "{text}");
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod https {
    use super::*;

    #[test]
    fn a_trusted_server_is_believed() {
        let folder = Folder::new("trusted");
        let server = Server::start_tls(Answer::ok(gzip(CONTENT)));
        let certificates = Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls/ca.pem"));
        let options = FetchOptions { certificates, ..options(&folder.0) };
        fetch_dataset(&dataset(&[server.address()]), &options, &mut |_| {}).unwrap();
        assert_eq!(std::fs::read(folder.0.join("labels.gz")).unwrap(), gzip(CONTENT));
    }

    #[test]
    fn an_unknown_server_is_not() {
        let folder = Folder::new("unknown");
        let server = Server::start_tls(Answer::ok(gzip(CONTENT)));
        let error = fetch_dataset(&dataset(&[server.address()]), &options(&folder.0), &mut |_| {}).unwrap_err();
        assert_eq!(error.code(), Code::Network);
        assert!(error.to_string().to_lowercase().contains("certificate"), "{error}");
        assert_eq!(server.paths(), Vec::<String>::new());
    }

    #[test]
    fn a_secure_address_does_not_lead_to_an_open_one() {
        let folder = Folder::new("downgrade");
        let open = Server::start(Answer::ok(gzip(CONTENT)));
        let server = Server::start_tls(Answer::redirect(format!("{}/labels.gz", open.address())));
        let certificates = Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls/ca.pem"));
        let options = FetchOptions { certificates, ..options(&folder.0) };
        let error = fetch_dataset(&dataset(&[server.address()]), &options, &mut |_| {}).unwrap_err();
        assert_eq!(error.code(), Code::Network);
        assert_eq!(open.paths(), Vec::<String>::new());
    }
}
