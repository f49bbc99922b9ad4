//! Integers as bits.

family! {
    bitwise_and
    bitwise_not
    bitwise_or
    bitwise_xor
    left_shift
    right_shift
    view
}
