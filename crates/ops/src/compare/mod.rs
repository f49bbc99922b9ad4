//! Comparisons and predicates: bool results.

mod composites;

family! {
    equal
    greater
    greater_equal
    isfinite
    isinf
    isnan
    less
    less_equal
    not_equal
    signbit
}
