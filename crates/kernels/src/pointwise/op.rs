//! The operations of element-wise programs.

use crate::element::Element;

/// Which elements an operation takes and gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All operands of one integer or float type, which is the result's.
    Numeric,
    /// All operands of one float type, which is the result's.
    Float,
    /// All operands bool, or of one integer type, which is the result's.
    Bits,
    /// All operands of one integer type, which is the result's.
    Int,
    /// All operands of one type, the result bool.
    Compare,
    /// One operand of a float type, the result bool.
    FloatTest,
    /// A bool and two operands of one type, which is the result's.
    Select,
}

macro_rules! ops {
    ($($variant:ident $name:literal $arity:literal $kind:ident $doc:literal;)+) => {
        /// An element-wise operation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Op { $(#[doc = $doc] $variant,)+ }

        impl Op {
            /// Every operation.
            pub const ALL: &'static [Op] = &[$(Op::$variant,)+];

            /// The snake_case name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Op::$variant => $name,)+ }
            }

            /// Number of operands.
            #[must_use]
            pub const fn arity(self) -> usize {
                match self { $(Op::$variant => $arity,)+ }
            }

            /// Which elements it takes and gives.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $(Op::$variant => Kind::$kind,)+ }
            }
        }
    };
}

ops! {
    Neg "neg" 1 Numeric "`-x`.";
    Abs "abs" 1 Numeric "`|x|`; wraps at the least integer.";
    Sign "sign" 1 Numeric "-1, 0 or 1; NaN for NaN.";
    Square "square" 1 Numeric "`x x`.";
    Relu "relu" 1 Numeric "`max(0, x)`.";
    Recip "recip" 1 Float "`1 / x`.";
    Sqrt "sqrt" 1 Float "Square root.";
    Rsqrt "rsqrt" 1 Float "`1 / sqrt(x)`.";
    Exp "exp" 1 Float "`e^x`.";
    Expm1 "expm1" 1 Float "`e^x - 1`.";
    Log "log" 1 Float "Natural logarithm.";
    Log2 "log2" 1 Float "Logarithm to base 2.";
    Log10 "log10" 1 Float "Logarithm to base 10.";
    Log1p "log1p" 1 Float "`ln(1 + x)`.";
    Sin "sin" 1 Float "Sine.";
    Cos "cos" 1 Float "Cosine.";
    Tan "tan" 1 Float "Tangent.";
    Asin "asin" 1 Float "Inverse sine.";
    Acos "acos" 1 Float "Inverse cosine.";
    Atan "atan" 1 Float "Inverse tangent.";
    Sinh "sinh" 1 Float "Hyperbolic sine.";
    Cosh "cosh" 1 Float "Hyperbolic cosine.";
    Tanh "tanh" 1 Float "Hyperbolic tangent.";
    Asinh "asinh" 1 Float "Inverse hyperbolic sine.";
    Acosh "acosh" 1 Float "Inverse hyperbolic cosine.";
    Atanh "atanh" 1 Float "Inverse hyperbolic tangent.";
    Erf "erf" 1 Float "Error function.";
    Erfc "erfc" 1 Float "`1 - erf(x)`, accurate in the tail.";
    ErfInv "erf_inv" 1 Float "Inverse error function.";
    Lgamma "lgamma" 1 Float "Logarithm of the absolute value of the gamma function.";
    Digamma "digamma" 1 Float "Derivative of the logarithm of the gamma function.";
    Sigmoid "sigmoid" 1 Float "`1 / (1 + e^-x)`.";
    Silu "silu" 1 Float "`x / (1 + e^-x)`.";
    Softplus "softplus" 1 Float "`ln(1 + e^x)`.";
    Gelu "gelu" 1 Float "`x Φ(x)`.";
    GeluTanh "gelu_tanh" 1 Float "`x Φ(x)` by its tanh approximation.";
    Floor "floor" 1 Float "Towards minus infinity.";
    Ceil "ceil" 1 Float "Towards plus infinity.";
    Round "round" 1 Float "To the nearest integer, ties to even.";
    Trunc "trunc" 1 Float "Towards zero.";
    IsNan "is_nan" 1 FloatTest "Whether `x` is NaN.";
    IsInf "is_inf" 1 FloatTest "Whether `x` is infinite.";
    IsFinite "is_finite" 1 FloatTest "Whether `x` is neither NaN nor infinite.";
    Not "not" 1 Bits "Logical not of a bool, bitwise not of an integer.";
    Add "add" 2 Numeric "`a + b`.";
    Sub "sub" 2 Numeric "`a - b`.";
    Mul "mul" 2 Numeric "`a b`.";
    Div "div" 2 Numeric "`a / b`; of integers, towards zero, and 0 where `b` is 0.";
    FloorDiv "floor_div" 2 Numeric "`floor(a / b)`; of integers, 0 where `b` is 0.";
    Rem "rem" 2 Numeric "Remainder with the sign of `a`; of integers, 0 where `b` is 0.";
    FloorMod "floor_mod" 2 Numeric "Remainder with the sign of `b`; of integers, 0 where `b` is 0.";
    Max "max" 2 Numeric "The larger; NaN if either is.";
    Min "min" 2 Numeric "The smaller; NaN if either is.";
    Pow "pow" 2 Numeric "`a^b`; of integers, wrapping, and 0 for a negative exponent unless `a` is 1 or -1.";
    Atan2 "atan2" 2 Float "Angle of the point `(b, a)`.";
    ReluGrad "relu_grad" 2 Numeric "`b > 0 ? a : 0`.";
    Eq "eq" 2 Compare "`a == b`.";
    Ne "ne" 2 Compare "`a != b`, true if either is NaN.";
    Lt "lt" 2 Compare "`a < b`.";
    Le "le" 2 Compare "`a <= b`.";
    Gt "gt" 2 Compare "`a > b`.";
    Ge "ge" 2 Compare "`a >= b`.";
    And "and" 2 Bits "Logical or bitwise and.";
    Or "or" 2 Bits "Logical or bitwise or.";
    Xor "xor" 2 Bits "Logical or bitwise exclusive or.";
    Shl "shl" 2 Int "`a << b`; 0 for `b` outside the width.";
    Shr "shr" 2 Int "`a >> b`, arithmetic for signed integers; all sign bits for `b` outside the width.";
    MulAdd "mul_add" 3 Numeric "`a b + c`, rounded once where floats.";
    Clamp "clamp" 3 Numeric "`min(max(a, b), c)`.";
    Select "select" 3 Select "`a ? b : c`.";
}

impl Op {
    /// The result's element for these operands, or `None` where the operation does not admit them.
    #[must_use]
    pub fn result(self, operands: &[Element]) -> Option<Element> {
        if operands.len() != self.arity() {
            return None;
        }
        let e = *operands.last()?;
        let same = operands.iter().all(|&x| x == e);
        let bool_or_int = e == Element::Bool || e.is_int();
        match self.kind() {
            Kind::Numeric => (same && e != Element::Bool).then_some(e),
            Kind::Float => (same && e.is_float()).then_some(e),
            Kind::Bits => (same && bool_or_int).then_some(e),
            Kind::Int => (same && e.is_int()).then_some(e),
            Kind::Compare => same.then_some(Element::Bool),
            Kind::FloatTest => e.is_float().then_some(Element::Bool),
            Kind::Select => (operands[0] == Element::Bool && operands[1] == e).then_some(e),
        }
    }
}
