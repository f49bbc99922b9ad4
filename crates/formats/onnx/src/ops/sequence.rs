//! Sequences and optionals.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::DType;

use super::{Entry, axis_of, many, one, value};
use crate::call::Call;
use crate::value::Value;

pub(super) const OPS: &[Entry] = &[
    value("ConcatFromSequence", concat_from_sequence).since(11),
    value("Optional", optional).since(15),
    value("OptionalGetElement", get_element).since(15),
    one("OptionalHasElement", has_element).since(15),
    value("SequenceAt", at).since(11),
    value("SequenceConstruct", |c| Ok(Value::Sequence(all(c)?))).since(11),
    value("SequenceEmpty", |_| Ok(Value::Sequence(Vec::new()))).since(11),
    value("SequenceErase", erase).since(11),
    value("SequenceInsert", insert).since(11),
    one("SequenceLength", |c| Ok(Tensor::of(c.value(0)?.sequence()?.len() as i64))).since(11),
    many("SequenceMap", map).since(17),
    value("SplitToSequence", split).since(11),
];

fn all(call: &Call<'_>) -> Result<Vec<Value>> {
    (0..call.inputs.len()).map(|i| call.value(i).cloned()).collect()
}

/// A place in a list of `len`, the end included where `end` says so.
fn place(call: &Call<'_>, input: usize, len: usize, end: bool) -> Result<Option<usize>> {
    let Some(given) = call.maybe_ints(input)? else { return Ok(None) };
    let [given] = given[..] else { fail!(ShapeMismatch, "position: expected one number, found {}", given.len()) };
    let from_end = if given < 0 { given.saturating_add(len as i64) } else { given };
    let most = if end { len } else { len.saturating_sub(1) };
    let found = usize::try_from(from_end).ok().filter(|&p| p <= most && (end || len > 0));
    found.map(Some).ok_or_else(|| err!(OutOfRange, "position: expected one of {len} elements, found {given}"))
}

fn at(call: &Call<'_>) -> Result<Value> {
    let items = call.value(0)?.sequence()?;
    let at = place(call, 1, items.len(), false)?.unwrap_or(0);
    items.get(at).cloned().ok_or_else(|| err!(OutOfRange, "position: found {at} of {}", items.len()))
}

fn erase(call: &Call<'_>) -> Result<Value> {
    let mut items = call.value(0)?.sequence()?.to_vec();
    let last = items.len().checked_sub(1).ok_or_else(|| err!(EmptyData, "erase: the sequence is empty"))?;
    let at = place(call, 1, items.len(), false)?.unwrap_or(last);
    items.remove(at);
    Ok(Value::Sequence(items))
}

fn insert(call: &Call<'_>) -> Result<Value> {
    let mut items = call.value(0)?.sequence()?.to_vec();
    let at = place(call, 2, items.len(), true)?.unwrap_or(items.len());
    items.insert(at, call.value(1)?.clone());
    Ok(Value::Sequence(items))
}

fn concat_from_sequence(call: &Call<'_>) -> Result<Value> {
    let parts = call.value(0)?.sequence()?.iter().map(Value::parts).collect::<Result<Vec<_>>>()?;
    let Some((narrow, first)) = parts.first() else { fail!(EmptyData, "concat: the sequence is empty") };
    let tensors: Vec<&Tensor> = parts.iter().map(|(_, t)| *t).collect();
    let axis = call.int_or("axis", 0)?;
    Ok(Value::of_parts(
        *narrow,
        if call.flag("new_axis")? {
            Tensor::stack(&tensors, axis_of(axis, first.rank()? + 1)? as isize)
        } else {
            Tensor::concat(&tensors, axis_of(axis, first.rank()?)? as isize)
        },
    ))
}

fn split(call: &Call<'_>) -> Result<Value> {
    let (narrow, x) = call.value(0)?.parts()?;
    let shape = x.shape()?;
    let axis = axis_of(call.int_or("axis", 0)?, shape.rank())?;
    let size = shape[axis];
    let given = call.maybe_ints(1)?;
    let each = match &given {
        None => Some(1),
        Some(given) if call.tensor(1)?.rank()? == 0 => given.first().copied(),
        Some(_) => None,
    };
    let parts: Vec<usize> = match (each, given) {
        (Some(each), _) => {
            let each = usize::try_from(each).ok().filter(|&e| e > 0);
            let each = each.ok_or_else(|| err!(InvalidArgument, "split: expected at least 1"))?;
            (0..size.div_ceil(each)).map(|i| each.min(size - i * each)).collect()
        }
        (None, given) => super::tensor::part_sizes(call, size, given)?,
    };
    // Slices of one element each lose their axis where nothing else is asked for.
    let drop = call.maybe(1).is_none() && call.int_or("keepdims", 1)? == 0;
    let mut start = 0;
    let items = parts.into_iter().map(|part| {
        start += part;
        let y = x.slice_axis(axis as isize, start - part, part);
        Value::of_parts(narrow, if drop { y.squeeze(&[axis as isize]) } else { y })
    });
    Ok(Value::Sequence(items.collect()))
}

fn map(call: &Call<'_>) -> Result<Vec<Value>> {
    let body = call.body("body")?;
    let inputs = all(call)?;
    let length = call.value(0)?.sequence()?.len();
    let mut results = vec![Vec::new(); body.outputs()];
    for i in 0..length {
        let item = |value: &Value| match value {
            Value::Sequence(items) => {
                items.get(i).cloned().ok_or_else(|| err!(DimMismatch, "sequences of different lengths"))
            }
            other => Ok(other.clone()),
        };
        let given = inputs.iter().map(item).collect::<Result<Vec<_>>>()?;
        for (list, value) in results.iter_mut().zip(body.run(given)?) {
            list.push(value);
        }
    }
    Ok(results.into_iter().map(Value::Sequence).collect())
}

fn optional(call: &Call<'_>) -> Result<Value> {
    Ok(Value::Optional(call.maybe(0).map(|v| Box::new(v.clone()))))
}

fn get_element(call: &Call<'_>) -> Result<Value> {
    match call.value(0)? {
        Value::Optional(Some(inner)) => Ok((**inner).clone()),
        Value::Optional(None) => fail!(InvalidArgument, "optional: expected a value, found none"),
        other => Ok(other.clone()),
    }
}

fn has_element(call: &Call<'_>) -> Result<Tensor> {
    let has = !matches!(call.maybe(0), None | Some(Value::Optional(None)));
    Ok(Tensor::of(i64::from(has)).cast(DType::Bool))
}
