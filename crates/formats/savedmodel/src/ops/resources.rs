//! Variables, tables, checkpoints.

use std::path::Path;
use std::sync::PoisonError;

use cornet_error::{Limits, Result, err, fail};
use cornet_ops::{ScatterMode, Tensor};
use cornet_tensor::{Array, DType};

use super::slicing::assign_slice;
use super::{Family, many, one};
use crate::attr::{Attr, dtype};
use crate::interpret::Call;
use crate::state::{Table, Variable};
use crate::value::Value;

pub(super) static OPS: Family = &[
    ("AnonymousHashTable", make_table),
    ("AnonymousMutableHashTable", make_table),
    ("Assign", |c| assign(c, |_, new| new.clone())),
    ("AssignAdd", |c| assign(c, |old, new| old + new)),
    ("AssignAddVariableOp", |c| assign(c, |old, new| old + new)),
    ("AssignSub", |c| assign(c, |old, new| old - new)),
    ("AssignSubVariableOp", |c| assign(c, |old, new| old - new)),
    ("AssignVariableOp", |c| assign(c, |_, new| new.clone())),
    ("DestroyResourceOp", |_| Ok(Vec::new())),
    ("DisableCopyOnRead", |_| Ok(Vec::new())),
    ("HashTable", make_table),
    ("HashTableV2", make_table),
    ("InitializeTable", fill_table),
    ("InitializeTableFromTextFile", fill_from_file),
    ("InitializeTableFromTextFileV2", fill_from_file),
    ("InitializeTableV2", fill_table),
    ("IsVariableInitialized", |c| one(Array::scalar(variable(c)?.is_initialized()).into())),
    ("LookupTableExportV2", |c| {
        let (keys, values) = table(c)?.export()?;
        many([keys, values])
    }),
    ("LookupTableFind", find),
    ("LookupTableFindV2", find),
    ("LookupTableImport", fill_table),
    ("LookupTableImportV2", fill_table),
    ("LookupTableInsertV2", |c| {
        c.certain()?;
        table(c)?.insert(&c.x(1)?, &c.x(2)?)?;
        Ok(Vec::new())
    }),
    ("LookupTableSize", |c| one(Array::scalar(table(c)?.len() as i64).into())),
    ("LookupTableSizeV2", |c| one(Array::scalar(table(c)?.len() as i64).into())),
    ("MutableHashTable", make_table),
    ("MutableHashTableV2", make_table),
    ("ReadVariableOp", |c| one(variable(c)?.read()?)),
    ("ResourceScatterAdd", |c| scatter(c, ScatterMode::Add)),
    ("ResourceScatterMax", |c| scatter(c, ScatterMode::Max)),
    ("ResourceScatterMin", |c| scatter(c, ScatterMode::Min)),
    ("ResourceScatterMul", |c| scatter(c, ScatterMode::Mul)),
    ("ResourceScatterNdAdd", |c| scatter_nd(c, ScatterMode::Add)),
    ("ResourceScatterNdUpdate", |c| scatter_nd(c, ScatterMode::Update)),
    ("ResourceScatterUpdate", |c| scatter(c, ScatterMode::Update)),
    ("ResourceStridedSliceAssign", |c| {
        let x = variable(c)?.read()?;
        let value = assign_slice(c, &x, &c.x(4)?)?;
        keep(c, &value)
    }),
    ("RestoreV2", restore),
    ("ScatterAdd", |c| scatter(c, ScatterMode::Add)),
    ("ScatterUpdate", |c| scatter(c, ScatterMode::Update)),
    ("VarHandleOp", |c| Ok(vec![Value::Variable(c.run.machine.state.variable(&c.shared_name()))])),
    ("VarIsInitializedOp", |c| one(Array::scalar(variable(c)?.is_initialized()).into())),
    ("Variable", |c| Ok(vec![Value::Variable(c.run.machine.state.variable(&c.shared_name()))])),
    ("VariableShape", |c| {
        let shape = variable(c)?.read()?.shape()?;
        let shape: Vec<i64> = shape.iter().map(|&s| s as i64).collect();
        one(Array::from_i64(c.attr_dtype_or("out_type", DType::I32)?, [shape.len()], &shape)?.into())
    }),
    ("VariableV2", |c| Ok(vec![Value::Variable(c.run.machine.state.variable(&c.shared_name()))])),
];

fn variable<'c>(call: &'c Call<'_, '_>) -> Result<&'c Variable> {
    match call.value(0)? {
        Value::Variable(variable) => Ok(variable),
        other => Err(err!(DtypeMismatch, "expected a variable, found {}", other.kind())),
    }
}

fn table<'c>(call: &'c Call<'_, '_>) -> Result<&'c Table> {
    match call.value(0)? {
        Value::Table(table) => Ok(table),
        other => Err(err!(DtypeMismatch, "expected a table, found {}", other.kind())),
    }
}

/// Assigns, and gives the variable itself, which ops of TensorFlow 1 hand on.
fn keep(call: &mut Call<'_, '_>, value: &Tensor) -> Result<Vec<Value>> {
    call.certain()?;
    variable(call)?.assign(value)?;
    Ok(vec![call.inputs.swap_remove(0)])
}

fn assign(call: &mut Call<'_, '_>, f: fn(&Tensor, &Tensor) -> Tensor) -> Result<Vec<Value>> {
    let new = call.x(1)?;
    let value = match call.node.op.as_str() {
        "Assign" | "AssignVariableOp" => new,
        _ => f(&variable(call)?.read()?, &new),
    };
    if let Some(error) = value.error() {
        return Err(error.clone());
    }
    keep(call, &value)
}

