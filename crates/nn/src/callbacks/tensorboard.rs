use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cornet_error::{Error, Result, err, fail};
use cornet_events::EventWriter;
use cornet_plot::encode_png;
use cornet_tensor::Array;

use super::{BatchLogs, Callback, CallbackState, Run, optimizer, rated, tensorboard_graph};
use crate::arg::{Arg, Choice, unknown};
use crate::layers::Layer;
use crate::saving;
use crate::training::Logs;

/// How often numbers of steps are written: Keras's `update_freq`, a number of steps or the words `batch` and `epoch`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpdateFreq {
    /// Those of epochs alone.
    #[default]
    Epoch,
    /// Every so many steps.
    Steps(usize),
}

impl Choice for UpdateFreq {
    fn parse(name: &str) -> Result<Self> {
        match name {
            "epoch" => Ok(Self::Epoch),
            "batch" => Ok(Self::Steps(1)),
            _ => Err(unknown("update_freq", name, &["batch", "epoch", "a number of steps"])),
        }
    }
}

impl From<usize> for Arg<UpdateFreq> {
    fn from(steps: usize) -> Self {
        let zero = || err!(InvalidArgument, "update_freq: expected 'batch', 'epoch' or at least 1 step, found 0");
        Self(if steps == 0 { Err(zero()) } else { Ok(UpdateFreq::Steps(steps)) })
    }
}

/// Writes event files that TensorBoard shows: `tensorboard --logdir logs`.
///
/// # Format
/// In `train` and `validation` below the folder, each with the epoch, counted from 0, as its step:
/// `epoch_loss` and so on, `epoch_learning_rate`, `epoch_steps_per_second`; `{weight}/histogram` and `{weight}/image`.
/// With `update_freq` in steps `batch_loss` and so on and `batch_steps_per_second`, with the steps since the beginning
/// of the training. After each validation or evaluation `evaluation_loss_vs_iterations` and so on, with the optimizer's
/// steps. With `write_graph` the model's JSON under the tag `keras`, from which TensorBoard draws its layers, and the same
/// layers as the graph of the run. With `embeddings_freq` the weights, a table of each embedding, and
/// `projector_config.pbtxt` for the projector.
///
/// Keras writes the numbers of epochs and evaluations only where the step happens to be one that `update_freq` selects;
/// here they are always there. It has the model's JSON, but no graph of the run, and checkpoints that the projector
/// cannot read.
/// # Errors
/// `unsupported` for `profile_batch`; `invalid_argument` for metadata of embeddings that there are not; `io` and its likes.
/// # Source
/// Keras 3 `keras.callbacks.TensorBoard`.
///
/// ```
/// use cornet_nn::callbacks::TensorBoard;
/// let board = TensorBoard::new("logs").histogram_freq(1).update_freq(100);
/// ```
pub struct TensorBoard {
    folder: PathBuf,
    histogram_freq: usize,
    write_graph: bool,
    write_images: bool,
    write_steps_per_second: bool,
    update_freq: UpdateFreq,
    embeddings_freq: usize,
    embeddings_metadata: Metadata,
    wrong: Option<Error>,
    train: Option<EventWriter>,
    validation: Option<EventWriter>,
    train_step: u64,
    test_step: u64,
    epoch_began: Option<(Instant, f64)>,
    step_began: Option<Instant>,
}

/// Files that say what the rows of embeddings are.
#[derive(Clone, Debug, Default)]
enum Metadata {
    #[default]
    None,
    /// The same for all.
    All(String),
    /// By the names of layers.
    ByLayer(BTreeMap<String, String>),
}

impl TensorBoard {
    /// To this folder.
    pub fn new(log_dir: impl AsRef<Path>) -> Self {
        Self {
            folder: log_dir.as_ref().to_owned(),
            histogram_freq: 0,
            write_graph: true,
            write_images: false,
            write_steps_per_second: false,
            update_freq: UpdateFreq::Epoch,
            embeddings_freq: 0,
            embeddings_metadata: Metadata::None,
            wrong: None,
            train: None,
            validation: None,
            train_step: 0,
            test_step: 0,
            epoch_began: None,
            step_began: None,
        }
    }

    /// After how many epochs each the histograms of the weights are written; by default 0, never.
    #[must_use]
    pub fn histogram_freq(mut self, epochs: usize) -> Self {
        self.histogram_freq = epochs;
        self
    }

