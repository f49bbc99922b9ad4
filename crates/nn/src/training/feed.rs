//! Which array of a batch is which argument of a step.

use std::sync::Arc;

use cornet_error::{Result, err, fail};
use cornet_tensor::{Array, DType};
use smallvec::SmallVec;

use super::arrays::{Fields, Part, ready};
use super::batches::Batch;
use super::compile::{count_mismatch, no_output};
use super::trainer::Compiled;
use crate::arg::closest;
use crate::models::Model;

/// How the arguments of a step are put together: inputs, then targets, then weights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Layout {
    /// The number of inputs.
    pub inputs: usize,
    /// The argument that is the target of each output.
    pub targets: Vec<Option<usize>>,
    /// The argument that has the weights of each output's samples.
    pub weights: Vec<Option<usize>>,
}

/// Arguments of a step.
pub(crate) type Arguments = SmallVec<[Array; 8]>;

/// Brings batches into the order of a model's inputs and outputs.
pub(crate) struct Feed {
    inputs: Vec<String>,
    outputs: Vec<String>,
    /// Which outputs have a loss.
    with_loss: Vec<bool>,
    /// Whether targets are those of the model's outputs, since a loss or a metric compares them.
    is_compared: bool,
    /// How many classes each output tells apart, if its targets are class numbers.
    classes: Vec<Option<usize>>,
    known: Option<Known>,
}

/// What was found out for batches with such fields.
struct Known {
    counts: [usize; 3],
    names: [Option<Arc<[String]>>; 3],
    layout: Arc<Layout>,
    /// The place among the fields of each argument.
    places: Vec<(Part, usize)>,
}

impl Feed {
    /// For the steps of a model; `compiled` is missing where nothing is compared with targets.
    pub fn new(model: &dyn Model, compiled: Option<&Compiled>) -> Result<Self> {
        let (inputs, outputs) = (model.entry_names(), compiled.map_or_else(Vec::new, |c| c.outputs().to_vec()));
        let with_loss = compiled.map_or_else(Vec::new, Compiled::outputs_with_loss);
        let classes = match (compiled.filter(|c| c.takes_class_numbers()), model.input_shapes()) {
            (Some(compiled), Some(shapes)) => compiled.classes(&model.compute_output_shape(&shapes)?),
            _ => vec![None; outputs.len()],
        };
        let is_compared = compiled.is_some_and(Compiled::compares);
        Ok(Self { inputs, outputs, with_loss, is_compared, classes, known: None })
    }

    /// The arguments of a step for a batch, and how they are put together.
    pub fn arguments(&mut self, batch: &Batch) -> Result<(Arc<Layout>, Arguments)> {
        let fields = [&batch.x, &batch.y, &batch.sample_weight];
        let is_same = |known: &Known| {
            (0..3).all(|i| {
                let (a, b) = (&known.names[i], &fields[i].names);
                known.counts[i] == fields[i].arrays.len()
                    && (a.is_none() && b.is_none()
                        || matches!((a, b), (Some(a), Some(b)) if Arc::ptr_eq(a, b) || a == b))
            })
        };
        if !self.known.as_ref().is_some_and(is_same) {
            self.known = Some(self.resolve(fields)?);
        }
        let Some(known) = &self.known else { fail!(Internal, "a batch without a layout") };
        let mut arguments = Arguments::new();
        for &(part, place) in &known.places {
            arguments.push(ready(&fields[part as usize].arrays[place], part)?);
        }
        Ok((known.layout.clone(), arguments))
    }

    /// Fails if a class number among the targets is beyond the classes.
    pub fn check_classes(&self, layout: &Layout, arguments: &[Array]) -> Result<()> {
        for (target, classes) in layout.targets.iter().zip(&self.classes) {
            if let (Some(target), Some(classes)) = (target, classes) {
                check_classes(&arguments[*target], *classes)?;
            }
        }
        Ok(())
    }

    fn resolve(&self, fields: [&Fields; 3]) -> Result<Known> {
        let [x, y, w] = fields;
        let mut places: Vec<(Part, usize)> = self.inputs_of(x)?.into_iter().map(|at| (Part::Input, at)).collect();
        let inputs = places.len();
        let of_outputs = self.targets_of(y)?;
        let mut targets = vec![None; of_outputs.len()];
        for (output, at) in of_outputs.iter().enumerate() {
            if let Some(at) = at {
                targets[output] = Some(places.len());
                places.push((Part::Target, *at));
            }
        }
        let mut weights = vec![None; targets.len()];
        let given = self.weights_of(w, &of_outputs)?;
        for at in 0..w.arrays.len() {
            let mut users = (0..given.len()).filter(|output| given[*output] == Some(at)).peekable();
            if users.peek().is_some() {
                users.for_each(|output| weights[output] = Some(places.len()));
                places.push((Part::Weight, at));
            }
        }
        let layout = Arc::new(Layout { inputs, targets, weights });
        let counts = [x.arrays.len(), y.arrays.len(), w.arrays.len()];
        Ok(Known { counts, names: fields.map(|f| f.names.clone()), layout, places })
    }

