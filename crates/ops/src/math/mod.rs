//! Element-wise arithmetic and functions.

mod activations;
mod composites;
pub(crate) mod special;
mod windows;

family! {
    absolute
    add
    arccos
    arccosh
    arcsin
    arcsinh
    arctan
    arctan2
    arctanh
    cbrt
    ceil
    clip
    complex
    conj
    cos
    cosh
    digamma
    divide
    erf
    erfc
    erfinv
    exp
    expm1
    floor
    floor_divide
    fmod
    gcd
    gelu
    gelu_tanh
    i0
    i1
    imag
    lgamma
    log
    log10
    log1p
    log2
    maximum
    minimum
    multiply
    negative
    nextafter
    power
    real
    reciprocal
    relu
    relu_grad
    remainder
    round
    rsqrt
    sigmoid
    sign
    silu
    sin
    sinh
    softplus
    sqrt
    square
    subtract
    tan
    tanh
    trigamma
    trunc
    view_as_complex
    view_as_real
}