fn scatter(call: &mut Call<'_, '_>, mode: ScatterMode) -> Result<Vec<Value>> {
    let old = variable(call)?.read()?;
    let value = old.scatter_nd(&call.x(1)?.expand_dims(&[-1]), &call.x(2)?, mode);
    keep(call, &value)
}

fn scatter_nd(call: &mut Call<'_, '_>, mode: ScatterMode) -> Result<Vec<Value>> {
    let value = variable(call)?.read()?.scatter_nd(&call.x(1)?, &call.x(2)?, mode);
    keep(call, &value)
}

/// Tensors from the checkpoint of the model; from no other file.
fn restore(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let machine = call.run.machine;
    let slot = machine.checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(checkpoint) = &*slot else {
        return Err(err!(Unsafe, "a graph asks for a file other than its own checkpoint"));
    };
    let (names, specs) = (call.x(1)?.array()?, call.x(2)?.array()?);
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let mut out = Vec::new();
    for (name, spec) in names.strings()?.iter().zip(specs.strings()?) {
        let array = Tensor::from(checkpoint.read(&text(name))?);
        out.push(match cornet_bundle::parse_spec(&text(spec))? {
            None => array,
            Some((shape, slice)) => {
                if array.shape()?.iter().map(|&s| s as u64).ne(shape.iter().copied()) {
                    fail!(Corrupt, "checkpoint: tensor '{}': expected {shape:?}", text(name));
                }
                let (start, size) = slice.within(&shape)?;
                let whole = |v: Vec<u64>| v.into_iter().map(|s| s as usize).collect::<Vec<_>>();
                array.slice(&whole(start), &whole(size))
            }
        });
    }
    many(out)
}

fn make_table(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (keys, values) = (call.attr_dtype("key_dtype")?, call.attr_dtype("value_dtype")?);
    Ok(vec![Value::Table(call.run.machine.state.table(&call.shared_name(), keys, values))])
}

fn fill_table(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    call.certain()?;
    table(call)?.fill(&call.x(1)?, &call.x(2)?)?;
    Ok(Vec::new())
}

fn find(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    one(table(call)?.find(&call.x(1)?, &call.x(2)?)?)
}

/// Which part of a line of a text file is meant.
const WHOLE_LINE: i64 = -2;
const LINE_NUMBER: i64 = -1;

fn fill_from_file(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    call.certain()?;
    let machine = call.run.machine;
    let name = call.x(1)?.reshape([]).array()?;
    let name = name.strings()?.first().cloned().unwrap_or_default();
    let path = machine.assets.get(&name).ok_or_else(|| {
        err!(Unsafe, "a table is filled from '{}', which is no asset of the model", String::from_utf8_lossy(&name))
    })?;
    let text = read_text(path, &machine.limits)?;
    let skip = call.attr_int("offset", 0).max(0) as usize;
    let mut lines: Vec<&[u8]> = text.split(|&b| b == b'\n').collect();
    if lines.last().is_some_and(|l| l.is_empty()) {
        lines.pop();
    }
    let lines = lines.get(skip..).unwrap_or_default();
    let most = call.attr_int("vocab_size", -1);
    let lines = usize::try_from(most).ok().and_then(|most| lines.get(..most)).unwrap_or(lines);
    let delimiter = match call.attr("delimiter") {
        Attr::Bytes(b) => b.first().copied().unwrap_or(b'\t'),
        _ => b'\t',
    };
    let table = table(call)?;
    let column = |which: i64, dtype: DType| column(lines, which, delimiter, dtype);
    let keys = column(call.attr_int("key_index", WHOLE_LINE), table.keys)?;
    let values = column(call.attr_int("value_index", LINE_NUMBER), table.values)?;
    table.fill(&keys.into(), &values.into())?;
    Ok(Vec::new())
}

fn read_text(path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    let size = std::fs::metadata(path).map_err(|e| cornet_error::Error::io("read", path, &e))?.len();
    Limits::check("asset: bytes", size, limits.object_bytes)?;
    std::fs::read(path).map_err(|e| cornet_error::Error::io("read", path, &e))
}

fn column(lines: &[&[u8]], which: i64, delimiter: u8, dtype: DType) -> Result<Array> {
    let n = lines.len();
    if which == LINE_NUMBER {
        return Array::from_i64(dtype, [n], &(0..n as i64).collect::<Vec<_>>());
    }
    let part = |line: &[u8]| -> Result<Vec<u8>> {
        if which == WHOLE_LINE {
            return Ok(line.to_vec());
        }
        let found = usize::try_from(which).ok().and_then(|i| line.split(|&b| b == delimiter).nth(i));
        Ok(found.ok_or_else(|| err!(Corrupt, "asset: a line without column {which}"))?.to_vec())
    };
    let parts = lines.iter().map(|l| part(l)).collect::<Result<Vec<_>>>()?;
    if dtype == DType::Str {
        return Array::from_strings(parts, [n]);
    }
    Tensor::from(Array::from_strings(parts, [n])?).string_to_number(dtype).array()
}

/// The dtypes of a list of types.
pub(super) fn types(call: &Call<'_, '_>, name: &str) -> Result<Vec<DType>> {
    match call.attr(name) {
        Attr::List(list) => list.types.iter().map(|&t| dtype(t as i32)).collect(),
        _ => Ok(Vec::new()),
    }
}
