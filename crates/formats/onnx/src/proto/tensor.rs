//! Tensors as files state them.

use cornet_error::{Result, err, fail};
use cornet_proto::{Message, Value as Field};
use cornet_tensor::{Array, DType, Shape};

use super::Reader;
use super::external::Location;
use crate::element::Element;
use crate::narrow::Narrow;

/// A tensor of a file: an array, or the codes of a narrow type.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Its name, where it has one.
    pub name: String,
    /// The narrow type whose codes the array holds.
    pub narrow: Option<Narrow>,
    /// The elements.
    pub array: Array,
}

/// The fields of a tensor before they are put together.
#[derive(Default)]
struct Fields {
    dims: Vec<i64>,
    element: i64,
    name: String,
    raw: Option<Message>,
    floats: Vec<f32>,
    doubles: Vec<f64>,
    ints: Vec<i64>,
    strings: Vec<Vec<u8>>,
    external: Vec<(String, String)>,
    location: i64,
}

/// Reads a tensor.
///
/// # Errors
/// `corrupt` where dims and data do not agree; `unsupported` for element types that we do not have; `unsafe_content` for
/// external data outside of the model's folder; `limit_exceeded`.
pub fn parse_tensor(message: &Message, reader: &Reader) -> Result<Constant> {
    let fields = collect(message, reader)?;
    let name = fields.name.clone();
    let place = |e: cornet_error::Error| if name.is_empty() { e } else { e.within(format!("tensor '{name}'")) };
    build(fields, reader).map_err(place)
}

fn collect(message: &Message, reader: &Reader) -> Result<Fields> {
    let mut found = Fields::default();
    for field in message.fields() {
        let (number, value) = field?;
        match number {
            1 => value.ints(&mut found.dims)?,
            2 => found.element = value.int()?,
            3 => fail!(Unsupported, "tensor: expected whole tensors, found a segment"),
            4 => value.floats(&mut found.floats)?,
            5 | 7 | 11 => value.ints(&mut found.ints)?,
            6 => {
                let text = value.message()?.bytes()?;
                reader.count_bytes(text.len() as u64 + 24)?;
                found.strings.push(text);
            }
            8 => found.name = value.text()?,
            9 => found.raw = Some(value.message()?.clone()),
            10 => value.doubles(&mut found.doubles)?,
            13 => found.external.push(entry(&value)?),
            14 => found.location = value.int()?,
            _ => {}
        }
    }
    Ok(found)
}

/// A pair of texts.
pub(super) fn entry(value: &Field) -> Result<(String, String)> {
    let (mut key, mut text) = (String::new(), String::new());
    for field in value.message()?.fields() {
        match field? {
            (1, value) => key = value.text()?,
            (2, value) => text = value.text()?,
            _ => {}
        }
    }
    Ok((key, text))
}

fn shape_of(dims: &[i64], element_bytes: usize) -> Result<Shape> {
    let sizes: Option<Vec<usize>> = dims.iter().map(|&d| usize::try_from(d).ok()).collect();
    let sizes = sizes.ok_or_else(|| err!(Corrupt, "dims: expected sizes, found {dims:?}"))?;
    if sizes.len() > 64 {
        fail!(LimitExceeded, "dims: expected at most 64 axes, found {}", sizes.len());
    }
    Shape::checked(&sizes, element_bytes)
}

fn build(fields: Fields, reader: &Reader) -> Result<Constant> {
    let element = Element::of(fields.element);
    let dtype = element.dtype()?;
    let narrow = if let Element::Narrow(narrow) = element { Some(narrow) } else { None };
    let shape = shape_of(&fields.dims, dtype.size().max(1))?;
    let array = if fields.location == 1 {
        external(&fields, narrow, dtype, shape, reader)?
    } else if let Some(raw) = &fields.raw {
        from_raw(raw, narrow, dtype, shape, reader)?
    } else {
        typed(&fields, narrow, dtype, shape, reader)?
    };
    Ok(Constant { name: fields.name, narrow, array })
}