    /// Whether the model is written; by default it is.
    #[must_use]
    pub fn write_graph(mut self, write: bool) -> Self {
        self.write_graph = write;
        self
    }

    /// Whether weights are written as images beside their histograms; by default they are not.
    #[must_use]
    pub fn write_images(mut self, write: bool) -> Self {
        self.write_images = write;
        self
    }

    /// Whether steps per second are written; by default they are not.
    #[must_use]
    pub fn write_steps_per_second(mut self, write: bool) -> Self {
        self.write_steps_per_second = write;
        self
    }

    /// How often numbers of steps are written: `batch`, `epoch` (the default: not at all) or a number of steps.
    #[must_use]
    pub fn update_freq(mut self, frequency: impl Into<Arg<UpdateFreq>>) -> Self {
        match frequency.into().0 {
            Ok(frequency) => self.update_freq = frequency,
            Err(error) => self.refuse(error),
        }
        self
    }

    /// Keras's profiler, which Cornet does not have: 0 alone.
    #[must_use]
    pub fn profile_batch(mut self, batch: usize) -> Self {
        if batch != 0 {
            self.refuse(err!(Unsupported, "profile_batch: expected 0, found {batch}"));
        }
        self
    }

    /// After how many epochs each the embeddings are written; by default 0, never.
    #[must_use]
    pub fn embeddings_freq(mut self, epochs: usize) -> Self {
        self.embeddings_freq = epochs;
        self
    }

    /// The file, below the folder, that says what the rows of all embeddings are.
    #[must_use]
    pub fn embeddings_metadata(mut self, file: impl Into<String>) -> Self {
        self.embeddings_metadata = Metadata::All(file.into());
        self
    }

    /// The file that says what the rows of one layer's embedding are.
    #[must_use]
    pub fn embeddings_metadata_of(mut self, layer: impl Into<String>, file: impl Into<String>) -> Self {
        let mut files = match std::mem::take(&mut self.embeddings_metadata) {
            Metadata::ByLayer(files) => files,
            _ => BTreeMap::new(),
        };
        files.insert(layer.into(), file.into());
        self.embeddings_metadata = Metadata::ByLayer(files);
        self
    }

    fn refuse(&mut self, error: Error) {
        self.wrong.get_or_insert(error.within("TensorBoard"));
    }

    fn train(&mut self) -> Result<&mut EventWriter> {
        writer(&mut self.train, || self.folder.join("train"))
    }

    fn validation(&mut self) -> Result<&mut EventWriter> {
        writer(&mut self.validation, || self.folder.join("validation"))
    }

    /// Whether numbers of this step are written.
    fn is_due(&self) -> bool {
        matches!(self.update_freq, UpdateFreq::Steps(steps) if self.train_step.is_multiple_of(steps as u64))
    }

    fn write_model(&mut self, run: &Run<'_>) -> Result<()> {
        let model = saving::model_to_json(run.model())?;
        let writer = self.train()?;
        if matches!(run.model().class_name(), "Functional" | "Sequential") {
            writer.keras_model("keras", &model.to_string(), 0)?;
        }
        writer.graph(&tensorboard_graph::nodes(&model))?;
        writer.flush()
    }

    fn write_weights(&mut self, run: &Run<'_>, epoch: u64) -> Result<()> {
        let with_images = self.write_images;
        let writer = self.train()?;
        for weight in run.model().layers().iter().flat_map(|layer| layer.weights()) {
            let name = weight.path().replace(':', "_");
            let value = weight.variable.value()?;
            writer.histogram(&format!("{name}/histogram"), &value.to_f64()?, epoch)?;
            if let (true, Some((width, height, files))) = (with_images, images(&value)?) {
                writer.images(&format!("{name}/image"), width, height, &files, epoch)?;
            }
        }
        writer.flush()
    }

