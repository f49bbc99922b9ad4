//! Parsing `tf.Example` messages.

use std::collections::HashMap;

use cornet_error::{Limits, Result, err, fail};
use cornet_ops::Tensor;
use cornet_proto::{Message, Value as Field};
use cornet_tensor::{Array, DType};

use super::resources::types;
use super::{Family, many};
use crate::attr::{Attr, PartialShape};
use crate::interpret::{Call, sizes};
use crate::value::Value;

pub(super) static OPS: Family =
    &[("ParseExample", parse_example), ("ParseExampleV2", parse_example_v2), ("ParseSingleExample", parse_single)];

/// The values of one feature.
#[derive(Clone, Debug, PartialEq)]
enum Feature {
    Bytes(Vec<Vec<u8>>),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
}

impl Feature {
    fn empty(dtype: DType) -> Self {
        match dtype {
            DType::Str => Feature::Bytes(Vec::new()),
            DType::F32 => Feature::Floats(Vec::new()),
            _ => Feature::Ints(Vec::new()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Feature::Bytes(v) => v.len(),
            Feature::Floats(v) => v.len(),
            Feature::Ints(v) => v.len(),
        }
    }

    fn dtype(&self) -> DType {
        match self {
            Feature::Bytes(_) => DType::Str,
            Feature::Floats(_) => DType::F32,
            Feature::Ints(_) => DType::I64,
        }
    }

    fn append(&mut self, other: &Feature) {
        match (self, other) {
            (Feature::Bytes(a), Feature::Bytes(b)) => a.extend(b.iter().cloned()),
            (Feature::Floats(a), Feature::Floats(b)) => a.extend(b),
            (Feature::Ints(a), Feature::Ints(b)) => a.extend(b),
            _ => {}
        }
    }

    fn array(self, shape: &[usize]) -> Result<Array> {
        match self {
            Feature::Bytes(v) => Array::from_strings(v, shape),
            Feature::Floats(v) => Array::from_vec(v, shape),
            Feature::Ints(v) => Array::from_vec(v, shape),
        }
    }
}

/// The features of an example by name. An empty feature counts as missing.
fn parse(example: &[u8], limits: &Limits) -> Result<HashMap<Vec<u8>, Feature>> {
    let mut features = HashMap::new();
    for field in Message::of(example.to_vec(), limits).fields() {
        let (1, Field::Bytes(map)) = field? else { continue };
        for field in map.fields() {
            let (1, Field::Bytes(entry)) = field? else { continue };
            let (mut name, mut feature) = (Vec::new(), None);
            for field in entry.fields() {
                match field? {
                    (1, Field::Bytes(key)) => name = key.bytes()?,
                    (2, Field::Bytes(value)) => feature = parse_feature(&value)?,
                    _ => {}
                }
            }
            features.extend(feature.map(|f| (name, f)));
        }
    }
    Ok(features)
}

fn parse_feature(message: &Message) -> Result<Option<Feature>> {
    let mut feature = None;
    for field in message.fields() {
        let (kind, Field::Bytes(list)) = field? else { continue };
        let (mut bytes, mut floats, mut ints) = (Vec::new(), Vec::new(), Vec::new());
        for field in list.fields() {
            match (kind, field?) {
                (1, (1, Field::Bytes(value))) => bytes.push(value.bytes()?),
                (2, (1, value)) => value.floats(&mut floats)?,
                (3, (1, value)) => value.ints(&mut ints)?,
                _ => {}
            }
        }
        feature = match kind {
            1 => Some(Feature::Bytes(bytes)),
            2 => Some(Feature::Floats(floats)),
            3 => Some(Feature::Ints(ints)),
            _ => feature,
        };
    }
    Ok(feature)
}

/// What a call asks for.
#[derive(Default)]
struct Wanted {
    sparse: Vec<(Vec<u8>, DType)>,
    dense: Vec<Dense>,
    ragged: Vec<(Vec<u8>, DType, DType)>,
}

struct Dense {
    name: Vec<u8>,
    dtype: DType,
    shape: PartialShape,
    default: Tensor,
}

fn shapes(call: &Call<'_, '_>, name: &str) -> Vec<PartialShape> {
    if let Attr::List(list) = call.attr(name) { list.shapes.clone() } else { Vec::new() }
}

/// The names in a vector of strings, or in several scalars.
fn names(tensors: &[Tensor]) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for tensor in tensors {
        all.extend(tensor.array()?.strings()?.iter().cloned());
    }
    Ok(all)
}

