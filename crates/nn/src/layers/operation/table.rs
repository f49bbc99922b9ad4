//! The ops that functional models may have, by Keras's class.

use cornet_error::{Result, err};
use cornet_ops::Tensor;

use super::arguments::Values;

/// An op: class, module of Keras, and what it computes.
pub(super) struct Entry {
    pub class: &'static str,
    pub module: &'static str,
    pub compute: fn(&Values<'_>) -> Result<Tensor>,
}

pub(super) fn find(class: &str) -> Option<&'static Entry> {
    TABLES.iter().flat_map(|table| table.iter()).find(|entry| entry.class == class)
}

pub(super) fn classes() -> impl Iterator<Item = &'static str> {
    TABLES.iter().flat_map(|table| table.iter()).map(|entry| entry.class)
}

static TABLES: &[&[Entry]] = &[NUMPY, NN, CORE, MATH];

macro_rules! table {
    ($name:ident = $module:literal {
        unary { $($unary:ident $method:ident)* }
        binary { $($binary:ident $operation:ident)* }
        reduce { $($reduction:ident $reduce:ident)* }
        other { $($class:ident |$v:ident| $body:expr;)* }
    }) => {
        static $name: &[Entry] = &[
            $(Entry { class: stringify!($unary), module: $module, compute: |v| Ok(v.x()?.$method()) },)*
            $(Entry {
                class: stringify!($binary),
                module: $module,
                compute: |v| Ok(v.tensor(0, "x1")?.$operation(v.arg(1, "x2")?)),
            },)*
            $(Entry {
                class: stringify!($reduction),
                module: $module,
                compute: |v| Ok(v.x()?.$reduce(&v.axes()?, v.flag("keepdims"))),
            },)*
            $(Entry { class: stringify!($class), module: $module, compute: |$v| $body },)*
        ];
    };
}

table! { NUMPY = "keras.src.ops.numpy" {
    unary {
        Abs abs Absolute abs Arccos arccos Arccosh arccosh Arcsin arcsin Arcsinh arcsinh Arctan arctan Arctanh arctanh
        Ceil ceil Cos cos Cosh cosh Exp exp Exp2 exp2 Expm1 expm1 Floor floor Isfinite isfinite Isinf isinf Isnan isnan
        Log log Log10 log10 Log1p log1p Log2 log2 LogicalNot logical_not Negative negative Ravel ravel
        Reciprocal reciprocal Sign sign Sin sin Sinh sinh Sqrt sqrt Square square Tan tan Tanh tanh
    }
    binary {
        Arctan2 arctan2 Divide divide Dot dot Equal equal FloorDivide floor_divide Greater greater
        GreaterEqual greater_equal Inner inner Less less LessEqual less_equal LogicalAnd logical_and
        LogicalOr logical_or LogicalXor logical_xor Logaddexp logaddexp Matmul matmul Maximum maximum Minimum minimum
        Mod mod_ Multiply multiply NotEqual not_equal Outer outer Power power TrueDivide divide
    }
    reduce { All all Any any Amax max Amin min Max max Mean mean Median median Min min Prod prod Std std Sum sum Var var }
    other {
        Add |v| Ok(v.tensor(0, "x1")?.add(v.arg(1, "x2")?));
        Subtract |v| Ok(v.tensor(0, "x1")? - v.tensor(1, "x2")?);
        Argmax |v| Ok(v.x()?.argmax(v.maybe_axis()?, v.flag("keepdims")));
        Argmin |v| Ok(v.x()?.argmin(v.maybe_axis()?, v.flag("keepdims")));
        BroadcastTo |v| Ok(v.x()?.broadcast_to(sizes(&v.integers("shape")?.unwrap_or_default())?));
        Clip |v| match (v.operand_of("x_min")?, v.operand_of("x_max")?) {
            (Some(low), Some(high)) => Ok(v.x()?.clip(low, high)),
            (Some(low), None) => Ok(v.x()?.maximum(low)),
            (None, Some(high)) => Ok(v.x()?.minimum(high)),
            (None, None) => v.x(),
        };
        Concatenate |v| Ok(Tensor::concat(&v.tensors()?.iter().collect::<Vec<_>>(), v.axis(0)?));
        Cumprod |v| Ok(v.x()?.cumprod(v.maybe_axis()?));
        Cumsum |v| Ok(v.x()?.cumsum(v.maybe_axis()?));
        Einsum |v| Ok(Tensor::einsum(v.text("subscripts").unwrap_or_default(), &v.tensors()?.iter().collect::<Vec<_>>()));
        ExpandDims |v| Ok(v.x()?.expand_dims(&v.axes()?));
        Flip |v| Ok(v.x()?.flip(&v.axes()?));
        GetItem |v| Ok(v.x()?.index(v.index()?));
        Moveaxis |v| Ok(v.x()?.moveaxis(
            &v.integers("source")?.unwrap_or_default(), &v.integers("destination")?.unwrap_or_default()));
        OnesLike |v| { let x = v.x()?; Ok(Tensor::full(x.shape()?, 1.0, v.dtype()?.unwrap_or(x.dtype()?))) };
        Repeat |v| Ok(v.x()?.repeat(v.float("repeats", 1.0) as usize, v.maybe_axis()?));
        Reshape |v| Ok(v.x()?.reshape_infer(&v.integers("newshape")?.unwrap_or_default()));
        Roll |v| Ok(v.x()?.roll(v.float("shift", 0.0) as i64, v.maybe_axis()?));
        Squeeze |v| Ok(v.x()?.squeeze(&v.axes()?));
        Stack |v| Ok(Tensor::stack(&v.tensors()?.iter().collect::<Vec<_>>(), v.axis(0)?));
        Swapaxes |v| Ok(v.x()?.swapaxes(v.float("axis1", 0.0) as isize, v.float("axis2", 1.0) as isize));
        Take |v| { let x = v.x()?; match v.maybe_axis()? {
            Some(axis) => Ok(x.take(&v.tensor(1, "indices")?, axis)),
            None => Ok(x.ravel().take(&v.tensor(1, "indices")?, 0)),
        } };
        Tile |v| Ok(v.x()?.tile(&sizes(&v.integers("repeats")?.unwrap_or_default())?));
        Transpose |v| { let x = v.x()?; match v.integers("axes")? {
            Some(axes) => Ok(x.transpose(&axes)),
            None => Ok(x.transpose(&(0..x.rank()? as isize).rev().collect::<Vec<_>>())),
        } };
        Where |v| Ok(v.tensor(0, "condition")?.where_(v.arg(1, "x1")?, v.arg(2, "x2")?));
        ZerosLike |v| { let x = v.x()?; Ok(Tensor::full(x.shape()?, 0.0, v.dtype()?.unwrap_or(x.dtype()?))) };
    }
} }