    fn write_projector(&mut self, run: &Run<'_>) -> Result<()> {
        let (mut text, mut unknown) = (String::new(), self.embeddings_metadata.clone());
        for layer in run.model().layers().iter().filter(|layer| layer.class_name() == "Embedding") {
            let file = match &mut unknown {
                Metadata::None => None,
                Metadata::All(file) => Some(file.clone()),
                Metadata::ByLayer(files) => files.remove(layer.name()),
            };
            let (name, table) = (quoted(layer.name()), quoted(&table_name(&**layer)));
            // Writing into a String cannot fail.
            let _ = write!(text, "embeddings {{\n  tensor_name: {name}\n");
            if let Some(file) = file {
                let _ = writeln!(text, "  metadata_path: {}", quoted(&file));
            }
            let _ = write!(text, "  tensor_path: {table}\n}}\n");
        }
        if let Metadata::ByLayer(files) = unknown
            && !files.is_empty()
        {
            let names: Vec<&str> = files.keys().map(String::as_str).collect();
            fail!(
                InvalidArgument,
                "embeddings_metadata: expected names of Embedding layers, found {}",
                names.join(", ")
            );
        }
        save(&self.folder.join("projector_config.pbtxt"), text.as_bytes())
    }

    fn write_embeddings(&mut self, run: &Run<'_>, epoch: usize) -> Result<()> {
        let checkpoint = self.folder.join("train").join(format!("keras_embedding.ckpt-{epoch}.weights.h5"));
        self.train()?;
        saving::save_weights(run.model(), &checkpoint)?;
        for layer in run.model().layers().iter().filter(|layer| layer.class_name() == "Embedding") {
            let Some(weight) = layer.weights().into_iter().next() else { continue };
            let value = weight.variable.value()?;
            let columns = value.shape().last().copied().unwrap_or(1).max(1);
            let mut table = String::new();
            for row in value.to_f64()?.chunks(columns) {
                let cells: Vec<String> = row.iter().map(|&x| (x as f32).to_string()).collect();
                table += &(cells.join("\t") + "\n");
            }
            save(&self.folder.join(table_name(&**layer)), table.as_bytes())?;
        }
        Ok(())
    }

    fn iterations(run: &Run<'_>) -> Result<u64> {
        Ok(optimizer(run)?.base().iterations().value()?.item::<i64>()?.max(0) as u64)
    }
}

fn writer(place: &mut Option<EventWriter>, folder: impl FnOnce() -> PathBuf) -> Result<&mut EventWriter> {
    Ok(match place {
        Some(writer) => writer,
        None => place.insert(EventWriter::create(folder())?),
    })
}

fn save(path: &Path, content: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("make", folder, &e))?;
    }
    std::fs::File::create(path).and_then(|mut file| file.write_all(content)).map_err(|e| Error::io("write", path, &e))
}

/// The file of an embedding's rows.
fn table_name(layer: &dyn Layer) -> String {
    format!("keras_embedding_{}.tsv", layer.name().replace(['/', '\\'], "_"))
}

/// A text in a text file of protocol buffers.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// How many images of one weight are written.
const IMAGES_MAX: usize = 3;

/// A weight as images, from 0 (black) to 1 (white): width, height, PNG files. Axes of size 1 do not count. A vector is a
/// column, a matrix lies, a stack of kernels is an image a kernel; there are none of other weights, unless their last
/// axis is colours.
fn images(value: &Array) -> Result<Option<(usize, usize, Vec<Vec<u8>>)>> {
    let axes: Vec<usize> = value.shape().iter().copied().filter(|&n| n != 1).collect();
    let (values, mut kernel_last) = (value.to_f64()?, false);
    let mut turned = false;
    let (count, height, width, channels) = match axes[..] {
        [n] => (1, n, 1, 1),
        [a, b] if a > b => {
            turned = true;
            (1, b, a, 1)
        }
        [a, b] => (1, a, b, 1),
        [a, b, kernels] => {
            kernel_last = true;
            (kernels, a, b, 1)
        }
        [n, a, b, channels @ (3 | 4)] => (n, a, b, channels),
        _ => return Ok(None),
    };
    if values.is_empty() {
        return Ok(None);
    }
    let byte = |place: usize| (values[place] * 255.5).clamp(0.0, 255.0) as u8;
    let size = height * width * channels;
    let mut files = Vec::new();
    for image in 0..count.min(IMAGES_MAX) {
        let pixels: Vec<u8> = match (turned, kernel_last) {
            (true, _) => (0..size).map(|at| byte(at % width * height + at / width)).collect(),
            (_, true) => (0..size).map(|at| byte(at * count + image)).collect(),
            _ => (0..size).map(|at| byte(image * size + at)).collect(),
        };
        files.push(encode_png(width, height, channels, &pixels)?);
    }
    Ok(Some((width, height, files)))
}

