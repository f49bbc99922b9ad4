//! Lists of tensors: TensorList, and TensorArray of TensorFlow 1, whose elements are in its flow.

use cornet_error::{Limits, Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};

use super::{Family, many, one};
use crate::attr::PartialShape;
use crate::interpret::{Call, sizes};
use crate::value::{ArrayHandle, Items, List, Value, not_traced};

pub(super) static OPS: Family = &[
    ("EmptyTensorList", |c| {
        let shape = element_shape(c, 0)?;
        Ok(vec![new(c, shape, 0)?.into()])
    }),
    ("TensorArrayCloseV3", |_| Ok(Vec::new())),
    ("TensorArrayConcatV3", |c| {
        let flow = c.list(1)?;
        concat(flow)
    }),
    ("TensorArrayGatherV3", |c| {
        let (hint, indices) = (handle(c)?.shape.clone(), c.x(1)?);
        one(c.list(2)?.stacked(hint.as_deref())?.take(&indices, 0))
    }),
    ("TensorArrayReadV3", |c| {
        let hint = handle(c)?.shape.clone();
        one(c.list(2)?.get(&c.x(1)?, hint.as_deref())?)
    }),
    ("TensorArrayScatterV3", |c| {
        let (indices, x) = (c.x(1)?, c.x(2)?);
        let len = c.list(3)?.len()?;
        Ok(vec![scattered(c.list(3)?, &indices, &x, len)?.into()])
    }),
    ("TensorArraySizeV3", |c| one(Array::scalar(c.list(1)?.len()? as i32).into())),
    ("TensorArraySplitV3", |c| {
        let (x, lengths) = (c.x(1)?, c.sizes(2)?);
        Ok(vec![split(c.list(3)?, &x, &lengths)?.into()])
    }),
    ("TensorArrayV3", tensor_array),
    ("TensorArrayWriteV3", |c| {
        let (index, item) = (c.x(1)?, c.x(2)?);
        Ok(vec![grown(c.list(3)?, &index)?.set(&index, &item)?.into()])
    }),
    ("TensorListConcat", |c| concat(c.list(0)?)),
    ("TensorListConcatLists", |c| {
        let (a, b) = (c.list(0)?.each()?, c.list(1)?.each()?);
        Ok(vec![with(c.list(0)?, Items::Each(a.into_iter().chain(b).collect())).into()])
    }),
    ("TensorListConcatV2", |c| concat(c.list(0)?)),
    ("TensorListElementShape", |c| {
        let dtype = c.attr_dtype_or("shape_type", DType::I32)?;
        let list = c.list(0)?;
        let shape: Vec<i64> = match list.element(None) {
            Ok(ty) => ty.shape.iter().map(|&s| s as i64).collect(),
            Err(_) => match &list.shape {
                Some(shape) => shape.clone(),
                None => return one(Array::from_i64(dtype, [], &[-1])?.into()),
            },
        };
        one(Array::from_i64(dtype, [shape.len()], &shape)?.into())
    }),
    ("TensorListFromTensor", |c| {
        let (x, shape) = (c.x(0)?, element_shape(c, 1)?);
        Ok(vec![List { dtype: x.dtype()?, shape, items: Items::Stacked(x) }.into()])
    }),
    ("TensorListGather", |c| {
        let (indices, hint) = (c.x(1)?, element_shape(c, 2)?);
        one(c.list(0)?.stacked(hint.as_deref())?.take(&indices, 0))
    }),
    ("TensorListGetItem", |c| {
        let hint = element_shape(c, 2)?;
        one(c.list(0)?.get(&c.x(1)?, hint.as_deref())?)
    }),
    ("TensorListLength", |c| one(Array::scalar(c.list(0)?.len()? as i32).into())),
    ("TensorListPopBack", |c| {
        let hint = element_shape(c, 1)?;
        let list = c.list(0)?;
        let last = list.len()?.checked_sub(1).ok_or_else(|| err!(OutOfRange, "list: there is no last element"))?;
        let item = list.get(&Array::scalar(last as i64).into(), hint.as_deref())?;
        let mut items = list.each()?;
        items.pop();
        Ok(vec![with(list, Items::Each(items)).into(), item.into()])
    }),
    ("TensorListPushBack", |c| {
        let mut items = c.list(0)?.each()?;
        items.push(Some(c.x(1)?));
        Ok(vec![with(c.list(0)?, Items::Each(items)).into()])
    }),
    ("TensorListReserve", |c| {
        let (shape, count) = (element_shape(c, 0)?, sizes(&[c.int(1)?])?[0]);
        Ok(vec![new(c, shape, count)?.into()])
    }),
    ("TensorListResize", |c| {
        let count = sizes(&[c.int(1)?])?[0];
        let mut items = c.list(0)?.each()?;
        Limits::check("list: elements", count as u64, c.run.machine.limits.entries as u64 * 16)?;
        items.resize(count, None);
        Ok(vec![with(c.list(0)?, Items::Each(items)).into()])
    }),
    ("TensorListScatter", |c| {
        let (x, indices, shape) = (c.x(0)?, c.x(1)?, element_shape(c, 2)?);
        let empty = List { dtype: x.dtype()?, shape, items: Items::Each(Vec::new()) };
        Ok(vec![scattered(&empty, &indices, &x, 0)?.into()])
    }),
    ("TensorListScatterIntoExistingList", |c| {
        let (x, indices) = (c.x(1)?, c.x(2)?);
        let len = c.list(0)?.len()?;
        Ok(vec![scattered(c.list(0)?, &indices, &x, len)?.into()])
    }),
    ("TensorListScatterV2", |c| {
        let (x, indices, shape) = (c.x(0)?, c.x(1)?, element_shape(c, 2)?);
        let len = sizes(&[c.int(3)?.max(0)])?[0];
        let empty = List { dtype: x.dtype()?, shape, items: Items::Each(Vec::new()) };
        Ok(vec![scattered(&empty, &indices, &x, len)?.into()])
    }),
    ("TensorListSetItem", |c| {
        let (index, item) = (c.x(1)?, c.x(2)?);
        let list = c.list(0)?;
        let list =
            if c.attr_bool("resize_if_index_out_of_bounds", false) { grown(list, &index)? } else { list.clone() };
        Ok(vec![list.set(&index, &item)?.into()])
    }),
    ("TensorListSplit", |c| {
        let (x, shape, lengths) = (c.x(0)?, element_shape(c, 1)?, c.sizes(2)?);
        let empty = List { dtype: x.dtype()?, shape, items: Items::Each(Vec::new()) };
        Ok(vec![split(&empty, &x, &lengths)?.into()])
    }),
    ("TensorListStack", stack),
];