table! { NN = "keras.src.ops.nn" {
    unary {
        HardSigmoid hard_sigmoid HardSilu hard_silu HardTanh hard_tanh LogSigmoid log_sigmoid Mish mish Relu relu
        Relu6 relu6 Selu selu Sigmoid sigmoid Silu silu Softplus softplus Softsign softsign TanhShrink tanh_shrink
    }
    binary {}
    reduce {}
    other {
        Celu |v| Ok(v.x()?.celu(v.float("alpha", 1.0)));
        Elu |v| Ok(v.x()?.elu(v.float("alpha", 1.0)));
        Gelu |v| Ok(v.x()?.gelu(v.flag("approximate")));
        Glu |v| Ok(v.x()?.glu(v.axis(-1)?));
        LeakyRelu |v| Ok(v.x()?.leaky_relu(v.float("negative_slope", 0.2)));
        LogSoftmax |v| Ok(v.x()?.log_softmax(v.axis(-1)?));
        Normalize |v| Ok(v.x()?.normalize(&[v.axis(-1)?], v.float("order", 2.0) as u32, v.float("epsilon", 1e-12)));
        OneHot |v| Ok(v.x()?.one_hot(
            v.float("num_classes", 0.0) as usize, v.axis(-1)?, v.dtype()?.unwrap_or(cornet_tensor::DType::F32)));
        Softmax |v| Ok(v.x()?.softmax(v.axis(-1)?));
    }
} }

table! { CORE = "keras.src.ops.core" {
    unary {}
    binary {}
    reduce {}
    other {
        Cast |v| Ok(v.x()?.cast(v.dtype()?.unwrap_or(cornet_tensor::DType::F32)));
        StopGradient |v| Ok(v.tensor(0, "variable")?.stop_gradient());
    }
} }

table! { MATH = "keras.src.ops.math" {
    unary { Erf erf Rsqrt rsqrt }
    binary {}
    reduce { Logsumexp logsumexp }
    other {}
} }

/// Sizes, which are not negative.
fn sizes(list: &[isize]) -> Result<Vec<usize>> {
    let size =
        |&n: &isize| usize::try_from(n).map_err(|_| err!(InvalidArgument, "sizes: expected none below 0, found {n}"));
    list.iter().map(size).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_there_once() {
        let mut all: Vec<&str> = classes().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
