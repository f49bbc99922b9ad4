//! Models as graphs in the DOT language: Keras's `model_to_dot`.
//!
//! Source: Keras 3.15.1, `keras.src.utils.model_visualization`.

use cornet_error::{Result, err};

use super::model::Model;
use super::outline::{Outline, OutlineLayer};

/// What a plot of a model shows, with Keras's names and defaults.
#[derive(Clone, Debug)]
pub struct PlotOptions {
    /// The shapes of inputs and outputs.
    pub show_shapes: bool,
    /// The dtypes of outputs.
    pub show_dtype: bool,
    /// Names beside classes.
    pub show_layer_names: bool,
    /// `TB` for top to bottom, `LR` for left to right.
    pub rankdir: String,
    /// Models among the layers as frames around their layers, instead of as one box.
    pub expand_nested: bool,
    /// Dots per inch of a PNG.
    pub dpi: usize,
    /// The activation of layers that have one.
    pub show_layer_activations: bool,
    /// Which layers are trained.
    pub show_trainable: bool,
}

impl Default for PlotOptions {
    fn default() -> Self {
        Self {
            show_shapes: false,
            show_dtype: false,
            show_layer_names: false,
            rankdir: "TB".into(),
            expand_nested: false,
            dpi: 96,
            show_layer_activations: false,
            show_trainable: false,
        }
    }
}

/// A box of the picture.
#[derive(Clone, Debug)]
pub struct PlotBox {
    /// The place in the tree of models, such as `2.0`, which is unique.
    pub id: String,
    /// Name and class, or the class alone.
    pub title: String,
    /// What stands below the title: shapes and dtype, activation.
    pub lines: Vec<String>,
    /// Whether it is trained; `None` if it is not shown.
    pub trainable: Option<bool>,
}

/// A frame around boxes: a model among the layers.
#[derive(Clone, Debug)]
pub struct PlotFrame {
    /// The model's name.
    pub title: String,
    /// The places of its boxes.
    pub boxes: Vec<usize>,
}

/// Boxes, edges between them by their places, and frames.
#[derive(Clone, Debug, Default)]
pub struct Plot {
    /// The boxes.
    pub boxes: Vec<PlotBox>,
    /// From which box to which.
    pub edges: Vec<(usize, usize)>,
    /// Outer frames before inner ones.
    pub frames: Vec<PlotFrame>,
}

/// Boxes and edges of a model.
///
/// # Errors
/// `invalid_state` for a model that is not built.
pub fn plot(model: &dyn Model, options: &PlotOptions) -> Result<Plot> {
    if model.input_shapes().is_none() {
        return Err(err!(
            InvalidState,
            "plot_model: expected a built model, found '{}' without input shape",
            model.name()
        )
        .help("begin it with Input, or call it on a batch first"));
    }
    let mut plot = Plot::default();
    let outline = model.outline()?;
    add(&mut plot, &outline, options, "")?;
    Ok(plot)
}

/// Entries and exits of an outline: the boxes that its inputs go to and that its outputs come from.
struct Ends {
    entries: Vec<usize>,
    exits: Vec<usize>,
}

