//! The op suite over every op, on the reference backend.

use std::collections::HashSet;

use cornet_ops::suite::{self, Report};
use cornet_ops::{Cases, Gradient, Op, ReferenceBackend};

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
