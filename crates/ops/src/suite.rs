//! The op suite: one table of properties that every op has, checked over every dtype that it admits and every case
//! that it lists.
//!
//! - [`check_infer`]: the types that the rule infers are the types that the reference gives.
//! - [`check_gradient`]: the rule's vector-Jacobian product is the central difference of the reference, and the
//!   product's own derivative is the central difference of the product.
//! - [`check_traced`]: the traced graph gives what the eager op gives, bit for bit.
//! - [`check_backend`]: a backend gives what the reference gives, within the op's tolerance; integers exactly.
//! - [`check_special`]: the same for element-wise ops at zeros of both signs, infinities and NaN.
//!
//! Inputs are sampled from the op's [`Cases`], always the same ones. A cotangent `w` and a tangent `t`
//! of complex values are paired as `Re Σ w t`, without conjugation.

mod compare;
mod gradient;
mod sample;

use std::fmt;

use cornet_tensor::{Array, DType, Result};

use crate::core::backend::{Backend, ReferenceBackend, run_reference, with_backend};
use crate::core::dispatch::call;
use crate::core::op::{Call, Op, Type};
use crate::core::samples::Cases;
use crate::core::tape::without_tapes;
use crate::core::tensor::Tensor;
use crate::core::trace::trace;

pub use compare::{Mismatch, compare, tolerance};
pub use gradient::check_gradient;
pub use sample::{Trial, dtypes, trials};

/// Ops that the suite does not sample, each with what covers it instead.
pub static NOT_SAMPLED: &[(&str, &str)] = &[];

/// Ops whose derivative is another one than their values have, by definition.
pub static NOT_NUMERIC: &[(&str, &str)] =
    &[("stop_gradient", "its derivative counts as zero, which is what it is for")];

/// Ops whose gradient rule is not differentiable itself, each with the reason.
pub static NOT_TWICE: &[(&str, &str)] = &[
    ("ctc_loss", "the ops end at its first derivative, ctc_loss_gradient"),
    ("digamma", "the ops end at its first derivative, trigamma"),
    ("while_loop", "while_loop_grad has none: the loop's length is not known"),
];

/// A property that does not hold: where, and both values.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The op.
    pub op: &'static str,
    /// The dtype under test.
    pub dtype: DType,
    /// The case: input types and static arguments.
    pub case: String,
    /// What went wrong: the point, what was expected, what was found.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}: {}", self.op, self.dtype, self.case, self.what)
    }
}

/// What checks of an op gave.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Cases checked.
    pub checked: usize,
    /// Properties that do not hold.
    pub failures: Vec<Failure>,
}

impl Report {
    /// Adds another report to this one.
    pub fn merge(&mut self, other: Report) {
        self.checked += other.checked;
        self.failures.extend(other.failures);
    }

    fn note(&mut self, trial: &Trial, outcome: Result<(), String>) {
        self.checked += 1;
        if let Err(what) = outcome {
            let (op, dtype, case) = (trial.op.name, trial.dtype, trial.describe());
            self.failures.push(Failure { op, dtype, case, what });
        }
    }

    /// The failures as text, one a line, cut after `most`.
    pub fn text(&self, most: usize) -> String {
        let mut lines: Vec<String> = self.failures.iter().take(most).map(Failure::to_string).collect();
        if self.failures.len() > most {
            lines.push(format!("... and {} more", self.failures.len() - most));
        }
        lines.join("\n")
    }
}

/// Runs `check` over every trial of an op.
fn over(op: &'static Op, check: impl Fn(&Trial) -> Result<(), String>) -> Report {
    let mut report = Report::default();
    match trials(op) {
        Ok(trials) => trials.iter().for_each(|trial| report.note(trial, check(trial))),
        Err(error) => report.failures.push(Failure {
            op: op.name,
            dtype: DType::F32,
            case: "sampling".to_string(),
            what: error.to_string(),
        }),
    }
    report
}

/// Inferred types are the reference's.
pub fn check_infer(op: &'static Op) -> Report {
    over(op, |trial| {
        let types = trial.types();
        let at = Call { op, inputs: &types, attrs: &trial.attrs };
        let inferred = at.infer().map_err(|e| format!("infer: {e}"))?;
        let found = run_reference(&at, &trial.inputs).map_err(|e| format!("reference: {e}"))?;
        let found: Vec<Type> = found.iter().map(Type::of).collect();
        if found.iter().eq(inferred.iter()) { Ok(()) } else { Err(format!("expected {inferred:?}, found {found:?}")) }
    })
}