fn with(list: &List, items: Items) -> List {
    List { dtype: list.dtype, shape: list.shape.clone(), items }
}

/// The partial shape in a known tensor: a scalar -1 stands for any.
fn element_shape(call: &Call<'_, '_>, i: usize) -> Result<PartialShape> {
    let x = call.x(i)?;
    Ok(if x.rank()? == 0 { None } else { Some(call.ints(i)?) })
}

fn new(call: &Call<'_, '_>, shape: PartialShape, count: usize) -> Result<List> {
    Limits::check("list: elements", count as u64, call.run.machine.limits.entries as u64 * 16)?;
    Ok(List { dtype: call.attr_dtype("element_dtype")?, shape, items: Items::Each(vec![None; count]) })
}

fn handle<'c>(call: &'c Call<'_, '_>) -> Result<&'c ArrayHandle> {
    match call.value(0)? {
        Value::Array(handle) => Ok(handle),
        other => Err(err!(DtypeMismatch, "expected an array, found {}", other.kind())),
    }
}

fn tensor_array(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (count, dtype) = (sizes(&[call.int(0)?])?[0], call.attr_dtype("dtype")?);
    Limits::check("array: elements", count as u64, call.run.machine.limits.entries as u64 * 16)?;
    let shape = call.attr_shape("element_shape");
    let flow = List { dtype, shape: shape.clone(), items: Items::Each(vec![None; count]) };
    Ok(vec![Value::Array(ArrayHandle { shape }), flow.into()])
}

/// The list with room for an index.
fn grown(list: &List, index: &Tensor) -> Result<List> {
    if index.is_traced() {
        return Ok(list.clone());
    }
    let index = index.cast(DType::I64).reshape([]).item::<i64>()?;
    let len = list.len()?;
    if index < len as i64 || index > len as i64 + (1 << 16) {
        return Ok(list.clone());
    }
    let mut items = list.each()?;
    items.resize(index as usize + 1, None);
    Ok(with(list, Items::Each(items)))
}

/// Rows of `x` at known indices of a list of at least `len` elements.
fn scattered(list: &List, indices: &Tensor, x: &Tensor, len: usize) -> Result<List> {
    if indices.is_traced() {
        return Err(not_traced("elements go to unknown places of a list"));
    }
    let places = sizes(&indices.array()?.to_i64()?)?;
    let rows = x.shape()?.first().copied().unwrap_or(0);
    if rows != places.len() {
        fail!(ShapeMismatch, "list: expected {} rows, found {rows}", places.len());
    }
    let whole = places.iter().copied().eq(0..rows) && len <= rows;
    if whole {
        return Ok(with(list, Items::Stacked(x.clone())));
    }
    let mut items = list.each()?;
    let most = places.iter().max().map_or(0, |m| m + 1).max(len);
    if most > items.len() {
        if most > items.len() + places.len() * 1024 + len {
            fail!(OutOfRange, "list: expected places near 0, found {most}");
        }
        items.resize(most, None);
    }
    for (place, row) in places.iter().zip(x.unstack(0)?) {
        items[*place] = Some(row);
    }
    Ok(with(list, Items::Each(items)))
}

fn split(list: &List, x: &Tensor, lengths: &[usize]) -> Result<List> {
    let mut at = 0;
    let items = lengths.iter().map(|&n| {
        at += n;
        Some(x.slice_axis(0, at - n, n))
    });
    Ok(with(list, Items::Each(items.collect())))
}

fn concat(list: &List) -> Result<Vec<Value>> {
    let items: Vec<Tensor> = list.each()?.into_iter().flatten().collect();
    let lengths =
        items.iter().map(|x| Ok(x.shape()?.first().copied().unwrap_or(0) as i64)).collect::<Result<Vec<_>>>()?;
    let count = lengths.len();
    let whole = Tensor::concat(&items.iter().collect::<Vec<_>>(), 0);
    many([whole, Array::from_vec(lengths, [count])?.into()])
}

fn stack(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let hint = element_shape(call, 1)?;
    let list = call.list(0)?;
    let count = call.attr_int("num_elements", -1);
    let len = list.len()?;
    if count >= 0 && count as usize != len {
        fail!(DimMismatch, "list: expected {count} elements, found {len}");
    }
    one(list.stacked(hint.as_deref())?)
}
