//! What a file is, from its content.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cornet_archive::{Archive, DiskFile, ReadAt};
use cornet_error::{Error, Limits, Result, err};
use cornet_hdf5::is_hdf5;
use cornet_proto::{Message, Value};

/// The formats there are readers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A `.keras` archive: a whole model.
    Keras,
    /// HDF5 with a model's config: a whole model as Keras 1 and 2 saved it, and Keras 3 does under the name `.h5`.
    KerasH5,
    /// HDF5 with weights by path: `.weights.h5` of Keras 3.
    KerasWeights,
    /// HDF5 with weights by the names of layers, as Keras 1 and 2 saved them.
    LegacyWeights,
    /// Any other HDF5 file.
    Hdf5,
    /// A folder with a `saved_model.pb`.
    SavedModel,
    /// An ONNX model.
    Onnx,
    /// A TensorFlow checkpoint: a prefix with files `.index` and `.data-…`.
    Checkpoint,
    /// Named arrays behind a header of JSON.
    Safetensors,
    /// NumPy's archive of arrays.
    Npz,
    /// One NumPy array.
    Npy,
}

impl Format {
    /// The word for it in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Keras => "keras",
            Self::KerasH5 => "h5",
            Self::KerasWeights => "weights.h5",
            Self::LegacyWeights => "h5-weights",
            Self::Hdf5 => "hdf5",
            Self::SavedModel => "savedmodel",
            Self::Onnx => "onnx",
            Self::Checkpoint => "checkpoint",
            Self::Safetensors => "safetensors",
            Self::Npz => "npz",
            Self::Npy => "npy",
        }
    }

    /// Whether it is a model of layers, as Keras saves it.
    pub const fn has_layers(self) -> bool {
        matches!(self, Self::Keras | Self::KerasH5)
    }

    /// Whether it is a model that runs.
    pub const fn is_model(self) -> bool {
        self.has_layers() || matches!(self, Self::SavedModel | Self::Onnx)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keras => "Keras model",
            Self::KerasH5 => "Keras model in HDF5",
            Self::KerasWeights => "Keras weights in HDF5",
            Self::LegacyWeights => "Keras weights by layer in HDF5",
            Self::Hdf5 => "HDF5",
            Self::SavedModel => "TensorFlow SavedModel",
            Self::Onnx => "ONNX model",
            Self::Checkpoint => "TensorFlow checkpoint",
            Self::Safetensors => "safetensors",
            Self::Npz => "NumPy archive",
            Self::Npy => "NumPy array",
        })
    }
}

/// Bytes at the start that tell most formats apart.
const HEAD_BYTES: usize = 264;
/// What ends a table of LevelDB's, as the index of a checkpoint is one.
const TABLE_MAGIC: [u8; 8] = 0xdb47_7524_8b80_fb57_u64.to_le_bytes();
/// The file that makes a folder a SavedModel.
pub(crate) const SAVED_MODEL: &str = "saved_model.pb";

/// The format of a file or folder, from its content; of a checkpoint, from the files that begin with the path.
///
/// # Errors
/// `not_found`, `permission_denied`, `io`; `unsupported_format` for any other content and `unsafe_content` for pickles,
/// with what to do instead; what opening an archive or an HDF5 file fails with.
pub fn detect(path: &Path, limits: &Limits) -> Result<Format> {
    if path.is_dir() {
        return in_folder(path);
    }
    if !path.exists() && with_ending(path, ".index").is_file() {
        return Ok(Format::Checkpoint);
    }
    let source: Arc<dyn ReadAt> = Arc::new(DiskFile::open(path)?);
    of_source(source, limits).map_err(|e| e.within(path.display().to_string()))
}

/// The path with a few more letters.
pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The prefix of a checkpoint that may be given by its index.
pub(crate) fn prefix_of(path: &Path) -> PathBuf {
    match path.extension() {
        Some(ending) if ending == "index" => path.with_extension(""),
        _ => path.to_path_buf(),
    }
}

fn in_folder(path: &Path) -> Result<Format> {
    let has = |name: &str| path.join(name).is_file();
    if has(SAVED_MODEL) {
        return Ok(Format::SavedModel);
    }
    let error = err!(UnsupportedFormat, "{}: expected a model, found a folder without {SAVED_MODEL}", path.display());
    Err(if has("saved_model.pbtxt") {
        error.help("a saved_model.pbtxt is not read; save the model in the binary form")
    } else if has("checkpoint") {
        error.help("of a checkpoint give the prefix, as in model.ckpt for model.ckpt.index")
    } else if has("model.json") {
        error.help("if it is a TensorFlow.js model, convert it with tensorflowjs_converter to a Keras file")
    } else if has("config.json") && has("model.weights.h5") {
        error.help("it looks like a .keras file that was unpacked: put the files into a zip archive again")
    } else {
        error.help("give a file, or a folder that a SavedModel was saved to")
    })
}

