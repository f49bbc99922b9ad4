//! Tensors inside a graph.

use std::cell::Cell;

use cornet_error::{Limits, Result, err, fail};
use cornet_proto::Message;
use cornet_tensor::{Array, DType, Shape};

use crate::attr::{dtype_of, parse_shape};

/// How much more the tensors of a file may take in memory than in the file: one value may stand for many.
const GROWTH: u64 = 64 << 20;

/// What the tensors of a file have taken beyond their bytes.
pub(crate) struct Budget {
    grown: Cell<u64>,
    limits: Limits,
}

impl Budget {
    pub fn new(limits: &Limits) -> Self {
        Self { grown: Cell::new(0), limits: *limits }
    }

    fn take(&self, bytes: u64, held: u64) -> Result<()> {
        Limits::check("constant: bytes", bytes, self.limits.object_bytes)?;
        self.grown.set(self.grown.get().saturating_add(bytes.saturating_sub(held)));
        Limits::check("constants: bytes that are not in the file", self.grown.get(), GROWTH)
    }
}

/// The fields of a `TensorProto`.
#[derive(Default)]
struct Raw {
    data_type: i32,
    shape: Vec<usize>,
    content: Option<Message>,
    floats: Vec<f32>,
    doubles: Vec<f64>,
    ints: Vec<i64>,
    strings: Vec<Vec<u8>>,
}

/// The array of a `TensorProto`; none for types that have no array.
pub(crate) fn parse_tensor(message: &Message, budget: &Budget) -> Result<Option<Array>> {
    let mut raw = Raw::default();
    for field in message.fields() {
        let (number, value) = field?;
        match number {
            1 => raw.data_type = value.int()? as i32,
            2 => {
                let shape = parse_shape(value.message()?)?.unwrap_or_default();
                let sizes = shape.iter().map(|&s| usize::try_from(s).ok()).collect::<Option<_>>();
                raw.shape = sizes.ok_or_else(|| err!(Corrupt, "constant: expected whole sizes, found {shape:?}"))?;
            }
            4 => raw.content = Some(value.message()?.clone()).filter(|c| !c.is_empty()),
            5 | 9 => value.floats(&mut raw.floats)?,
            6 => value.doubles(&mut raw.doubles)?,
            7 | 10 | 11 | 13 | 16 | 17 => value.ints(&mut raw.ints)?,
            8 => raw.strings.push(value.message()?.bytes()?),
            _ => {}
        }
    }
    let Some(dtype) = dtype_of(raw.data_type) else { return Ok(None) };
    let size = if dtype == DType::Str { size_of::<Vec<u8>>() } else { dtype.size() };
    let shape = Shape::checked(&raw.shape, size)?;
    let count = shape.elements();
    budget.take(count as u64 * size as u64, message.len())?;
    array(raw, dtype, &shape, count).map(Some)
}

/// Values in full, the last repeated where there are fewer.
fn filled<T: Clone>(mut values: Vec<T>, count: usize, zero: T) -> Result<Vec<T>> {
    if values.len() > count {
        fail!(Corrupt, "constant: expected {count} values, found {}", values.len());
    }
    let last = values.last().cloned().unwrap_or(zero);
    values.resize(count, last);
    Ok(values)
}

fn array(raw: Raw, dtype: DType, shape: &Shape, count: usize) -> Result<Array> {
    if let Some(content) = raw.content {
        if dtype == DType::Str {
            fail!(UnsupportedFormat, "constant: strings as raw bytes");
        }
        if content.len() != (count * dtype.size()) as u64 {
            fail!(Corrupt, "constant: expected {} bytes, found {}", count * dtype.size(), content.len());
        }
        let mut array = Array::try_zeros(dtype, shape)?;
        content.read_into(0, array.bytes_mut())?;
        if dtype == DType::Bool {
            array.bytes_mut().iter_mut().for_each(|b| *b = u8::from(*b != 0));
        }
        return Ok(array);
    }
    match dtype {
        DType::Str => Array::from_strings(filled(raw.strings, count, Vec::new())?, shape),
        DType::F32 => Array::from_vec(filled(raw.floats, count, 0.0)?, shape),
        DType::F64 => Array::from_vec(filled(raw.doubles, count, 0.0)?, shape),
        DType::C64 => {
            let pairs = raw.floats.as_chunks::<2>().0.to_vec();
            let bytes: Vec<u8> =
                filled(pairs, count, [0.0, 0.0])?.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
            Array::from_bytes(dtype, shape, &bytes)
        }
        DType::F16 | DType::BF16 => {
            let bits = filled(raw.ints, count, 0)?;
            let bytes: Vec<u8> = bits.iter().flat_map(|&b| (b as u16).to_le_bytes()).collect();
            Array::from_bytes(dtype, shape, &bytes)
        }
        DType::Bool => Array::from_vec(filled(raw.ints, count, 0)?.iter().map(|&v| v != 0).collect(), shape),
        _ => Array::from_i64(dtype, shape, &filled(raw.ints, count, 0)?),
    }
}

#[cfg(test)]
mod tests {
    use cornet_proto::Encoder;

    use super::*;

    fn read(tensor: Encoder) -> Result<Option<Array>> {
        let limits = Limits::default();
        parse_tensor(&Message::of(tensor.finish(), &limits), &Budget::new(&limits))
    }

    fn shape(sizes: &[i64]) -> Encoder {
        Encoder::new().messages(2, sizes.iter().map(|&s| Encoder::new().int(1, s)))
    }

    #[test]
    fn one_value_fills_a_tensor() {
        let tensor = Encoder::new().int(1, 1).message(2, shape(&[2, 2])).packed_floats(5, [1.0, 2.0]);
        let array = read(tensor).unwrap().unwrap();
        assert_eq!(array.to_vec::<f32>().unwrap(), [1.0, 2.0, 2.0, 2.0]);
        let tensor = Encoder::new().int(1, 19).message(2, shape(&[1])).packed_ints(13, [0x3c00]);
        assert_eq!(read(tensor).unwrap().unwrap().to_f64().unwrap(), [1.0]);
        assert!(read(Encoder::new().int(1, 20)).unwrap().is_none());
    }

    #[test]
    fn damage_and_bombs_are_refused() {
        let wrong = [
            Encoder::new().int(1, 1).message(2, shape(&[1 << 40])),
            Encoder::new().int(1, 1).message(2, shape(&[1 << 26])).float(5, 1.0),
            Encoder::new().int(1, 1).message(2, shape(&[2])).bytes(4, &[1, 2, 3]),
            Encoder::new().int(1, 1).message(2, shape(&[1])).packed_floats(5, [1.0, 2.0]),
            Encoder::new().int(1, 1).message(2, shape(&[-3])),
        ];
        for tensor in wrong {
            assert!(read(tensor).is_err());
        }
    }
}