fn add(plot: &mut Plot, outline: &Outline, options: &PlotOptions, prefix: &str) -> Result<Ends> {
    let mut ends: Vec<Ends> = Vec::with_capacity(outline.layers.len());
    let mut entries = Vec::new();
    for (place, entry) in outline.layers.iter().enumerate() {
        let id = format!("{prefix}{place}");
        let own = match entry.layer.as_model_layer().filter(|_| options.expand_nested) {
            Some(model) => {
                let (first, frame) = (plot.boxes.len(), plot.frames.len());
                plot.frames.push(PlotFrame { title: entry.layer.name().into(), boxes: Vec::new() });
                let inner = add(plot, &model.outline()?, options, &format!("{id}."))?;
                plot.frames[frame].boxes = (first..plot.boxes.len()).collect();
                inner
            }
            None => {
                plot.boxes.push(plot_box(id, entry, options));
                Ends { entries: vec![plot.boxes.len() - 1], exits: vec![plot.boxes.len() - 1] }
            }
        };
        if entry.inputs.is_empty() {
            entries.extend(&own.entries);
        }
        for (number, input) in entry.inputs.iter().enumerate() {
            let Some(source) = outline.layers[..place].iter().position(|l| l.layer.name() == input.layer) else {
                continue;
            };
            let from = ends[source].exits.get(input.tensor).or(ends[source].exits.last());
            let to = own.entries.get(number).or(own.entries.last());
            if let (Some(&from), Some(&to)) = (from, to)
                && !plot.edges.contains(&(from, to))
            {
                plot.edges.push((from, to));
            }
        }
        ends.push(own);
    }
    let exits = outline.outputs.iter().flat_map(|&place| ends[place].exits.clone()).collect();
    Ok(Ends { entries, exits })
}

fn plot_box(id: String, entry: &OutlineLayer, options: &PlotOptions) -> PlotBox {
    let layer = &entry.layer;
    let (name, class) = (layer.name(), layer.class_name());
    let title = if options.show_layer_names { format!("{name} ({class})") } else { class.to_owned() };
    let shapes = |shapes: &Option<Vec<crate::shape::PartialShape>>| match shapes {
        None => "?".to_owned(),
        Some(shapes) => shapes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let mut lines = Vec::new();
    if options.show_layer_activations
        && let Some(activation) = layer.arguments().get("activation").filter(|a| !a.is_null())
    {
        let name = activation.as_str().or_else(|| activation["class_name"].as_str()).unwrap_or("?");
        lines.push(format!("Activation: {name}"));
    }
    if options.show_shapes {
        if class != "InputLayer" {
            lines.push(format!("Input shape: {}", shapes(&entry.input_shapes)));
        }
        lines.push(format!("Output shape: {}", shapes(&entry.output_shapes)));
    }
    if options.show_dtype {
        let dtypes: Vec<&str> = entry.output_dtypes.iter().map(|dtype| dtype.name()).collect();
        lines.push(format!("Output dtype: {}", dtypes.join(", ")));
    }
    let trainable = (options.show_trainable && !layer.weights().is_empty()).then(|| layer.base().trainable());
    PlotBox { id, title, lines, trainable }
}

/// The model in the DOT language, which Graphviz draws.
///
/// # Errors
/// As [`plot`].
pub fn model_to_dot(model: &dyn Model, options: &PlotOptions) -> Result<String> {
    let plot = plot(model, options)?;
    let mut dot = String::from("digraph {\n");
    dot += &format!("  rankdir={}; dpi={}; splines=ortho; concentrate=true;\n", quoted(&options.rankdir), options.dpi);
    dot += "  node [shape=record, fontname=Helvetica];\n";
    for frame in &plot.frames {
        let members: Vec<String> = frame.boxes.iter().map(|&b| quoted(&plot.boxes[b].id)).collect();
        let (name, label) = (quoted(&format!("cluster_{}", frame.title)), quoted(&frame.title));
        dot += &format!("  subgraph {name} {{ label={label}; style=dashed; labeljust=l; {}; }}\n", members.join("; "));
    }
    for own in &plot.boxes {
        let escaped = |text: &str| text.replace(['{', '}', '|', '<', '>'], "");
        let trainable = own.trainable.map(|t| if t { "Trainable" } else { "Non-trainable" }.to_owned());
        let rows: Vec<String> =
            [own.title.clone()].iter().chain(&own.lines).chain(&trainable).map(|t| escaped(t)).collect();
        dot += &format!("  {} [label={}];\n", quoted(&own.id), quoted(&format!("{{{}}}", rows.join("|"))));
    }
    for &(from, to) in &plot.edges {
        dot += &format!("  {} -> {} [penwidth=2];\n", quoted(&plot.boxes[from].id), quoted(&plot.boxes[to].id));
    }
    dot += "}\n";
    Ok(dot)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
