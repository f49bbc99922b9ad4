//! How ONNX numbers dtypes, and arrays as its tensors.

use cornet_error::Result;
use cornet_proto::Encoder;
use cornet_tensor::{Array, DType};

/// `TensorProto.DataType`.
pub(super) fn code(dtype: DType) -> i64 {
    match dtype {
        DType::F32 => 1,
        DType::U8 => 2,
        DType::I8 => 3,
        DType::U16 => 4,
        DType::I16 => 5,
        DType::I32 => 6,
        DType::I64 => 7,
        DType::Str => 8,
        DType::Bool => 9,
        DType::F16 => 10,
        DType::F64 => 11,
        DType::U32 => 12,
        DType::U64 => 13,
        DType::C64 => 14,
        DType::BF16 => 16,
    }
}

/// `TensorProto`.
pub(super) fn tensor(name: &str, array: &Array) -> Result<Encoder> {
    let dims = array.shape().iter().map(|&n| n as i64);
    let out = Encoder::new().packed_ints(1, dims).int(2, code(array.dtype()));
    let out = match array.dtype() {
        DType::Str => array.strings()?.iter().fold(out, |out, s| out.bytes(6, s)),
        _ => out.bytes(9, array.bytes()),
    };
    Ok(out.text(8, name))
}

/// `ValueInfoProto`, with a name for sizes that have one.
pub(super) fn value_info(name: &str, dtype: DType, shape: &[(Option<usize>, Option<&str>)]) -> Encoder {
    let dims = shape.iter().map(|size| match size {
        (Some(size), _) => Encoder::new().int(1, *size as i64),
        (None, Some(name)) => Encoder::new().text(2, name),
        (None, None) => Encoder::new(),
    });
    let shape = Encoder::new().messages(1, dims);
    let tensor = Encoder::new().int(1, code(dtype)).message(2, shape);
    Encoder::new().text(1, name).message(2, Encoder::new().message(1, tensor))
}