/// The bytes that elements take in a file.
fn stored_bytes(narrow: Option<Narrow>, dtype: DType, shape: &Shape) -> Result<u64> {
    let bytes = match narrow {
        Some(narrow) => narrow.packed_bytes(shape.elements()),
        None => shape.elements().checked_mul(dtype.size()),
    };
    bytes.map(|b| b as u64).ok_or_else(|| err!(LimitExceeded, "tensor: shape {shape} is too large"))
}

fn no_strings(dtype: DType) -> Result<()> {
    if dtype == DType::Str {
        fail!(Corrupt, "tensor: expected texts one by one, found raw data");
    }
    Ok(())
}

/// An array whose bytes `fill` writes, of a length that was checked against the source.
fn filled(
    narrow: Option<Narrow>,
    dtype: DType,
    shape: Shape,
    bytes: u64,
    fill: impl FnOnce(&mut [u8]) -> Result<()>,
) -> Result<Array> {
    if let Some(narrow) = narrow.filter(|n| n.bits() < 8) {
        let mut packed = vec![0; bytes as usize];
        fill(&mut packed)?;
        let codes = narrow.unpack(&packed, shape.elements())?;
        return Array::from_bytes(dtype, shape, &codes);
    }
    let mut array = Array::try_zeros(dtype, shape)?;
    fill(array.bytes_mut())?;
    if dtype == DType::Bool {
        array.bytes_mut().iter_mut().for_each(|b| *b = u8::from(*b != 0));
    }
    Ok(array)
}

fn from_raw(raw: &Message, narrow: Option<Narrow>, dtype: DType, shape: Shape, reader: &Reader) -> Result<Array> {
    no_strings(dtype)?;
    let bytes = stored_bytes(narrow, dtype, &shape)?;
    if raw.len() != bytes {
        return Err(err!(Corrupt, "raw data: expected {bytes} bytes, found {}", raw.len()).operand("shape", &shape));
    }
    reader.count_bytes(bytes)?;
    filled(narrow, dtype, shape, bytes, |buffer| raw.read_into(0, buffer))
}

fn external(fields: &Fields, narrow: Option<Narrow>, dtype: DType, shape: Shape, reader: &Reader) -> Result<Array> {
    no_strings(dtype)?;
    let at = Location::of(&fields.external)?;
    let folder = reader.folder.as_ref().ok_or_else(|| {
        err!(Unsupported, "external data '{}': the model is not a file and has no folder", at.file)
            .help("open the model from its path")
    })?;
    let bytes = stored_bytes(narrow, dtype, &shape)?;
    folder.check(&at, bytes)?;
    reader.count_bytes(bytes)?;
    filled(narrow, dtype, shape, bytes, |buffer| folder.read(&at, buffer))
}

fn typed(fields: &Fields, narrow: Option<Narrow>, dtype: DType, shape: Shape, reader: &Reader) -> Result<Array> {
    let mismatch = |found: usize| {
        err!(Corrupt, "tensor: expected {} elements, found {found}", shape.elements()).operand("shape", &shape)
    };
    let found = match dtype {
        DType::Str => fields.strings.len(),
        DType::F32 => fields.floats.len(),
        DType::C64 => fields.floats.len() / 2,
        DType::F64 => fields.doubles.len(),
        _ => fields.ints.len(),
    };
    let packed = narrow.filter(|n| n.bits() < 8);
    let expected = match packed {
        Some(narrow) => narrow.packed_bytes(shape.elements()).unwrap_or(usize::MAX),
        None => shape.elements(),
    };
    if found != expected {
        return Err(mismatch(found));
    }
    reader.count_bytes((expected as u64).saturating_mul(dtype.size().max(1) as u64))?;
    if let Some(narrow) = packed {
        let bytes: Vec<u8> = fields.ints.iter().map(|&i| i as u8).collect();
        return Array::from_bytes(dtype, shape.clone(), &narrow.unpack(&bytes, shape.elements())?);
    }
    match dtype {
        DType::Str => Array::from_strings(fields.strings.clone(), shape),
        DType::F32 => Array::from_slice(&fields.floats, shape),
        DType::F64 => Array::from_slice(&fields.doubles, shape),
        DType::C64 => {
            let pairs = fields.floats.as_chunks::<2>().0;
            let numbers: Vec<_> = pairs.iter().map(|&[re, im]| num_complex::Complex32::new(re, im)).collect();
            Array::from_slice(&numbers, shape)
        }
        DType::F16 | DType::BF16 => {
            let bytes: Vec<u8> = fields.ints.iter().flat_map(|&i| (i as u16).to_le_bytes()).collect();
            Array::from_bytes(dtype, shape, &bytes)
        }
        _ => Array::from_i64(dtype, shape, &fields.ints),
    }
}

