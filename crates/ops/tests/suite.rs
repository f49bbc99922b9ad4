//! The op suite over every op, on the reference backend.

use std::collections::HashSet;

use cornet_ops::core::point::PointRef;
use cornet_ops::suite::{self, Report};
use cornet_ops::{Backend, Call, Cases, Executable, Gradient, Graph, Op, Reference, ReferenceBackend, grads};
use cornet_tensor::{Array, DType, Result};

fn hold(check: impl Fn(&'static Op) -> Report) {
    let mut report = Report::default();
    cornet_ops::all().for_each(|op| report.merge(check(op)));
    assert!(report.checked > 0);
    assert!(report.failures.is_empty(), "{} of {}:\n{}", report.failures.len(), report.checked, report.text(60));
}

#[test]
fn inferred_types_are_the_references() {
    hold(suite::check_infer);
}

#[test]
fn gradients_are_central_differences() {
    hold(suite::check_gradient);
}

#[test]
fn graphs_give_what_eager_ops_give() {
    hold(suite::check_traced);
}

#[test]
fn the_reference_backend_passes_its_own_check() {
    hold(|op| {
        let mut report = suite::check_backend(op, &ReferenceBackend);
        report.merge(suite::check_special(op, &ReferenceBackend));
        report
    });
}

#[test]
fn every_op_is_named_documented_and_covered() {
    let mut names = HashSet::new();
    for op in cornet_ops::all() {
        let name = op.name;
        assert!(names.insert(name), "{name} is listed twice");
        assert!(
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
            "{name}: not snake_case"
        );
        assert!(!op.doc.is_empty() && !op.source.is_empty(), "{name}: no doc or no source");
        assert!(op.arity.0 <= op.arity.1, "{name}: arity");
        if let Gradient::None(why) = op.gradient {
            assert!(!why.is_empty(), "{name}: no reason for having no derivative");
        }
        match op.cases {
            Cases::Point(domains) => {
                assert!(op.is_pointwise(), "{name}: point cases of an op that is not element-wise");
                assert!((op.arity.0..=op.arity.1).contains(&domains.len()), "{name}: domains");
            }
            Cases::None => assert!(
                suite::NOT_SAMPLED.iter().any(|(n, _)| *n == name),
                "{name}: has no cases and is not in NOT_SAMPLED"
            ),
            Cases::Of(cases) => assert!(!cases().is_empty(), "{name}: no cases"),
        }
    }
    for (name, _) in suite::NOT_SAMPLED.iter().chain(suite::NOT_NUMERIC).chain(suite::NOT_TWICE) {
        assert!(names.contains(name), "{name} is in an exception list, but is no op");
    }
    println!("{}", suite::table());
}

/// The reference, but for bit 5 of the last float32 or int32 of every result.
struct Slightly;

impl Backend for Slightly {
    fn name(&self) -> &'static str {
        "slightly"
    }

    fn run(&self, call: &Call<'_>, inputs: &[Array]) -> Result<Vec<Array>> {
        let mut results = ReferenceBackend.run(call, inputs)?;
        for result in &mut results {
            if matches!(result.dtype(), DType::F32 | DType::I32)
                && let Some(byte) = result.bytes_mut().rchunks_mut(4).next()
            {
                byte[0] ^= 1 << 5;
            }
        }
        Ok(results)
    }

    fn compile(&self, graph: &Graph) -> Result<Box<dyn Executable>> {
        ReferenceBackend.compile(graph)
    }
}

#[test]
fn a_slightly_wrong_backend_is_caught_in_every_op() {
    for name in ["add", "exp", "matmul", "sum", "where", "gelu", "argmax", "power"] {
        let op = cornet_ops::find(name).expect("an op");
        let report = suite::check_backend(op, &Slightly);
        let caught = |d: DType| report.failures.iter().any(|f| f.dtype == d);
        // The gelus' bound is relative to x, not to the result.
        assert!(name == "gelu" || caught(DType::F32), "{name} float32");
        assert!(name != "add" || caught(DType::I32), "{name} int32");
        assert!(report.failures.iter().all(|f| f.to_string().contains("expected")), "{}", report.text(3));
    }
}

#[test]
fn a_wrong_gradient_is_caught() {
    static WRONG: Op = Op {
        name: "wrong",
        gradient: Gradient::Rule(|g| grads![g.dy() * g.y() * 1.0001]),
        reference: Reference::Point(PointRef::float(|x| x[0].exp())),
        ..Op::UNARY
    };
    let report = suite::check_gradient(&WRONG);
    assert!(report.checked > 0 && report.failures.len() == report.checked, "{}", report.text(3));
    assert!(report.failures[0].to_string().starts_with("wrong float64"), "{}", report.failures[0]);
}