fn of_source(source: Arc<dyn ReadAt>, limits: &Limits) -> Result<Format> {
    let mut head = [0; HEAD_BYTES];
    let there = source.len().min(HEAD_BYTES as u64) as usize;
    let head = &mut head[..there];
    source.read_exact_at(0, head).map_err(|e| err!(Io, "cannot read: {e}"))?;
    match &*head {
        [] => Err(unknown("an empty file")),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Ok(Format::Npy),
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => of_archive(source, limits),
        head if is_hdf5(head) => of_hdf5(source, limits),
        head if is_safetensors(head, source.len()) => Ok(Format::Safetensors),
        head => match refused(head) {
            Some(error) => Err(error),
            None if ends_as_table(source.as_ref()) => Ok(Format::Checkpoint),
            None => of_messages(source, limits),
        },
    }
}

fn unknown(found: &str) -> Error {
    unknown_but(
        found,
        "read are .keras, .h5, SavedModel, .onnx, checkpoints, .safetensors, .npz and .npy, told by content",
    )
}

fn unknown_but(found: &str, help: &str) -> Error {
    err!(UnsupportedFormat, "expected a model, weights or arrays, found {found}").help(help)
}

/// What is known and not read, with what to do instead.
fn refused(head: &[u8]) -> Option<Error> {
    let packed = |what: &str| {
        err!(UnsupportedFormat, "expected a model, found {what}").help("unpack it first, and give what was in it")
    };
    let other = |what: &str, help: &str| err!(UnsupportedFormat, "expected a model, found {what}").help(help);
    let is_pickle = |head: &[u8]| matches!(head, [0x80, 2..=5, ..]);
    Some(match head {
        [0x1F, 0x8B, ..] => packed("gzip"),
        [0x28, 0xB5, 0x2F, 0xFD, ..] => packed("zstd"),
        [0xFD, b'7', b'z', b'X', b'Z', ..] => packed("xz"),
        [b'B', b'Z', b'h', ..] => packed("bzip2"),
        [b'7', b'z', 0xBC, 0xAF, ..] => packed("7z"),
        head if head.get(257..262) == Some(b"ustar") => packed("tar"),
        head if is_pickle(head) => err!(Unsafe, "expected a model, found a Python pickle, which is a program")
            .help("save weights as .npz or .safetensors, or the model in a format that is data: .keras, .onnx"),
        head if head.get(4..8) == Some(b"TFL3") => {
            other("TensorFlow Lite", "convert from the model that it was made of: a SavedModel, a Keras file or ONNX")
        }
        [b'G', b'G', b'U', b'F', ..] => other("GGUF", "convert the weights to .safetensors"),
        head if matches!(head.trim_ascii_start(), [b'{' | b'[', ..]) => other(
            "JSON",
            "a model's architecture has no weights; save the whole model as .keras. A TensorFlow.js model is converted \
             with tensorflowjs_converter",
        ),
        _ => return None,
    })
}

fn of_archive(source: Arc<dyn ReadAt>, limits: &Limits) -> Result<Format> {
    let archive = Archive::from_source(source, limits)?;
    if archive.entry("config.json").is_some() {
        return Ok(Format::Keras);
    }
    let names: Vec<&str> = archive.entries().filter(|e| !e.is_folder).map(|e| e.name.as_str()).collect();
    if names.iter().all(|name| name.ends_with(".npy")) {
        return Ok(Format::Npz);
    }
    if names.iter().any(|name| name.ends_with("data.pkl")) {
        return Err(err!(Unsafe, "expected a model, found a PyTorch file, whose pickle is a program")
            .help("export the model with torch.onnx.export, or save its weights as .safetensors"));
    }
    let found = "a zip archive of something else";
    Err(match names.iter().any(|name| name.ends_with(SAVED_MODEL)) {
        true => unknown_but(found, "unpack the archive and give the folder with saved_model.pb"),
        false => unknown(found),
    })
}

