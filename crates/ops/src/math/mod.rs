//! Element-wise arithmetic and functions.

family! {
    add
    divide
    exp
    log
    log1p
    maximum
    minimum
    multiply
    negative
    subtract
    tanh
}
