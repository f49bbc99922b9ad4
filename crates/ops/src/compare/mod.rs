//! Comparisons: bool results.

family! {
    equal
    greater
    greater_equal
    less
    less_equal
    not_equal
}
