//! What an op is called with: tensors and constants, by place or by name.

use cornet_error::{Result, err, fail};
use cornet_ops::{Arg, Index, Slot, Tensor};
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value};

use super::PLACE;
use crate::saving::config::brief;

/// The arguments of one call.
pub(super) struct Values<'a> {
    inputs: &'a [Tensor],
    args: &'a [Value],
    kwargs: Option<&'a Map<String, Value>>,
    config: &'a Map<String, Value>,
}

impl<'a> Values<'a> {
    pub fn new(inputs: &'a [Tensor], call: &'a Map<String, Value>, config: &'a Map<String, Value>) -> Result<Self> {
        let args = call.get("args").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        Ok(Self { inputs, args, kwargs: call.get("kwargs").and_then(Value::as_object), config })
    }

    /// The argument of this place or name.
    fn raw(&self, place: usize, name: &str) -> Option<&'a Value> {
        self.args.get(place).or_else(|| self.kwargs?.get(name)).filter(|value| !value.is_null())
    }

    /// A tensor or a number.
    pub fn arg(&self, place: usize, name: &str) -> Result<Arg> {
        match self.raw(place, name) {
            Some(value) => self.operand(value),
            // A call without kept arguments has its inputs alone.
            None if self.args.is_empty() && self.kwargs.is_none() && place < self.inputs.len() => {
                Ok(Arg::Tensor(self.inputs[place].clone()))
            }
            None => fail!(InvalidArgument, "argument {name}: expected a tensor or a number, found none"),
        }
    }

    fn operand(&self, value: &Value) -> Result<Arg> {
        match value {
            Value::Bool(b) => Ok(Arg::Bool(*b)),
            Value::Number(n) => Ok(n.as_i64().map_or_else(|| Arg::Float(n.as_f64().unwrap_or(f64::NAN)), Arg::Int)),
            Value::Object(map) => match map.get(PLACE).and_then(Value::as_u64) {
                Some(place) => match self.inputs.get(place as usize) {
                    Some(tensor) => Ok(Arg::Tensor(tensor.clone())),
                    None => fail!(Corrupt, "argument: expected one of {} inputs, found {place}", self.inputs.len()),
                },
                None => constant(value).map(Arg::Tensor),
            },
            other => constant(other).map(Arg::Tensor),
        }
    }

    /// A tensor; numbers become one.
    pub fn tensor(&self, place: usize, name: &str) -> Result<Tensor> {
        match self.arg(place, name)? {
            Arg::Tensor(tensor) => Ok(tensor),
            Arg::Int(n) => Ok(Tensor::of(n as i32)),
            Arg::Float(x) => Ok(Tensor::of(x as f32)),
            Arg::Bool(b) => Ok(Tensor::of(b)),
        }
    }

    /// The first argument.
    pub fn x(&self) -> Result<Tensor> {
        self.tensor(0, "x")
    }

    /// Several tensors, as the first argument.
    pub fn tensors(&self) -> Result<Vec<Tensor>> {
        match self.args.first() {
            Some(Value::Array(list)) => list
                .iter()
                .map(|value| match self.operand(value)? {
                    Arg::Tensor(tensor) => Ok(tensor),
                    _ => fail!(Unsupported, "argument: expected tensors, found {}", brief(value)),
                })
                .collect(),
            _ => Ok(self.inputs.to_vec()),
        }
    }

    fn option(&self, key: &str) -> Option<&'a Value> {
        self.config.get(key).or_else(|| self.kwargs?.get(key)).filter(|value| !value.is_null())
    }

    /// A number of the class.
    pub fn float(&self, key: &str, default: f64) -> f64 {
        self.option(key).and_then(Value::as_f64).unwrap_or(default)
    }

    /// A number or tensor of the class.
    pub fn operand_of(&self, key: &str) -> Result<Option<Arg>> {
        self.option(key).map(|value| self.operand(value)).transpose()
    }

    /// A switch of the class.
    pub fn flag(&self, key: &str) -> bool {
        self.option(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A text of the class.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.option(key).and_then(Value::as_str)
    }

    /// Integers of the class, given as one or as a list; `None` if there are none.
    pub fn integers(&self, key: &str) -> Result<Option<Vec<isize>>> {
        let Some(value) = self.option(key) else { return Ok(None) };
        let list = match value {
            Value::Array(list) => list.iter().map(|n| n.as_i64().map(|n| n as isize)).collect::<Option<Vec<_>>>(),
            one => one.as_i64().map(|n| vec![n as isize]),
        };
        list.map(Some).ok_or_else(|| err!(Corrupt, "{key}: expected integers, found {}", brief(value)))
    }

    /// The axes of a reduction: all if there are none.
    pub fn axes(&self) -> Result<Vec<isize>> {
        Ok(self.integers("axis")?.unwrap_or_default())
    }

    /// One axis.
    pub fn axis(&self, default: isize) -> Result<isize> {
        Ok(self.integers("axis")?.and_then(|axes| axes.first().copied()).unwrap_or(default))
    }

    /// One axis, or none.
    pub fn maybe_axis(&self) -> Result<Option<isize>> {
        Ok(self.integers("axis")?.and_then(|axes| axes.first().copied()))
    }

    /// A dtype of the class.
    pub fn dtype(&self) -> Result<Option<DType>> {
        self.text("dtype").map(str::parse).transpose()
    }

    /// The index of `x[...]`.
    pub fn index(&self) -> Result<Index> {
        let key = self.raw(1, "key").unwrap_or(&Value::Null);
        let slots = match key {
            Value::Array(list) => list.iter().map(|value| self.slot(value)).collect::<Result<Vec<_>>>()?,
            one => vec![self.slot(one)?],
        };
        Ok(Index(slots))
    }

    fn slot(&self, value: &Value) -> Result<Slot> {
        let bound = |key: &str| value["config"][key].as_i64();
        match (value, value["class_name"].as_str()) {
            (Value::Null, _) => Ok(Slot::NewAxis),
            (Value::Number(n), _) if n.is_i64() => Ok(Slot::At(n.as_i64().unwrap_or_default())),
            (_, Some("__slice__")) => {
                Ok(Slot::Span { start: bound("start"), stop: bound("stop"), step: bound("step").unwrap_or(1) })
            }
            (_, Some("__ellipsis__")) => Ok(Slot::Ellipsis),
            (other, _) => match self.operand(other)? {
                Arg::Tensor(tensor) => Ok(Slot::Tensor(tensor)),
                _ => fail!(Unsupported, "index: expected integers, slices and tensors, found {}", brief(other)),
            },
        }
    }
}

