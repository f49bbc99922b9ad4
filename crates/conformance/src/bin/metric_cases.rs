//! Answers the cases of `python/metrics.py`: `metric_cases FOLDER`; `metric_cases --words` prints what words of `compile`
//! stand for, one JSON object a line of standard input.
//!
//! A loss is made from its object and called, op by op and as a compiled graph: values and gradients. A metric is made
//! from its object and given batch after batch, op by op and by compiled graphs: the result after every batch, and the
//! variables at the end.

use std::io::BufRead;
use std::path::Path;

use cornet_conformance::exchange::{Answer, Arrays, answer_all, list};
use cornet_cpu as _;
use cornet_error::{Error, Result, fail};
use cornet_nn::losses::{self, Loss};
use cornet_nn::metrics::{self, Metric, MetricArg, metric_to_json};
use cornet_ops::{GradientTape, Tensor, Type};
use cornet_runtime::Concrete;
use cornet_tensor::{Array, Shape};
use serde_json::{Value, json};

/// Targets, predictions, and, where there are, weights and a mask.
struct Batch {
    arrays: Vec<Array>,
    has_weight: bool,
    has_mask: bool,
}

impl Batch {
    fn of(names: &Value, arrays: &Arrays) -> Result<Self> {
        let all = arrays.optional(names)?;
        let has = |i: usize| all.get(i).is_some_and(Option::is_some);
        Ok(Self { has_weight: has(2), has_mask: has(3), arrays: all.iter().flatten().cloned().collect() })
    }

    fn split<'a>(&self, all: &'a [Tensor]) -> (&'a Tensor, &'a Tensor, Option<&'a Tensor>, Option<&'a Tensor>) {
        let weight = self.has_weight.then(|| &all[2]);
        (&all[0], &all[1], weight, self.has_mask.then(|| &all[2 + usize::from(self.has_weight)]))
    }

    fn tensors(&self) -> Vec<Tensor> {
        self.arrays.iter().map(Tensor::from).collect()
    }

    /// Runs the body as a compiled graph of the arrays.
    fn compiled(&self, body: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>) -> Result<Vec<Array>> {
        let types: Vec<Type> = self.arrays.iter().map(Type::of).collect();
        let function = Concrete::trace("case", &types, body)?;
        let mut results = Vec::new();
        function.run(&self.arrays.iter().collect::<Vec<_>>(), &mut results)?;
        Ok(results)
    }
}

/// Value and gradient of a loss.
fn run_loss(loss: &Loss, batch: &Batch, all: &[Tensor]) -> Result<Vec<Tensor>> {
    let (y_true, y_pred, weight, mask) = batch.split(all);
    let tape = GradientTape::new();
    tape.watch(y_pred);
    let value = loss.call_weighted(y_true, y_pred, weight, mask)?;
    let mut gradient = tape.gradient(&value.sum(&[], false), &[y_pred])?;
    gradient.insert(0, value);
    Ok(gradient)
}

fn answer_loss(case: &Value, batch: &Batch, to: &mut Answer) -> Result<()> {
    let loss = Loss::from_json(&case["object"])?;
    to.facts.insert("object".into(), loss.to_json());
    let eager = run_loss(&loss, batch, &batch.tensors())?.iter().map(Tensor::array).collect::<Result<Vec<_>>>()?;
    let compiled = batch.compiled(|all| run_loss(&loss, batch, all))?;
    for (kind, found) in [("eager", eager), ("compiled", compiled)] {
        let named = ["value", "gradient"].iter().zip(found);
        to.arrays.extend(named.map(|(name, array)| (format!("{kind}:{name}"), array)));
    }
    Ok(())
}

/// The results after each batch, and the state.
fn run_metric(kind: &str, case: &Value, batches: &[Batch], to: &mut Answer) -> Result<()> {
    let metric = MetricArg::from_json(&case["object"])?.resolve(&Shape::scalar(), &Shape::scalar())?;
    for (i, batch) in batches.iter().enumerate() {
        let update = |all: &[Tensor]| {
            let (y_true, y_pred, weight, mask) = batch.split(all);
            metric.update_masked(y_true, y_pred, weight, mask)
        };
        match kind {
            "eager" => update(&batch.tensors())?,
            _ => batch.compiled(|all| update(all).map(|()| Vec::new())).map(|_| ())?,
        }
        to.arrays.push((format!("{kind}:result {i}"), metric.result_array()?));
    }
    let state = metric.variables();
    to.facts.insert("variables".into(), state.iter().map(|v| v.name().to_owned()).collect());
    for variable in &state {
        to.arrays.push((format!("{kind}:{}", variable.name()), variable.value()?));
    }
    to.facts.insert("object".into(), metric_to_json(&*metric));
    metric.reset_state()?;
    let left = metric.variables().iter().map(|v| v.value()?.to_f64()).collect::<Result<Vec<_>>>()?;
    if left.concat().iter().any(|v| *v != 0.0) {
        fail!(Internal, "reset_state leaves {left:?}");
    }
    Ok(())
}

fn answer(case: &Value, arrays: &Arrays, to: &mut Answer) -> Result<()> {
    let batches = list(&case["batches"]).iter().map(|names| Batch::of(names, arrays)).collect::<Result<Vec<_>>>()?;
    match (case["kind"].as_str(), &batches[..]) {
        (Some("loss"), [batch]) => answer_loss(case, batch, to),
        (Some("metric"), batches) => {
            ["eager", "compiled"].iter().try_for_each(|kind| run_metric(kind, case, batches, to))
        }
        _ => fail!(InvalidArgument, "case: expected a loss or a metric, found {}", case["kind"]),
    }
}

/// What a word stands for: the class of the loss and of the metric, null for none.
fn word(word: &str) -> Value {
    let class = |of: &dyn Metric| of.class_name().to_owned();
    let loss = losses::get(word).ok().map(|loss| loss.function().class_name().to_owned());
    json!({"word": word, "loss": loss, "metric": metrics::get(word).ok().map(|metric| class(&*metric))})
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [flag] if flag == "--words" => std::io::stdin().lock().lines().try_for_each(|line| {
            let line = line.map_err(|e| Error::io("read", Path::new("standard input"), &e))?;
            println!("{}", word(&line));
            Ok(())
        }),
        [folder] => answer_all(Path::new(folder), answer),
        _ => fail!(InvalidArgument, "see the beginning of src/bin/metric_cases.rs for the arguments"),
    }
}