impl Callback for TensorBoard {
    fn on_train_begin(&mut self, run: &Run<'_>) -> Result<()> {
        if let Some(error) = &self.wrong {
            return Err(error.clone());
        }
        (self.train, self.validation) = (None, None);
        (self.train_step, self.epoch_began) = (0, None);
        if self.write_graph {
            self.write_model(run)?;
        }
        if self.embeddings_freq > 0 {
            self.write_projector(run)?;
        }
        Ok(())
    }

    fn on_train_end(&mut self, _run: &Run<'_>, _logs: &Logs) -> Result<()> {
        for mut writer in [self.train.take(), self.validation.take()].into_iter().flatten() {
            writer.flush()?;
        }
        Ok(())
    }

    fn on_epoch_begin(&mut self, run: &Run<'_>, _epoch: usize) -> Result<()> {
        self.epoch_began = Some((Instant::now(), Self::iterations(run)? as f64));
        Ok(())
    }

    fn on_train_batch_begin(&mut self, _run: &Run<'_>, _step: usize) -> Result<()> {
        self.train_step += 1;
        self.step_began = self.write_steps_per_second.then(Instant::now);
        Ok(())
    }

    fn on_train_batch_end(&mut self, _run: &Run<'_>, _step: usize, logs: &BatchLogs<'_>) -> Result<()> {
        if !self.is_due() {
            return Ok(());
        }
        let (step, took) = (self.train_step, self.step_began.map(|began| began.elapsed().as_secs_f64()));
        let logs = logs.read()?;
        let writer = self.train()?;
        if let Some(took) = took {
            writer.scalar("batch_steps_per_second", (1.0 / took) as f32, step)?;
        }
        for (name, value) in logs.iter() {
            writer.scalar(&format!("batch_{name}"), value as f32, step)?;
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, run: &Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        let step = epoch as u64;
        let mut train: Vec<(String, f64)> = Vec::new();
        let mut validation = Vec::new();
        for (name, value) in logs.iter() {
            match name.strip_prefix("val_") {
                Some(name) => validation.push((name.to_owned(), value)),
                None => train.push((name.to_owned(), value)),
            }
        }
        for (name, optimizer) in rated(run)? {
            train.retain(|(known, _)| *known != name);
            train.push((name, optimizer.learning_rate()?));
        }
        if let (true, Some((began, before))) = (self.write_steps_per_second, self.epoch_began) {
            let steps = Self::iterations(run)? as f64 - before;
            train.push(("steps_per_second".into(), steps / began.elapsed().as_secs_f64()));
        }
        let writer = self.train()?;
        for (name, value) in train {
            writer.scalar(&format!("epoch_{name}"), value as f32, step)?;
        }
        writer.flush()?;
        if !validation.is_empty() {
            let writer = self.validation()?;
            for (name, value) in validation {
                writer.scalar(&format!("epoch_{name}"), value as f32, step)?;
            }
            writer.flush()?;
        }
        if self.histogram_freq > 0 && epoch.is_multiple_of(self.histogram_freq) {
            self.write_weights(run, step)?;
        }
        if self.embeddings_freq > 0 && epoch.is_multiple_of(self.embeddings_freq) {
            self.write_embeddings(run, epoch)?;
        }
        Ok(())
    }

    fn on_test_batch_begin(&mut self, _run: &Run<'_>, _step: usize) -> Result<()> {
        self.test_step += 1;
        Ok(())
    }

    fn on_test_end(&mut self, run: &Run<'_>, logs: &Logs) -> Result<()> {
        let step = Self::iterations(run)?;
        let writer = self.validation()?;
        for (name, value) in logs.iter() {
            writer.scalar(&format!("evaluation_{name}_vs_iterations"), value as f32, step)?;
        }
        writer.flush()
    }

    fn state(&self) -> Option<CallbackState> {
        let mut state = CallbackState::default();
        state.set_count("train_step", self.train_step as usize);
        state.set_count("test_step", self.test_step as usize);
        Some(state)
    }

    fn set_state(&mut self, state: CallbackState) -> Result<()> {
        (self.train_step, self.test_step) = (state.count("train_step")? as u64, state.count("test_step")? as u64);
        Ok(())
    }
}
