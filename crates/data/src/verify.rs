//! SHA-256 of contents, and a reader of gzip that works on bytes as they arrive.

use std::io::{self, Write};

use cornet_error::{Error, Result, err};
use flate2::write::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::DataFile;
use crate::registry::list;

/// The SHA-256 of some bytes, in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks the content of a file against what the registry says of it.
pub(crate) fn check(file: &DataFile, bytes: u64, sha256: &str) -> Result<()> {
    if bytes == file.bytes && sha256 == file.sha256 {
        return Ok(());
    }
    Err(mismatch(file, bytes, sha256))
}

fn mismatch(file: &DataFile, bytes: u64, sha256: &str) -> Error {
    let error = err!(Corrupt, "content: expected another checksum")
        .operand("expected", format!("{} bytes, sha256 {}", file.bytes, file.sha256))
        .operand("found", format!("{bytes} bytes, sha256 {sha256}"));
    let other = list().iter().find_map(|d| Some((d, d.files.iter().find(|f| f.sha256 == sha256)?)));
    match other {
        Some((dataset, other)) => error.help(format!("this is {} of {}", other.name, dataset.name)),
        None => error,
    }
}

/// Takes compressed or plain bytes as they arrive, and knows size and checksum of the content at the end.
pub(crate) struct Verifier {
    state: State,
    limit: u64,
}

enum State {
    /// Too few bytes yet to tell.
    Start(Vec<u8>),
    Plain(Sink),
    Gzip(Box<MultiGzDecoder<Sink>>),
}

impl Verifier {
    /// A verifier of a content of at most `limit` bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Self { state: State::Start(Vec::new()), limit }
    }

    /// Takes the next bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let State::Start(head) = &mut self.state {
            head.extend(bytes);
            if head.len() >= 2 {
                let head = std::mem::take(head);
                return self.begin(&head);
            }
            return Ok(());
        }
        let written = match &mut self.state {
            State::Start(_) => Ok(()),
            State::Plain(sink) => sink.write_all(bytes),
            State::Gzip(decoder) => decoder.write_all(bytes),
        };
        written.map_err(undecodable)
    }

    fn begin(&mut self, head: &[u8]) -> Result<()> {
        let sink = Sink { hash: Sha256::new(), bytes: 0, limit: self.limit };
        self.state =
            if crate::is_gzip(head) { State::Gzip(Box::new(MultiGzDecoder::new(sink))) } else { State::Plain(sink) };
        self.write(head)
    }

    /// Size and SHA-256 of the content.
    pub(crate) fn finish(mut self) -> Result<(u64, String)> {
        if let State::Start(head) = &mut self.state {
            let head = std::mem::take(head);
            self.begin(&head)?;
        }
        let sink = match self.state {
            State::Start(_) => return Err(err!(Internal, "a verifier that never began")),
            State::Plain(sink) => sink,
            State::Gzip(decoder) => decoder.finish().map_err(undecodable)?,
        };
        Ok((sink.bytes, hex(&sink.hash.finalize())))
    }
}

fn undecodable(cause: io::Error) -> Error {
    err!(Corrupt, "content: cannot be decompressed: {cause}")
}

struct Sink {
    hash: Sha256,
    bytes: u64,
    limit: u64,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.limit {
            return Err(io::Error::other(format!("it is larger than {} bytes", self.limit)));
        }
        self.hash.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
