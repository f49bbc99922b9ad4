//! Weights of older files: lists of arrays by layer.

use std::collections::HashSet;
use std::sync::Arc;

use cornet_error::{Error, Result, err};
use cornet_format_keras::{Legacy, LegacyLayer};
use cornet_ops::Variable;
use cornet_tensor::Array;

use super::kernels::{self, Origin};
use crate::layers::{Adapter, Layer};
use crate::models::Model;

/// How weights are matched with layers.
#[derive(Clone, Debug, Default)]
pub struct WeightOptions {
    pub(crate) by_name: bool,
    pub(crate) skip_mismatch: bool,
}

impl WeightOptions {
    /// Keras's defaults: by order, and every weight must fit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether layers are found by their names, and those of either side without one of the other are left as they
    /// are; by default the layers with weights follow each other as in the file. For files of layers by name
    /// (`.h5`) alone.
    #[must_use]
    pub fn by_name(mut self, by_name: bool) -> Self {
        self.by_name = by_name;
        self
    }

    /// Whether weights of another shape or number are left out instead of being an error.
    #[must_use]
    pub fn skip_mismatch(mut self, skip: bool) -> Self {
        self.skip_mismatch = skip;
        self
    }
}

/// A weight of a layer that a list of arrays is to fill.
pub(super) struct Target {
    pub variable: Variable,
    /// The layer that owns it.
    pub owner: Arc<Owner>,
    /// Its place among the weights of that layer.
    pub place: usize,
    is_trained: bool,
}

/// A layer that owns weights.
pub(super) struct Owner {
    pub class: String,
    pub is_channels_first: bool,
}

/// The weights of a layer and of its parts in the order in which layers have them.
fn targets(layer: &dyn Layer, is_frozen: bool, found: &mut Vec<Target>) {
    let is_frozen = is_frozen || !layer.base().trainable();
    let weights = layer.base().weights();
    if !weights.is_empty() {
        let format = layer.arguments().get("data_format").and_then(|v| v.as_str()) == Some("channels_first");
        let owner = Arc::new(Owner { class: layer.class_name().to_owned(), is_channels_first: format });
        for (place, weight) in weights.iter().enumerate() {
            let is_trained = !is_frozen && weight.variable.trainable();
            found.push(Target { variable: weight.variable.clone(), owner: owner.clone(), place, is_trained });
        }
    }
    for (_, part) in layer.parts() {
        targets(&*part, is_frozen, found);
    }
}

/// The same in the order of older files: those that are trained first.
pub(super) fn in_older_order(layer: &dyn Layer) -> Vec<Target> {
    let mut found = Vec::new();
    targets(layer, false, &mut found);
    found.sort_by_key(|target| !target.is_trained);
    found
}

/// In the orders that versions of Keras have had, the usual one first: what is trained before what is not, with
/// layers frozen or as if none were, and layer by layer.
fn orders(layer: &dyn Layer) -> Vec<Vec<Target>> {
    let mut thawed = Vec::new();
    targets(layer, false, &mut thawed);
    thawed.sort_by_key(|target| !target.variable.trainable());
    let mut plain = Vec::new();
    targets(layer, false, &mut plain);
    vec![in_older_order(layer), thawed, plain]
}

fn has_weights(layer: &dyn Layer) -> bool {
    !layer.base().weights().is_empty() || layer.parts().iter().any(|(_, part)| has_weights(&**part))
}

/// A layer's arrays, ready to be set.
struct Fit {
    values: Vec<(Variable, Array)>,
}

/// Loads weights into a model whose layers are made; says what was left out.
pub(super) fn load(model: &dyn Model, legacy: &Legacy, origin: Origin, options: &WeightOptions) -> Result<Vec<String>> {
    let mut skipped = Vec::new();
    let mut fits = Vec::new();
    let pairs = if options.by_name { by_name(model, legacy) } else { by_order(model, legacy)? };
    for (layer, saved) in &pairs {
        let place = |e: Error| e.within(format!("layer '{}'", layer.name()));
        match fit(&**layer, &saved.weights, origin, options, &mut skipped) {
            Ok(fit) => fits.push(fit),
            Err(error) if options.skip_mismatch && options.by_name => skipped.push(place(error).to_string()),
            Err(error) => return Err(place(error)),
        }
    }
    for (variable, value) in fits.into_iter().flat_map(|fit| fit.values) {
        variable.set(value)?;
    }
    for (layer, _) in &pairs {
        clear_adapters(&**layer)?;
    }
    Ok(skipped)
}

