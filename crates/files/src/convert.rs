//! One format into another.

use std::path::{Path, PathBuf};

use cornet_error::{Error, Limits, Result, err, fail};
use cornet_export::{Options, open as open_graph};
use cornet_format_onnx::OnnxModel;
use cornet_format_onnx::write::WriteOptions;
use cornet_nn::models::{BoxedModel, Model};
use cornet_nn::saving::{
    ExportFormat, ExportOptions, H5Options, LoadOptions, export_with, load_model_with, load_weights, save_h5,
    save_weights, set_named_weights,
};
use cornet_ops::Tensor;
use cornet_program::{DEFAULT_SIGNATURE, Program};

use crate::detect::{Format, detect};
use crate::names::NameMap;
use crate::weights::{NamedArrays, read_weights, write_weights};

/// How files are converted.
#[derive(Clone, Debug, Default)]
pub struct ConvertOptions {
    limits: Limits,
    format: Option<Format>,
    map: Option<NameMap>,
    into: Option<PathBuf>,
}

impl ConvertOptions {
    /// The format follows from the new name, names stay as they are.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the file may take.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The format to write, whatever the new name is.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// New names for weights.
    #[must_use]
    pub fn map(mut self, map: NameMap) -> Self {
        self.map = Some(map);
        self
    }

    /// The model that weights are for: it is written with them, or its weights are.
    #[must_use]
    pub fn into_model(mut self, model: impl Into<PathBuf>) -> Self {
        self.into = Some(model.into());
        self
    }
}

/// What was converted into what.
#[derive(Clone, Debug)]
pub struct Converted {
    /// The format read.
    pub from: Format,
    /// The format written.
    pub to: Format,
    /// What the new file does not have that the old one had.
    pub notes: Vec<String>,
}

/// The format that a name is for: `.keras`, `.weights.h5`, `.h5`, `.onnx`, `.safetensors`, `.npz`, `.ckpt` (a checkpoint's
/// prefix); without an ending, or with a slash at the end, the folder of a SavedModel.
///
/// # Errors
/// `invalid_argument` for another name.
pub fn format_of_name(path: &Path) -> Result<Format> {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let ends = |ending: &str| name.ends_with(ending);
    let is_folder = path.to_string_lossy().ends_with(std::path::MAIN_SEPARATOR) || !name.contains('.') || path.is_dir();
    Ok(match () {
        () if is_folder => Format::SavedModel,
        () if ends(".weights.h5") => Format::KerasWeights,
        () if ends(".keras") => Format::Keras,
        () if ends(".h5") || ends(".hdf5") => Format::KerasH5,
        () if ends(".onnx") => Format::Onnx,
        () if ends(".safetensors") => Format::Safetensors,
        () if ends(".npz") => Format::Npz,
        () if ends(".ckpt") || name.contains(".ckpt-") => Format::Checkpoint,
        () => {
            return Err(err!(InvalidArgument, "{}: expected a name whose ending says the format", path.display())
                .help(".keras, .h5, .weights.h5, .onnx, .safetensors, .npz, .ckpt, a folder; or give --format"));
        }
    })
}

/// Writes the model or the weights of a file of any format in another format, in one step or not at all.
///
/// Models of layers become any format; ONNX models become SavedModels where what they compute can be written; weights become weights, and with [`ConvertOptions::into_model`] models.
///
/// # Errors
/// As [`detect`]; `unsupported` for a pair of formats that makes no sense, with what to do instead; what reading and
/// writing fail with.
pub fn convert(from: &Path, to: &Path, options: &ConvertOptions) -> Result<Converted> {
    let source = detect(from, &options.limits)?;
    let target = match options.format {
        Some(format) => format,
        None => format_of_name(to)?,
    };
    let notes = match (&options.into, source) {
        (Some(model), _) => into_model(from, source, model, to, target, options)?,
        (None, Format::Keras | Format::KerasH5) if !options.map_is_needed(target) => {
            from_layers(from, to, target, options)?
        }
        (None, Format::Onnx | Format::SavedModel) if target.is_model() => {
            from_graph(from, source, to, target, &options.limits)?
        }
        (None, _) => from_weights(from, to, target, options)?,
    };
    Ok(Converted { from: source, to: target, notes })
}

impl ConvertOptions {
    /// Whether weights are renamed, so that they are arrays by name and no model's.
    fn map_is_needed(&self, target: Format) -> bool {
        self.map.is_some() && !target.is_model()
    }
}

/// A model of layers in another format.
fn from_layers(from: &Path, to: &Path, target: Format, options: &ConvertOptions) -> Result<Vec<String>> {
    if options.map.is_some() {
        return Err(err!(InvalidArgument, "--map: expected weights to rename, found a model to write")
            .help("weights are renamed on the way between files of weights, or into a model with --into"));
    }
    let mut notes = Vec::new();
    let model = loaded(from, options.limits, &mut notes)?;
    write_model(&model, to, target, &mut notes)?;
    Ok(notes)
}

/// The model, compiled as it was saved if that is known here.
fn loaded(path: &Path, limits: Limits, notes: &mut Vec<String>) -> Result<BoxedModel> {
    let read = |compile| load_model_with(path, &LoadOptions::new().compile(compile).limits(limits));
    read(true).or_else(|error| {
        let model = read(false)?;
        notes.push(format!("without what training needs: {}", error.message()));
        Ok(model)
    })
}