/// The graph of the op, run by the interpreter, gives what the eager op gives.
pub fn check_traced(op: &'static Op) -> Report {
    over(op, |trial| {
        let text = |e: cornet_tensor::Error| e.to_string();
        let eager = eager(trial).map_err(text)?;
        let names: Vec<String> = (0..trial.inputs.len()).map(|i| format!("x{i}")).collect();
        let arguments: Vec<(&str, Type)> = names.iter().map(String::as_str).zip(trial.types()).collect();
        let traced =
            trace(op.name, &arguments, |x| Ok(call(op, &x.iter().collect::<Vec<_>>(), trial.attrs.clone()).into_vec()))
                .map_err(text)?;
        let mut outputs = Vec::new();
        ReferenceBackend
            .compile(&traced.graph)
            .and_then(|f| f.run(&trial.inputs.iter().collect::<Vec<_>>(), &mut outputs))
            .map_err(text)?;
        if outputs == eager { Ok(()) } else { Err(format!("eager {}, traced {}", show(&eager), show(&outputs))) }
    })
}

/// `backend` gives what the reference gives.
pub fn check_backend(op: &'static Op, backend: &dyn Backend) -> Report {
    let mut report = over(op, |trial| against_reference(trial, backend));
    for trial in sample::large(op) {
        report.note(&trial, against_reference(&trial, backend));
    }
    report
}

/// `backend` gives what the reference gives where floats are zero, infinite or NaN; element-wise ops alone.
pub fn check_special(op: &'static Op, backend: &dyn Backend) -> Report {
    let mut report = Report::default();
    for trial in sample::special(op) {
        report.note(&trial, against_reference(&trial, backend));
    }
    report
}

fn against_reference(trial: &Trial, backend: &dyn Backend) -> Result<(), String> {
    let types = trial.types();
    let at = Call { op: trial.op, inputs: &types, attrs: &trial.attrs };
    let expected = run_reference(&at, &trial.inputs).map_err(|e| format!("reference: {e}"))?;
    let found = backend.run(&at, &trial.inputs).map_err(|e| format!("{}: {e}", backend.name()))?;
    if found.len() != expected.len() {
        return Err(format!("expected {} results, found {}", expected.len(), found.len()));
    }
    for (i, (e, f)) in expected.iter().zip(&found).enumerate() {
        compare(trial.op, &trial.inputs, e, f).map_err(|m| format!("result {i} {}", m.at_point(trial)))?;
    }
    Ok(())
}

/// Runs a trial on the reference backend.
fn eager(trial: &Trial) -> Result<Vec<Array>> {
    let inputs: Vec<Tensor> = trial.inputs.iter().map(Tensor::from).collect();
    let outputs = without_tapes(|| {
        with_backend(&ReferenceBackend, || call(trial.op, &inputs.iter().collect::<Vec<_>>(), trial.attrs.clone()))
    });
    outputs.iter().map(Tensor::array).collect()
}

fn show(arrays: &[Array]) -> String {
    arrays.iter().map(|a| format!("{}", Tensor::from(a))).collect::<Vec<_>>().join(", ")
}

/// One line an op: family, dtypes, cases, and whether and how far its gradient is covered.
pub fn table() -> String {
    use crate::Gradient;
    let mut lines = vec![format!("{:24} {:9} {:28} {:>5}  gradient", "op", "family", "dtypes", "cases")];
    let mut counts = [0; 3];
    for (family, ops) in crate::FAMILIES {
        for op in *ops {
            let cases = trials(op).map_or(0, |t| t.len());
            let gradient = match op.gradient {
                Gradient::Rule(_) => {
                    counts[0] += 1;
                    if gradient::is_checked(op) { "rule, checked" } else { "rule, NOT CHECKED" }.to_string()
                }
                Gradient::Zero => {
                    counts[1] += 1;
                    "zero".to_string()
                }
                Gradient::None(why) => {
                    counts[2] += 1;
                    format!("none: {why}")
                }
            };
            let note = if matches!(op.cases, Cases::None) { " (not sampled)" } else { "" };
            lines.push(format!("{:24} {family:9} {:28} {cases:>5}  {gradient}{note}", op.name, op.dtypes.to_string()));
        }
    }
    let total: usize = counts.iter().sum();
    lines.push(format!(
        "{total} ops: {} with a gradient rule, {} of zero derivative, {} without derivative",
        counts[0], counts[1], counts[2]
    ));
    lines.join("\n")
}