fn clear_adapters(layer: &dyn Layer) -> Result<()> {
    layer.base().adapter().map_or(Ok(()), Adapter::clear)?;
    layer.parts().iter().try_for_each(|(_, part)| clear_adapters(&**part))
}

type Pairs<'a> = Vec<(Arc<dyn Layer>, &'a LegacyLayer)>;

/// Layers of the model and of the file with the same name, those inside models that the file lists one by one too.
fn by_name<'a>(model: &dyn Model, legacy: &'a Legacy) -> Pairs<'a> {
    let names: HashSet<&str> = legacy.layers.iter().map(|saved| saved.name.as_str()).collect();
    let mut layers = Vec::new();
    spread(model, &names, &mut layers);
    let with = |saved: &'a LegacyLayer| {
        let named: Vec<_> = layers.iter().filter(|layer| layer.name() == saved.name).cloned().collect();
        named.into_iter().map(move |layer| (layer, saved))
    };
    legacy.layers.iter().filter(|saved| !saved.weights.is_empty()).flat_map(with).collect()
}

/// Layers with weights of the model and of the file in their order.
fn by_order<'a>(model: &dyn Model, legacy: &'a Legacy) -> Result<Pairs<'a>> {
    let saved: Vec<&LegacyLayer> = legacy.layers.iter().filter(|saved| !saved.weights.is_empty()).collect();
    let mut layers = model.layers();
    layers.retain(|layer| has_weights(&**layer));
    if layers.len() != saved.len() {
        // Models that stood in a Merge of Keras 1 are listed layer by layer.
        let names = saved.iter().map(|saved| saved.name.as_str()).collect();
        let mut spread_out = Vec::new();
        spread(model, &names, &mut spread_out);
        spread_out.retain(|layer| has_weights(&**layer));
        if spread_out.len() != saved.len() {
            let names: Vec<&str> = saved.iter().map(|saved| saved.name.as_str()).collect();
            return Err(err!(
                InvalidArgument,
                "weights: expected {} layers with weights, found {}",
                layers.len(),
                saved.len()
            )
            .operand("in the file", names.join(", "))
            .operand("in the model", layers.iter().map(|layer| layer.name()).collect::<Vec<_>>().join(", "))
            .help("the file belongs to another model; load by name what the two have in common"));
        }
        layers = spread_out;
    }
    Ok(layers.into_iter().zip(saved).collect())
}

/// The layers of a model, and instead of models in it that the file does not name their layers.
fn spread(model: &dyn Model, names: &HashSet<&str>, found: &mut Vec<Arc<dyn Layer>>) {
    for layer in model.layers() {
        match layer.as_model_layer() {
            Some(inner) if !names.contains(layer.name()) => spread(inner, names, found),
            _ => found.push(layer),
        }
    }
}

/// Which array goes where.
fn fit(
    layer: &dyn Layer,
    saved: &[(String, Array)],
    origin: Origin,
    options: &WeightOptions,
    skipped: &mut Vec<String>,
) -> Result<Fit> {
    let arrays = kernels::joined(saved)?;
    let mut first = None;
    for targets in orders(layer) {
        let values = kernels::converted(&targets, &arrays, origin)?;
        if targets.len() == values.len() && targets.iter().zip(&values).all(|(t, v)| t.variable.shape() == v.shape()) {
            let cast = |(target, value): (&Target, &Array)| {
                Ok((target.variable.clone(), value.cast(target.variable.dtype())?))
            };
            return Ok(Fit { values: targets.iter().zip(&values).map(cast).collect::<Result<_>>()? });
        }
        first.get_or_insert((targets, values));
    }
    let (targets, values) = first.ok_or_else(|| err!(Internal, "weights: a layer without an order"))?;
    if targets.len() != values.len() {
        let (expected, found) = (targets.len(), values.len());
        return Err(err!(InvalidArgument, "weights: expected {expected}, found {found}")
            .operand("in the file", saved.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", "))
            .help("the file belongs to another model"));
    }
    let mut fit = Fit { values: Vec::new() };
    for (target, value) in targets.iter().zip(&values) {
        let (expected, found) = (target.variable.shape(), value.shape());
        if expected == found {
            fit.values.push((target.variable.clone(), value.cast(target.variable.dtype())?));
            continue;
        }
        let name = target.variable.name();
        if !options.skip_mismatch {
            return Err(err!(ShapeMismatch, "weight: expected {expected}, found {found}")
                .operand("variable", name)
                .help("the file belongs to another model"));
        }
        skipped.push(format!("{name}: expected {expected}, found {found}"));
    }
    Ok(fit)
}
