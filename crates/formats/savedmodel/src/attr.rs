//! Attributes of nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use cornet_error::{Result, err};
use cornet_proto::{Message, Value};
use cornet_tensor::{Array, DType};

use crate::constant::{Budget, parse_tensor};

/// Sizes of a shape, -1 where unknown; none where the number of axes is.
pub(crate) type PartialShape = Option<Vec<i64>>;

/// The value of an attribute.
#[derive(Clone, Debug)]
pub(crate) enum Attr {
    /// Nothing was said.
    Empty,
    Bytes(Vec<u8>),
    Int(i64),
    Float(f32),
    Bool(bool),
    Type(i32),
    Shape(PartialShape),
    Tensor(Array),
    /// A tensor of a kind that has no array, such as a resource.
    Other,
    Function(Function),
    List(List),
    /// The name of an attribute of the function around.
    Placeholder(String),
}

/// The name of a function, and its attributes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Function {
    pub name: String,
    pub attrs: Attrs,
}

/// Lists, of which one at most is not empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    pub bytes: Vec<Vec<u8>>,
    pub ints: Vec<i64>,
    pub floats: Vec<f32>,
    pub bools: Vec<i64>,
    pub types: Vec<i64>,
    pub shapes: Vec<PartialShape>,
    pub tensors: Vec<Attr>,
    pub functions: Vec<Function>,
}

/// Attributes by name.
pub(crate) type Attrs = Arc<BTreeMap<String, Attr>>;

/// A `TensorShapeProto`.
pub(crate) fn parse_shape(message: &Message) -> Result<PartialShape> {
    let mut shape = Vec::new();
    for field in message.fields() {
        match field? {
            (2, Value::Bytes(dim)) => {
                let mut size = 0;
                for field in dim.fields() {
                    if let (1, value) = field? {
                        size = value.int()?;
                    }
                }
                shape.push(size.max(-1));
            }
            (3, value) if value.int()? != 0 => return Ok(None),
            _ => {}
        }
        if shape.len() > 254 {
            return Err(err!(Corrupt, "shape: expected at most 254 axes, found more"));
        }
    }
    Ok(Some(shape))
}

/// A map from strings to attributes: field `number` of a message, entry by entry.
pub(crate) fn parse_entry(entry: &Message, budget: &Budget) -> Result<(String, Attr)> {
    let (mut key, mut attr) = (String::new(), Attr::Empty);
    for field in entry.fields() {
        match field? {
            (1, value) => key = value.text()?,
            (2, Value::Bytes(value)) => attr = parse_attr(&value, budget)?,
            _ => {}
        }
    }
    Ok((key, attr))
}

fn parse_function(message: &Message, budget: &Budget) -> Result<Function> {
    let (mut name, mut attrs) = (String::new(), BTreeMap::new());
    for field in message.fields() {
        match field? {
            (1, value) => name = value.text()?,
            (2, Value::Bytes(entry)) => attrs.extend([parse_entry(&entry, budget)?]),
            _ => {}
        }
    }
    Ok(Function { name, attrs: Arc::new(attrs) })
}

fn tensor(message: &Message, budget: &Budget) -> Result<Attr> {
    Ok(parse_tensor(message, budget)?.map_or(Attr::Other, Attr::Tensor))
}

fn parse_attr(message: &Message, budget: &Budget) -> Result<Attr> {
    let mut attr = Attr::Empty;
    for field in message.fields() {
        let (number, value) = field?;
        attr = match number {
            1 => Attr::List(parse_list(value.message()?, budget)?),
            2 => Attr::Bytes(value.message()?.bytes()?),
            3 => Attr::Int(value.int()?),
            4 => Attr::Float(value.float()?),
            5 => Attr::Bool(value.int()? != 0),
            6 => Attr::Type(value.int()? as i32),
            7 => Attr::Shape(parse_shape(value.message()?)?),
            8 => tensor(value.message()?, budget)?,
            9 => Attr::Placeholder(value.text()?),
            10 => Attr::Function(parse_function(value.message()?, budget)?),
            _ => attr,
        };
    }
    Ok(attr)
}

fn parse_list(message: &Message, budget: &Budget) -> Result<List> {
    let mut list = List::default();
    for field in message.fields() {
        let (number, value) = field?;
        match number {
            2 => list.bytes.push(value.message()?.bytes()?),
            3 => value.ints(&mut list.ints)?,
            4 => value.floats(&mut list.floats)?,
            5 => value.ints(&mut list.bools)?,
            6 => value.ints(&mut list.types)?,
            7 => list.shapes.push(parse_shape(value.message()?)?),
            8 => list.tensors.push(tensor(value.message()?, budget)?),
            9 => list.functions.push(parse_function(value.message()?, budget)?),
            _ => {}
        }
    }
    Ok(list)
}

/// The dtype of a `DataType`; none for resources, variants and what we have no numbers for.
pub(crate) fn dtype_of(data_type: i32) -> Option<DType> {
    use cornet_bundle::data_type as t;
    Some(match data_type % 100 {
        t::FLOAT => DType::F32,
        t::DOUBLE => DType::F64,
        t::INT32 | t::QINT32 => DType::I32,
        t::UINT8 | t::QUINT8 => DType::U8,
        t::INT16 | t::QINT16 => DType::I16,
        t::INT8 | t::QINT8 => DType::I8,
        t::STRING => DType::Str,
        t::COMPLEX64 => DType::C64,
        t::INT64 => DType::I64,
        t::BOOL => DType::Bool,
        t::BFLOAT16 => DType::BF16,
        t::QUINT16 | t::UINT16 => DType::U16,
        t::HALF => DType::F16,
        t::UINT32 => DType::U32,
        t::UINT64 => DType::U64,
        _ => return None,
    })
}

/// The dtype of a `DataType`.
///
/// # Errors
/// `unsupported` where there is none.
pub(crate) fn dtype(data_type: i32) -> Result<DType> {
    dtype_of(data_type).ok_or_else(|| err!(Unsupported, "expected a type of numbers, found {}", type_name(data_type)))
}

/// TensorFlow's name of a `DataType`.
pub(crate) fn type_name(data_type: i32) -> String {
    const NAMES: [&str; 24] = [
        "INVALID",
        "FLOAT",
        "DOUBLE",
        "INT32",
        "UINT8",
        "INT16",
        "INT8",
        "STRING",
        "COMPLEX64",
        "INT64",
        "BOOL",
        "QINT8",
        "QUINT8",
        "QINT32",
        "BFLOAT16",
        "QINT16",
        "QUINT16",
        "UINT16",
        "COMPLEX128",
        "HALF",
        "RESOURCE",
        "VARIANT",
        "UINT32",
        "UINT64",
    ];
    match usize::try_from(data_type % 100).ok().and_then(|i| NAMES.get(i)) {
        Some(name) => format!("DT_{name}{}", if data_type > 100 { "_REF" } else { "" }),
        None => format!("DT_{data_type}"),
    }
}