    fn inputs_of(&self, x: &Fields) -> Result<Vec<usize>> {
        // A model that is not built may not know the names yet.
        let Some(names) = x.names.as_ref().filter(|_| !self.inputs.is_empty()) else {
            return Ok((0..x.arrays.len()).collect());
        };
        let known: Vec<&str> = self.inputs.iter().map(String::as_str).collect();
        if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
            let error = err!(InvalidArgument, "x: expected the inputs {}, found '{name}'", known.join(", "));
            return Err(match closest(name, &known) {
                Some(near) => error.help(format!("did you mean '{near}'?")),
                None => error.help("inputs are named as the layers that take them: Input::new(..).name(..)"),
            });
        }
        let place = |input: &String| {
            names.iter().position(|name| name == input).ok_or_else(|| {
                err!(InvalidArgument, "x: expected an array for the input '{input}', found {}", names.join(", "))
            })
        };
        self.inputs.iter().map(place).collect()
    }

    /// The place of each output's target.
    fn targets_of(&self, y: &Fields) -> Result<Vec<Option<usize>>> {
        let (outputs, found) = (&self.outputs, y.arrays.len());
        if let Some(names) = &y.names {
            if let Some(name) = names.iter().find(|name| !outputs.contains(name)) {
                return Err(no_output("y", outputs, name));
            }
            return Ok(outputs.iter().map(|output| names.iter().position(|name| name == output)).collect());
        }
        let losses = self.with_loss.iter().filter(|has| **has).count();
        if found == outputs.len() || !self.is_compared {
            return Ok((0..found).map(Some).collect());
        }
        if found == 0 {
            return Ok(vec![None; outputs.len()]);
        }
        if found == losses {
            let mut next = 0..found;
            return Ok(self.with_loss.iter().map(|has| if *has { next.next() } else { None }).collect());
        }
        Err(count_mismatch("y", outputs, found).help("give the targets as a list with one array an output, or by name"))
    }

    /// The place of the weights of each output's samples.
    fn weights_of(&self, w: &Fields, targets: &[Option<usize>]) -> Result<Vec<Option<usize>>> {
        let given = targets.iter().flatten().count();
        if let Some(names) = &w.names {
            if let Some(name) = names.iter().find(|name| !self.outputs.contains(name)) {
                return Err(no_output("sample_weight", &self.outputs, name));
            }
            return Ok(self.outputs.iter().map(|output| names.iter().position(|name| name == output)).collect());
        }
        match &w.arrays[..] {
            [] => Ok(vec![None; targets.len()]),
            [one] => {
                let shape = one.shape();
                if given > 1 && !matches!(shape[..], [_] | [_, 1]) {
                    return Err(err!(
                        ShapeMismatch,
                        "sample_weight: expected one weight a sample, for all {given} outputs, found {shape}"
                    )
                    .help("give one array of weights for each output"));
                }
                Ok(vec![Some(0); targets.len()])
            }
            several if several.len() == given => Ok(targets.to_vec()),
            several => Err(count_mismatch("sample_weight", &self.outputs, several.len())),
        }
    }
}

/// Fails if a class number is none of `classes`.
fn check_classes(target: &Array, classes: usize) -> Result<()> {
    let is_class = |label: i64| usize::try_from(label).is_ok_and(|label| label < classes);
    let wrong = match target.dtype() {
        DType::I32 => {
            let labels = target.as_slice::<i32>()?;
            labels.iter().position(|&l| !is_class(l.into())).map(|at| (at, i64::from(labels[at])))
        }
        DType::F32 => {
            let labels = target.as_slice::<f32>()?;
            labels.iter().position(|&l| !is_class(l as i64)).map(|at| (at, labels[at] as i64))
        }
        _ => {
            let labels = target.cast(DType::I64)?.to_i64()?;
            labels.iter().position(|&l| !is_class(l)).map(|at| (at, labels[at]))
        }
    };
    let Some((at, found)) = wrong else { return Ok(()) };
    let row = target.elements() / target.shape().first().copied().unwrap_or(1).max(1);
    let sample = at / row.max(1);
    let error =
        err!(OutOfRange, "y, sample {sample}: expected a class from 0 to {}, found {found}", classes as i64 - 1);
    Err(error
        .operand("y", target.shape())
        .operand("classes", classes)
        .help("the last layer needs as many units as there are classes, counted from 0"))
}