/// Reads a sparse tensor, as a dense one.
///
/// # Errors
/// As [`parse_tensor`].
pub fn parse_sparse(message: &Message, reader: &Reader) -> Result<Constant> {
    let (mut values, mut indices, mut dims) = (None, None, Vec::new());
    for field in message.fields() {
        match field? {
            (1, value) => values = Some(parse_tensor(value.message()?, reader)?),
            (2, value) => indices = Some(parse_tensor(value.message()?, reader)?),
            (3, value) => value.ints(&mut dims)?,
            _ => {}
        }
    }
    let (Some(values), Some(indices)) = (values, indices) else {
        fail!(Corrupt, "sparse tensor: expected values and indices, found one of them or none");
    };
    let dtype = values.array.dtype();
    if dtype == DType::Str {
        fail!(Unsupported, "sparse tensor: texts are not supported");
    }
    let shape = shape_of(&dims, dtype.size())?;
    reader.count_bytes((shape.elements() as u64).saturating_mul(dtype.size() as u64))?;
    // A dense tensor of a few sparse numbers may be far larger than the file.
    let listed = values.array.elements() as u64;
    let allowed = listed.saturating_add(1).saturating_mul(reader.limits.expansion).max(1 << 20);
    cornet_error::Limits::check("sparse tensor: elements", shape.elements() as u64, allowed)?;
    let places = places(&indices.array, &shape, values.array.elements())?;
    let mut dense = Array::try_zeros(dtype, shape)?;
    let size = dtype.size();
    let from = values.array.bytes();
    let to = dense.bytes_mut();
    for (i, place) in places.into_iter().enumerate() {
        if let (Some(to), Some(from)) =
            (to.get_mut(place * size..(place + 1) * size), from.get(i * size..(i + 1) * size))
        {
            to.copy_from_slice(from);
        }
    }
    Ok(Constant { name: values.name, narrow: values.narrow, array: dense })
}

/// Places of the elements in row-major order.
fn places(indices: &Array, shape: &Shape, count: usize) -> Result<Vec<usize>> {
    let numbers = indices.to_i64()?;
    let wrong = || err!(Corrupt, "sparse tensor: expected {count} places in {shape}, found {}", indices.shape());
    let inside = |at: i64, size: usize| {
        let at = usize::try_from(at).ok().filter(|&at| at < size);
        at.ok_or_else(|| err!(Corrupt, "sparse tensor: an index outside of {shape}"))
    };
    match indices.shape().as_slice() {
        [n] if *n == count => numbers.iter().map(|&at| inside(at, shape.elements())).collect(),
        [n, axes] if *n == count && *axes == shape.rank() && *axes > 0 => numbers
            .chunks(*axes)
            .map(|row| row.iter().zip(shape.iter()).try_fold(0, |flat, (&at, &n)| Ok(flat * n + inside(at, n)?)))
            .collect(),
        _ => Err(wrong()),
    }
}