fn dense(call: &Call<'_, '_>, names: Vec<Vec<u8>>, defaults: &[Tensor]) -> Result<Vec<Dense>> {
    let (types, shapes) = (types(call, "Tdense")?, shapes(call, "dense_shapes"));
    if types.len() != names.len() || shapes.len() != names.len() || defaults.len() != names.len() {
        fail!(Corrupt, "expected {} dense features, found {} types", names.len(), types.len());
    }
    let all = names.into_iter().zip(types).zip(shapes).zip(defaults);
    Ok(all.map(|(((name, dtype), shape), default)| Dense { name, dtype, shape, default: default.clone() }).collect())
}

fn parse_example(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let inputs = call.all(0)?;
    let (n_sparse, n_dense) = (call.attr_int("Nsparse", 0), call.attr_int("Ndense", 0));
    let counts = sizes(&[n_sparse, n_dense])?;
    let (n_sparse, n_dense) = (counts[0], counts[1]);
    if inputs.len() != 2 + n_sparse + 2 * n_dense {
        fail!(Corrupt, "expected {n_sparse} sparse and {n_dense} dense features, found {} inputs", inputs.len());
    }
    let (keys, defaults) = inputs[2..].split_at(n_sparse + n_dense);
    let sparse = names(&keys[..n_sparse])?.into_iter().zip(types(call, "sparse_types")?).collect();
    let wanted = Wanted { sparse, dense: dense(call, names(&keys[n_sparse..])?, defaults)?, ragged: Vec::new() };
    results(call, &inputs[0], &wanted)
}

fn parse_example_v2(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let inputs = call.all(0)?;
    let [examples, _, sparse, keys, ragged, defaults @ ..] = inputs.as_slice() else {
        fail!(Corrupt, "expected at least 5 inputs, found {}", inputs.len());
    };
    let sparse = names(std::slice::from_ref(sparse))?.into_iter().zip(types(call, "sparse_types")?).collect();
    let dense = dense(call, names(std::slice::from_ref(keys))?, defaults)?;
    let ragged = names(std::slice::from_ref(ragged))?
        .into_iter()
        .zip(types(call, "ragged_value_types")?)
        .zip(types(call, "ragged_split_types")?)
        .map(|((name, value), split)| (name, value, split))
        .collect();
    results(call, examples, &Wanted { sparse, dense, ragged })
}

fn parse_single(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let inputs = call.all(0)?;
    let [example, defaults @ ..] = inputs.as_slice() else { fail!(Corrupt, "expected inputs, found none") };
    let keys = |name: &str| if let Attr::List(list) = call.attr(name) { list.bytes.clone() } else { Vec::new() };
    let sparse = keys("sparse_keys").into_iter().zip(types(call, "sparse_types")?).collect();
    let wanted = Wanted { sparse, dense: dense(call, keys("dense_keys"), defaults)?, ragged: Vec::new() };
    results(call, example, &wanted)
}

/// The outputs in TensorFlow's order: of sparse features indices, values, shapes; dense values; ragged values, splits.
fn results(call: &Call<'_, '_>, examples: &Tensor, wanted: &Wanted) -> Result<Vec<Value>> {
    let array = examples.array()?;
    let is_batch = array.shape().rank() > 0;
    let limits = &call.run.machine.limits;
    let rows = array.strings()?.iter().map(|e| parse(e, limits)).collect::<Result<Vec<_>>>()?;
    let (mut indices, mut values, mut shapes) = (Vec::new(), Vec::new(), Vec::new());
    for (name, dtype) in &wanted.sparse {
        let (at, all, shape) = sparse(&rows, name, *dtype, is_batch)?;
        indices.push(at);
        values.push(all);
        shapes.push(shape);
    }
    let mut out: Vec<Tensor> = indices.into_iter().chain(values).chain(shapes).collect();
    for dense in &wanted.dense {
        out.push(dense_feature(&rows, dense, is_batch)?);
    }
    let (mut values, mut splits) = (Vec::new(), Vec::new());
    for (name, dtype, split) in &wanted.ragged {
        let (mut all, mut ends) = (Feature::empty(*dtype), vec![0_i64]);
        for row in &rows {
            all.append(feature(row, name, *dtype)?.unwrap_or(&Feature::empty(*dtype)));
            ends.push(all.len() as i64);
        }
        let count = all.len();
        values.push(Tensor::from(all.array(&[count])?));
        splits.push(Tensor::from(Array::from_i64(*split, [ends.len()], &ends)?));
    }
    many(out.into_iter().chain(values).chain(splits))
}