fn of_hdf5(source: Arc<dyn ReadAt>, limits: &Limits) -> Result<Format> {
    let file = cornet_hdf5::File::from_source(source, limits)?;
    let root = file.root();
    let by_layer = |group: &cornet_hdf5::Group| group.attributes().keys().any(|key| key.starts_with("layer_names"));
    let has = |name: &str| root.groups().contains_key(name);
    Ok(if root.attribute("model_config").is_some() {
        Format::KerasH5
    } else if by_layer(root) || root.group("model_weights").is_some_and(by_layer) {
        Format::LegacyWeights
    } else if has("layers") || has("_layer_checkpoint_dependencies") || has("vars") {
        Format::KerasWeights
    } else {
        Format::Hdf5
    })
}

/// Eight bytes of a length that the file has, then a JSON object.
fn is_safetensors(head: &[u8], bytes: u64) -> bool {
    let Some((length, rest)) = head.split_first_chunk::<8>() else { return false };
    let length = u64::from_le_bytes(*length);
    rest.first() == Some(&b'{') && length >= 2 && length.checked_add(8).is_some_and(|end| end <= bytes)
}

fn ends_as_table(source: &dyn ReadAt) -> bool {
    let mut end = [0; 8];
    let at = source.len().checked_sub(8);
    at.is_some_and(|at| source.read_exact_at(at, &mut end).is_ok()) && end == TABLE_MAGIC
}

/// Fields of a protocol buffer that are looked at; ONNX writes the graph as one of the first.
const FIELDS_MAX: usize = 1000;

/// Protocol buffers have no magic: a model of ONNX is told by its version of the format and its graph.
fn of_messages(source: Arc<dyn ReadAt>, limits: &Limits) -> Result<Format> {
    let (mut version, mut graph, mut meta_graphs, mut nodes) = (false, false, 0, 0);
    for field in Message::new(source, limits).fields().take(FIELDS_MAX) {
        match field {
            Ok((1, Value::Varint(1..=1000))) => version = true,
            Ok((7, Value::Bytes(_))) if version => graph = true,
            Ok((2, Value::Bytes(_))) => meta_graphs += 1,
            Ok((1, Value::Bytes(_))) => nodes += 1,
            Ok(_) => {}
            Err(_) if graph => break,
            Err(_) => return Err(unknown("other content")),
        }
    }
    if graph {
        return Ok(Format::Onnx);
    }
    Err(if version && meta_graphs > 0 {
        unknown_but("other content", "if it is a saved_model.pb, give the folder that it is in")
    } else if nodes > 0 {
        unknown_but("other content", "if it is a frozen TensorFlow graph, save the model as a SavedModel")
    } else {
        unknown("other content")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cornet_archive::Bytes;
    use cornet_error::Code;
    use cornet_proto::Encoder;

    fn told(bytes: &[u8]) -> Result<Format> {
        of_source(Arc::new(Bytes::new(bytes)), &Limits::default())
    }

    fn refusal(bytes: &[u8]) -> String {
        told(bytes).unwrap_err().to_string()
    }

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        assert_eq!(told(b"\x93NUMPY\x01\0").unwrap(), Format::Npy);
        let mut safetensors = 2_u64.to_le_bytes().to_vec();
        safetensors.extend(b"{}");
        assert_eq!(told(&safetensors).unwrap(), Format::Safetensors);
        let onnx = Encoder::new().int(1, 8).text(2, "pytorch").message(7, Encoder::new().text(2, "g"));
        assert_eq!(told(&onnx.finish()).unwrap(), Format::Onnx);
        let mut table = vec![0; 48];
        table.extend(TABLE_MAGIC);
        assert_eq!(told(&table).unwrap(), Format::Checkpoint);
    }

    #[test]
    fn other_formats_are_refused_with_what_to_do() {
        assert!(refusal(b"").contains("an empty file"));
        assert!(refusal(b"\x1f\x8b\x08\0").contains("unpack it first"));
        assert!(refusal(b"\x20\0\0\0TFL3").contains("TensorFlow Lite"));
        assert!(refusal(b"{\"format\": \"layers-model\"}").contains("tensorflowjs_converter"));
        assert_eq!(told(b"\x80\x04\x95").unwrap_err().code(), Code::Unsafe);
        let saved = Encoder::new().int(1, 1).message(2, Encoder::new().text(1, "x"));
        assert!(refusal(&saved.finish()).contains("saved_model.pb"));
        let graph = Encoder::new().message(1, Encoder::new().text(1, "x"));
        assert!(refusal(&graph.finish()).contains("frozen TensorFlow graph"));
        assert!(refusal(b"hello").contains("[unsupported_format]"));
    }
}
