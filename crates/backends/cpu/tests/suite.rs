//! The op suite on the CPU backend: every kernel against its reference.

use cornet_ops::suite::{self, Report};
use cornet_ops::{Op, backend};

use cornet_cpu as _;

fn hold(check: impl Fn(&'static Op) -> Report) {
    assert_eq!(backend().name(), "cpu");
    let mut report = Report::default();
    cornet_ops::all().for_each(|op| report.merge(check(op)));
    assert!(report.checked > 0);
    assert!(report.failures.is_empty(), "{} of {}:\n{}", report.failures.len(), report.checked, report.text(60));
}

#[test]
fn kernels_give_what_references_give() {
    hold(|op| suite::check_backend(op, backend()));
}

#[test]
fn kernels_treat_infinities_and_nan_as_references_do() {
    hold(|op| suite::check_special(op, backend()));
}