/// The feature of that name, if the row has it.
fn feature<'r>(row: &'r HashMap<Vec<u8>, Feature>, name: &[u8], dtype: DType) -> Result<Option<&'r Feature>> {
    match row.get(name) {
        Some(found) if found.dtype() != dtype => {
            let (name, found) = (String::from_utf8_lossy(name), found.dtype());
            Err(err!(DtypeMismatch, "feature '{name}': expected {dtype}, found {found}"))
        }
        found => Ok(found),
    }
}

fn sparse(
    rows: &[HashMap<Vec<u8>, Feature>],
    name: &[u8],
    dtype: DType,
    is_batch: bool,
) -> Result<(Tensor, Tensor, Tensor)> {
    let (mut at, mut all, mut most) = (Vec::new(), Feature::empty(dtype), 0);
    for (i, row) in rows.iter().enumerate() {
        if let Some(found) = feature(row, name, dtype)? {
            for j in 0..found.len() {
                at.extend(is_batch.then_some(i as i64));
                at.push(j as i64);
            }
            most = most.max(found.len());
            all.append(found);
        }
    }
    let count = all.len();
    let shape = if is_batch { vec![rows.len() as i64, most as i64] } else { vec![most as i64] };
    let rank = shape.len();
    Ok((
        Array::from_vec(at, [count, rank])?.into(),
        all.array(&[count])?.into(),
        Array::from_vec(shape, [rank])?.into(),
    ))
}

fn dense_feature(rows: &[HashMap<Vec<u8>, Feature>], wanted: &Dense, is_batch: bool) -> Result<Tensor> {
    let name = String::from_utf8_lossy(&wanted.name);
    let mut shape = wanted.shape.clone().unwrap_or_default();
    let open = shape.first() == Some(&-1);
    let stride: usize = sizes(&shape[usize::from(open)..])?.iter().product();
    let default = wanted.default.array()?;
    let has_default = default.elements() > 0 && default.dtype() == wanted.dtype;
    let default = match default.dtype() {
        DType::Str => Feature::Bytes(default.strings()?.to_vec()),
        DType::F32 => Feature::Floats(default.to_vec()?),
        _ => Feature::Ints(default.to_i64()?),
    };
    let found = rows.iter().map(|row| feature(row, &wanted.name, wanted.dtype)).collect::<Result<Vec<_>>>()?;
    let size = if open {
        let most = found.iter().flatten().map(|f| f.len()).max().unwrap_or(0);
        shape[0] = most.checked_div(stride).unwrap_or(0) as i64;
        most
    } else {
        stride
    };
    let mut all = Feature::empty(wanted.dtype);
    for found in found {
        match found {
            Some(found) if open => {
                all.append(found);
                let fill = if has_default { default.clone() } else { zero(wanted.dtype) };
                (found.len()..size).for_each(|_| all.append(&fill));
            }
            Some(found) if found.len() == size => all.append(found),
            Some(found) => fail!(ShapeMismatch, "feature '{name}': expected {size} values, found {}", found.len()),
            None if open => (0..size).for_each(|_| all.append(&zero(wanted.dtype))),
            None if has_default && default.len() == size => all.append(&default),
            None if has_default && default.len() == 1 => (0..size).for_each(|_| all.append(&default)),
            None => fail!(NotFound, "feature '{name}': expected a value in every example, found none"),
        }
    }
    let lead = is_batch.then_some(rows.len());
    let shape: Vec<usize> = lead.into_iter().chain(sizes(&shape)?).collect();
    Ok(all.array(&shape)?.into())
}

fn zero(dtype: DType) -> Feature {
    match dtype {
        DType::Str => Feature::Bytes(vec![Vec::new()]),
        DType::F32 => Feature::Floats(vec![0.0]),
        _ => Feature::Ints(vec![0]),
    }
}

#[cfg(test)]
mod tests {
    use cornet_proto::Encoder;

    use super::*;

    #[test]
    fn features_are_parsed() {
        let list = Encoder::new().packed_floats(1, [1.0, 2.0]);
        let feature = Encoder::new().message(2, list);
        let ints = Encoder::new().message(3, Encoder::new().packed_ints(1, [7]));
        let map = Encoder::new().entry(1, "x", feature).entry(1, "n", ints);
        let found = parse(&Encoder::new().message(1, map).finish(), &Limits::default()).unwrap();
        assert_eq!(found[&b"x"[..]], Feature::Floats(vec![1.0, 2.0]));
        assert_eq!(found[&b"n"[..]], Feature::Ints(vec![7]));
        assert!(parse(&[9, 9, 9], &Limits::default()).is_err());
    }
}