fn write_model(model: &BoxedModel, to: &Path, target: Format, notes: &mut Vec<String>) -> Result<()> {
    match target {
        Format::Keras => save_as_keras(model, to),
        Format::KerasH5 => save_h5(model, to, &H5Options::new()),
        Format::Onnx | Format::SavedModel => {
            notes.push("what the model predicts: not its layers, nor how it is trained".into());
            with_parent(to, target)?;
            let format = if target == Format::Onnx { ExportFormat::Onnx } else { ExportFormat::TfSavedModel };
            export_with(model, to, format, &ExportOptions::default())
        }
        Format::KerasWeights if named_so(to) => save_weights(model, to),
        Format::Safetensors | Format::Npz | Format::Checkpoint => {
            let arrays = cornet_nn::saving::named_weights(model)?;
            notes.push("weights alone, under the paths that Keras gives them".into());
            write_weights(to, target, &arrays)
        }
        target => Err(not_written(target)),
    }
}

/// Makes the folder around a SavedModel's, which is a version's number where models are served.
fn with_parent(to: &Path, target: Format) -> Result<()> {
    match to.parent().filter(|parent| target == Format::SavedModel && !parent.as_os_str().is_empty()) {
        Some(parent) => std::fs::create_dir_all(parent).map_err(|e| Error::io("make the folder", parent, &e)),
        None => Ok(()),
    }
}

fn save_as_keras(model: &BoxedModel, to: &Path) -> Result<()> {
    match to.extension().is_some_and(|ending| ending == "h5" || ending == "hdf5") {
        true => Err(err!(InvalidArgument, "{}: expected a name in .keras for a Keras model", to.display())),
        false => model.save(to),
    }
}

/// Whether the name is one of Keras's weights, by which they are told from safetensors and `.npz` when they are saved.
fn named_so(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("h5"))
}

fn not_written(target: Format) -> Error {
    err!(Unsupported, "convert: expected a format that models are written in, found {target}")
        .help("write .keras, .h5, .onnx or a SavedModel's folder")
}

/// A graph as another graph.
fn from_graph(from: &Path, source: Format, to: &Path, target: Format, limits: &Limits) -> Result<Vec<String>> {
    if target.has_layers() {
        return Err(err!(Unsupported, "{}: expected a model of layers, found a {source}", from.display()).help(
            "a graph has no layers any more: write .onnx or a SavedModel, or its weights into a model with --into",
        ));
    }
    if source == Format::SavedModel {
        return Err(err!(Unsupported, "convert: expected an ONNX model, found a SavedModel").help(
            "SavedModels run here and are not written as other graphs: convert the Keras model that it was made of",
        ));
    }
    let model = OnnxModel::open(from, limits)?;
    let signature = model.signature(None)?;
    let outputs: Vec<&str> = signature.outputs.iter().map(|spec| spec.name.as_str()).collect();
    let function = model.compiled().function();
    let body = |x: &[Tensor]| function.op_by_op(x);
    let graph = open_graph(&signature.name, &signature.inputs, &outputs, &Options::default(), body)
        .map_err(|e| e.within(from.display().to_string()))?;
    match target {
        Format::SavedModel => {
            with_parent(to, target)?;
            cornet_format_savedmodel::write::write(to, &[(DEFAULT_SIGNATURE, &graph)])?;
        }
        _ => cornet_format_onnx::write::write(to, &graph, &WriteOptions::default())?,
    }
    Ok(vec!["constants and shapes are folded; names of nodes are new".into()])
}

/// Weights as other weights.
fn from_weights(from: &Path, to: &Path, target: Format, options: &ConvertOptions) -> Result<Vec<String>> {
    if target.is_model() {
        return Err(err!(InvalidArgument, "{}: expected a model, found weights only", from.display())
            .help("give the model that they are for: --into MODEL.keras"));
    }
    write_weights(to, target, &renamed(from, options)?)?;
    Ok(Vec::new())
}

fn renamed(from: &Path, options: &ConvertOptions) -> Result<NamedArrays> {
    let arrays = read_weights(from, &options.limits)?;
    match &options.map {
        Some(map) => map.apply(arrays),
        None => Ok(arrays),
    }
}

/// Weights in the model that they are for: the model with them, or its weights in another format.
fn into_model(
    from: &Path,
    source: Format,
    model: &Path,
    to: &Path,
    target: Format,
    options: &ConvertOptions,
) -> Result<Vec<String>> {
    if !detect(model, &options.limits)?.has_layers() {
        fail!(InvalidArgument, "--into: expected a Keras model, found {}", model.display());
    }
    let mut notes = Vec::new();
    let path = model;
    let model = loaded(path, options.limits, &mut notes)?;
    let by_place = matches!(source, Format::KerasWeights | Format::LegacyWeights) && options.map.is_none();
    if by_place {
        load_weights(&model, from)?;
    } else {
        let unused =
            set_named_weights(&model, &renamed(from, options)?).map_err(|e| e.within(from.display().to_string()))?;
        if !unused.is_empty() {
            notes.push(format!("arrays that the model has no weight for: {}", listed(&unused)));
        }
    }
    write_model(&model, to, target, &mut notes)?;
    Ok(notes)
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = names.iter().take(SHOWN).map(|n| crate::text::shown(n)).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
