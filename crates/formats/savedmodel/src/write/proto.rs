//! Messages of TensorFlow's graphs.

use cornet_error::Result;
use cornet_proto::Encoder;
use cornet_tensor::{Array, DType};

/// The dtype of variables' handles.
pub(super) const RESOURCE: i64 = 20;
/// The dtype of lists of tensors.
pub(super) const VARIANT: i64 = 21;

/// `DataType`.
pub(super) fn code(dtype: DType) -> i64 {
    match dtype {
        DType::F32 => 1,
        DType::F64 => 2,
        DType::I32 => 3,
        DType::U8 => 4,
        DType::I16 => 5,
        DType::I8 => 6,
        DType::Str => 7,
        DType::C64 => 8,
        DType::I64 => 9,
        DType::Bool => 10,
        DType::BF16 => 14,
        DType::U16 => 17,
        DType::F16 => 19,
        DType::U32 => 22,
        DType::U64 => 23,
    }
}

/// `TensorShapeProto`; open sizes are -1.
pub(super) fn shape(sizes: &[Option<usize>]) -> Encoder {
    Encoder::new().messages(2, sizes.iter().map(|n| Encoder::new().int(1, n.map_or(-1, |n| n as i64))))
}

/// `TensorProto`.
pub(super) fn tensor(array: &Array) -> Result<Encoder> {
    let sizes: Vec<_> = array.shape().iter().map(|&n| Some(n)).collect();
    let out = Encoder::new().int(1, code(array.dtype())).message(2, shape(&sizes));
    Ok(match array.dtype() {
        DType::Str => array.strings()?.iter().fold(out, |out, s| out.bytes(8, s)),
        _ => out.bytes(4, array.bytes()),
    })
}

/// An attribute of a node.
pub(super) enum A<'a> {
    Type(DType),
    Code(i64),
    Codes(Vec<i64>),
    Int(i64),
    Ints(Vec<i64>),
    Bool(bool),
    Str(&'a str),
    Tensor(&'a Array),
    Shape(Vec<Option<usize>>),
    Func(&'a str),
}

/// `AttrValue`.
fn attr(value: &A<'_>) -> Result<Encoder> {
    let new = Encoder::new;
    Ok(match value {
        A::Type(x) => new().int(6, code(*x)),
        A::Code(x) => new().int(6, *x),
        A::Codes(x) => new().message(1, new().packed_ints(6, x.iter().copied())),
        A::Int(x) => new().int(3, *x),
        A::Ints(x) => new().message(1, new().packed_ints(3, x.iter().copied())),
        A::Bool(x) => new().int(5, i64::from(*x)),
        A::Str(x) => new().text(2, x),
        A::Tensor(x) => new().message(8, tensor(x)?),
        A::Shape(x) => new().message(7, shape(x)),
        A::Func(x) => new().message(10, new().text(1, x)),
    })
}

/// `NodeDef`.
pub(super) fn node(name: &str, op: &str, inputs: &[&str], attrs: &[(&str, A<'_>)]) -> Result<Encoder> {
    let out = inputs.iter().fold(Encoder::new().text(1, name).text(2, op), |out, x| out.text(3, x));
    attrs.iter().try_fold(out, |out, (name, value)| Ok(out.entry(5, name, attr(value)?)))
}

/// An argument or result of a function: its name and dtype.
pub(super) type Arg = (String, i64);

/// `FunctionDef`; results are given with the tensors that they are.
pub(super) fn function(
    name: &str,
    inputs: &[Arg],
    outputs: &[(Arg, String)],
    nodes: Vec<Encoder>,
    stateful: bool,
) -> Encoder {
    let arg = |(name, dtype): &Arg| Encoder::new().text(1, name).int(3, *dtype);
    let signature = Encoder::new()
        .text(1, name)
        .messages(2, inputs.iter().map(arg))
        .messages(3, outputs.iter().map(|(output, _)| arg(output)))
        .bool(17, stateful);
    let out = Encoder::new().message(1, signature).messages(3, nodes);
    outputs.iter().fold(out, |out, ((name, _), tensor)| out.message(4, Encoder::new().text(1, name).text(2, tensor)))
}