/// The tensor that a constant of a file describes: `{"class_name": "__tensor__", …}` or nested lists.
fn constant(value: &Value) -> Result<Tensor> {
    let (list, dtype) = match value["class_name"].as_str() {
        Some("__tensor__" | "__numpy__") => {
            (&value["config"]["value"], value["config"]["dtype"].as_str().map(str::parse::<DType>).transpose()?)
        }
        _ => (value, None),
    };
    let (mut numbers, mut shape, mut is_whole) = (Vec::new(), Vec::new(), true);
    flatten(list, 0, &mut shape, &mut numbers, &mut is_whole)?;
    let dtype = dtype.unwrap_or(if is_whole { DType::I32 } else { DType::F32 });
    Ok(Array::from_f64(dtype, shape, &numbers)?.into())
}

fn flatten(value: &Value, depth: usize, shape: &mut Vec<usize>, out: &mut Vec<f64>, is_whole: &mut bool) -> Result<()> {
    if let Value::Array(list) = value {
        match shape.get(depth) {
            None if out.is_empty() && depth < 16 => shape.push(list.len()),
            Some(&size) if size == list.len() => {}
            _ => fail!(Corrupt, "constant: expected lists of one length, found others"),
        }
        return list.iter().try_for_each(|inner| flatten(inner, depth + 1, shape, out, is_whole));
    }
    let number = value.as_f64().or_else(|| value.as_bool().map(|b| f64::from(u8::from(b))));
    match number {
        Some(number) if depth == shape.len() => {
            *is_whole &= value.is_i64() || value.is_u64();
            out.push(number);
            Ok(())
        }
        _ => fail!(Corrupt, "constant: expected numbers, found {}", brief(value)),
    }
}
