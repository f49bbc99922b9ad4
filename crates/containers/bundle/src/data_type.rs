/// float32.
pub const FLOAT: i32 = 1;
/// float64.
pub const DOUBLE: i32 = 2;
/// int32.
pub const INT32: i32 = 3;
/// uint8.
pub const UINT8: i32 = 4;
/// int16.
pub const INT16: i32 = 5;
/// int8.
pub const INT8: i32 = 6;
/// Byte strings.
pub const STRING: i32 = 7;
/// Two float32.
pub const COMPLEX64: i32 = 8;
/// int64.
pub const INT64: i32 = 9;
/// A byte, 0 or 1.
pub const BOOL: i32 = 10;
/// Quantised int8.
pub const QINT8: i32 = 11;
/// Quantised uint8.
pub const QUINT8: i32 = 12;
/// Quantised int32.
pub const QINT32: i32 = 13;
/// The upper half of a float32.
pub const BFLOAT16: i32 = 14;
/// Quantised int16.
pub const QINT16: i32 = 15;
/// Quantised uint16.
pub const QUINT16: i32 = 16;
/// uint16.
pub const UINT16: i32 = 17;
/// Two float64.
pub const COMPLEX128: i32 = 18;
/// float16.
pub const HALF: i32 = 19;
/// A handle of a variable or table.
pub const RESOURCE: i32 = 20;
/// A value of a kind of its own, such as a list of tensors.
pub const VARIANT: i32 = 21;
/// uint32.
pub const UINT32: i32 = 22;
/// uint64.
pub const UINT64: i32 = 23;

/// The bytes that an element of a data type takes; none for those of no fixed size.
pub fn size(data_type: i32) -> Option<usize> {
    Some(match data_type {
        UINT8 | INT8 | BOOL | QINT8 | QUINT8 => 1,
        INT16 | BFLOAT16 | QINT16 | QUINT16 | UINT16 | HALF => 2,
        FLOAT | INT32 | QINT32 | UINT32 => 4,
        DOUBLE | COMPLEX64 | INT64 | UINT64 => 8,
        COMPLEX128 => 16,
        _ => return None,
    })
}
