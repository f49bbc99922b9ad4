use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use cornet_error::{Error, Result};

use crate::graph::{self, GraphNode};
use crate::histogram::{BUCKETS, buckets};
use crate::record::frame;
use cornet_proto::Encoder;

/// Writes an event file. What was flushed is in the file whatever happens to the process.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: BufWriter<File>,
}

/// TensorFlow's numbers of dtypes.
const FLOAT: i64 = 1;
const DOUBLE: i64 = 2;
const STRING: i64 = 7;

/// A tensor of that dtype and shape, without its values.
fn tensor(dtype: i64, shape: &[usize]) -> Encoder {
    let mut dimensions = Encoder::new();
    for &size in shape {
        dimensions = dimensions.message(2, Encoder::new().int(1, size as i64));
    }
    Encoder::new().int(1, dtype).message(2, dimensions)
}

/// Seconds since 1970.
fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

fn host() -> String {
    let named = std::env::var("HOSTNAME").ok().or_else(|| fs::read_to_string("/etc/hostname").ok());
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = named.unwrap_or_default().trim().chars().filter(is_plain).collect();
    if name.is_empty() { "localhost".into() } else { name }
}

impl EventWriter {
    /// A new file in a folder, which is made if there is none.
    ///
    /// # Errors
    /// `io` and its likes.
    pub fn create(folder: impl AsRef<Path>) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let folder = folder.as_ref();
        fs::create_dir_all(folder).map_err(|e| Error::io("make", folder, &e))?;
        let (seconds, number) = (now_s() as u64, NEXT.fetch_add(1, Ordering::Relaxed));
        // TensorBoard knows event files by `tfevents` in their names.
        let name = format!("events.out.tfevents.{seconds}.{}.{}.{number}.v2", host(), std::process::id());
        let path = folder.join(name);
        let file = File::create(&path).map_err(|e| Error::io("make", &path, &e))?;
        let mut writer = Self { path, file: BufWriter::new(file) };
        let source = Encoder::new().text(1, "cornet");
        writer.write(0, |event| event.text(3, "brain.Event:2").message(10, source))?;
        writer.flush()?;
        Ok(writer)
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(&mut self, step: u64, fill: impl FnOnce(Encoder) -> Encoder) -> Result<()> {
        let event = fill(Encoder::new().double(1, now_s()).int(2, step as i64));
        self.file.write_all(&frame(&event.finish())).map_err(|e| Error::io("write", &self.path, &e))
    }

    fn summary(&mut self, tag: &str, plugin: &str, content: &[u8], tensor: Encoder, step: u64) -> Result<()> {
        let plugin = Encoder::new().text(1, plugin).bytes(2, content);
        let metadata = Encoder::new().message(1, plugin);
        let value = Encoder::new().text(1, tag).message(8, tensor).message(9, metadata);
        self.write(step, |event| event.message(5, Encoder::new().message(1, value)))
    }

    /// A number at a step.
    ///
    /// # Errors
    /// `io`; so too below.
    pub fn scalar(&mut self, tag: &str, value: f32, step: u64) -> Result<()> {
        let tensor = tensor(FLOAT, &[]).bytes(4, &value.to_le_bytes());
        self.summary(tag, "scalars", b"", tensor, step)
    }

    /// How values are spread at a step, in [`BUCKETS`] buckets.
    #[allow(missing_docs)]
    pub fn histogram(&mut self, tag: &str, values: &[f64], step: u64) -> Result<()> {
        let rows = buckets(values);
        let content: Vec<u8> = rows.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
        let shape = [if rows.is_empty() { 0 } else { BUCKETS }, 3];
        self.summary(tag, "histograms", b"", tensor(DOUBLE, &shape).bytes(4, &content), step)
    }

    /// Images of one size at a step, as PNG files.
    #[allow(missing_docs)]
    pub fn images(&mut self, tag: &str, width: usize, height: usize, files: &[Vec<u8>], step: u64) -> Result<()> {
        let start = tensor(STRING, &[2 + files.len()]).text(8, &width.to_string()).text(8, &height.to_string());
        let tensor = files.iter().fold(start, |tensor, file| tensor.bytes(8, file));
        self.summary(tag, "images", b"", tensor, step)
    }

    /// A model's JSON, from which TensorBoard draws its layers.
    #[allow(missing_docs)]
    pub fn keras_model(&mut self, tag: &str, json: &str, step: u64) -> Result<()> {
        self.summary(tag, "graph_keras_model", b"1", tensor(STRING, &[]).text(8, json), step)
    }

    /// The graph of a run.
    #[allow(missing_docs)]
    pub fn graph(&mut self, nodes: &[GraphNode]) -> Result<()> {
        let graph = graph::graph(nodes);
        self.write(0, |event| event.bytes(4, &graph.finish()))
    }

    /// Hands what was written to the system, so that TensorBoard sees it.
    #[allow(missing_docs)]
    pub fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(|e| Error::io("write", &self.path, &e))
    }
}
