//! What lives longer than a run: variables and tables.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cornet_error::{Code, Result, err, fail};
use cornet_ops::string::LookupTable;
use cornet_ops::{Tensor, is_tracing};
use cornet_tensor::{Array, DType};

use crate::value::not_traced;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Variables and tables by name.
#[derive(Default)]
pub(crate) struct State {
    variables: Mutex<HashMap<String, Arc<Variable>>>,
    tables: Mutex<HashMap<String, Arc<Table>>>,
    /// Nothing that a signature runs changes a variable: their values count as constants.
    frozen: Arc<AtomicBool>,
}

impl State {
    /// The variable of that name, made now if there is none.
    pub fn variable(&self, name: &str) -> Arc<Variable> {
        let make = || Arc::new(Variable { name: name.to_owned(), frozen: self.frozen.clone(), held: Mutex::default() });
        lock(&self.variables).entry(name.to_owned()).or_insert_with(make).clone()
    }

    /// The table of that name, made now if there is none.
    pub fn table(&self, name: &str, keys: DType, values: DType) -> Arc<Table> {
        let make = || Arc::new(Table { name: name.to_owned(), keys, values, held: Mutex::default() });
        lock(&self.tables).entry(name.to_owned()).or_insert_with(make).clone()
    }

    /// From now on variables keep their values.
    pub fn freeze(&self) {
        self.frozen.store(true, Ordering::Relaxed);
    }

    /// Elements and bytes of all variables.
    pub fn size(&self) -> (u64, u64) {
        lock(&self.variables).values().fold((0, 0), |(count, bytes), variable| match &lock(&variable.held).variable {
            Some(v) => {
                let n = v.shape().elements() as u64;
                (count + n, bytes + n * v.dtype().size() as u64)
            }
            None => (count, bytes),
        })
    }

    /// The names and values of all variables that have one.
    pub fn values(&self) -> Vec<(String, Array)> {
        let all = lock(&self.variables);
        let value = |v: &Arc<Variable>| Some((v.name.clone(), lock(&v.held).variable.as_ref()?.value().ok()?));
        let mut values: Vec<_> = all.values().filter_map(value).collect();
        values.sort_by(|a, b| a.0.cmp(&b.0));
        values
    }
}

/// A variable, whose dtype and shape are those of the first value assigned.
pub(crate) struct Variable {
    pub name: String,
    frozen: Arc<AtomicBool>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    variable: Option<cornet_ops::Variable>,
    constant: Option<Tensor>,
}

impl Variable {
    /// The value as of now.
    ///
    /// # Errors
    /// `uninitialized`.
    pub fn read(&self) -> Result<Tensor> {
        let mut held = lock(&self.held);
        if let Some(constant) = &held.constant {
            return Ok(constant.clone());
        }
        let Some(variable) = held.variable.clone() else {
            return Err(err!(Uninitialized, "variable '{}' has no value", self.name)
                .help("its value is missing in the checkpoint, or nothing assigns it"));
        };
        if self.frozen.load(Ordering::Relaxed) {
            let constant = Tensor::from(variable.value()?);
            return Ok(held.constant.insert(constant).clone());
        }
        drop(held);
        let tensor = variable.read();
        tensor.error().map_or(Ok(tensor.clone()), |e| Err(e.clone()))
    }

    /// Whether it has a value.
    pub fn is_initialized(&self) -> bool {
        lock(&self.held).variable.as_ref().is_some_and(cornet_ops::Variable::is_initialized)
    }

    /// Replaces the value.
    ///
    /// # Errors
    /// `invalid_state` where variables are frozen; the failure that the value carries.
    pub fn assign(&self, value: &Tensor) -> Result<()> {
        if self.frozen.load(Ordering::Relaxed) {
            fail!(InvalidState, "variable '{}' is assigned where no signature assigns any", self.name);
        }
        let ty = value.ty()?;
        let variable = {
            let mut held = lock(&self.held);
            match &held.variable {
                Some(v) if *v.ty() == ty => v.clone(),
                Some(_) if is_tracing() => return Err(not_traced("a variable changes its shape")),
                _ => held.variable.insert(cornet_ops::Variable::uninitialized(&self.name, ty, true)).clone(),
            }
        };
        variable.assign(value).map_err(|e| match e.code() {
            Code::Unsupported => not_traced("a variable is assigned in a branch or a loop"),
            _ => e,
        })
    }
}

/// Keys as bytes.
fn names(keys: &Array) -> Result<Vec<Vec<u8>>> {
    match keys.dtype() {
        DType::Str => Ok(keys.strings()?.to_vec()),
        _ => Ok(keys.to_i64()?.iter().map(|k| k.to_le_bytes().to_vec()).collect()),
    }
}

/// A lookup table.
pub(crate) struct Table {
    name: String,
    pub keys: DType,
    pub values: DType,
    held: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    /// Keys and values, vectors of one length.
    content: Option<(Array, Array)>,
    /// The table for the default that was asked last.
    ready: Option<(Array, LookupTable)>,
}

impl Table {
    /// Fills the table.
    ///
    /// # Errors
    /// `shape_mismatch`, `dtype_mismatch` for other keys and values; `not_traced`.
    pub fn fill(&self, keys: &Tensor, values: &Tensor) -> Result<()> {
        let (keys, values) = (keys.array()?, values.array()?);
        if is_tracing() {
            return Err(not_traced("a table is filled"));
        }
        if keys.dtype() != self.keys || values.dtype() != self.values {
            let (k, v) = (keys.dtype(), values.dtype());
            fail!(DtypeMismatch, "table '{}': expected {} to {}, found {k} to {v}", self.name, self.keys, self.values);
        }
        let n = keys.elements();
        if values.elements() != n {
            fail!(ShapeMismatch, "table '{}': expected {n} values, found {}", self.name, values.elements());
        }
        let content = Some((keys.reshaped([n])?, values.reshaped([n])?));
        *lock(&self.held) = Entries { content, ready: None };
        Ok(())
    }

    /// Adds entries, those of old keys in their place.
    ///
    /// # Errors
    /// As [`Table::fill`].
    pub fn insert(&self, keys: &Tensor, values: &Tensor) -> Result<()> {
        let Some((old_keys, old_values)) = lock(&self.held).content.clone() else { return self.fill(keys, values) };
        let n = keys.shape()?.elements();
        let new: HashSet<Vec<u8>> = names(&keys.array()?)?.into_iter().collect();
        let kept: Vec<i64> =
            (0_i64..).zip(names(&old_keys)?).filter(|(_, k)| !new.contains(k)).map(|(i, _)| i).collect();
        let count = kept.len();
        let kept = Tensor::from(Array::from_vec(kept, [count])?);
        let old = |x: &Array| Tensor::from(x).take(&kept, 0);
        let keys = Tensor::concat(&[&old(&old_keys), &keys.reshape([n])], 0);
        self.fill(&keys, &Tensor::concat(&[&old(&old_values), &values.reshape([n])], 0))
    }

    fn content(&self) -> Result<(Array, Array)> {
        match &lock(&self.held).content {
            Some(content) => Ok(content.clone()),
            None => Ok((Array::try_zeros(self.keys, [0])?, Array::try_zeros(self.values, [0])?)),
        }
    }

    /// All keys and values.
    ///
    /// # Errors
    /// None that input can cause.
    pub fn export(&self) -> Result<(Tensor, Tensor)> {
        let (keys, values) = self.content()?;
        Ok((keys.into(), values.into()))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        lock(&self.held).content.as_ref().map_or(0, |(keys, _)| keys.elements())
    }

    /// The value of every key, `default` for what is none.
    ///
    /// # Errors
    /// `dtype_mismatch`; `already_exists` for a key that occurs twice; `not_traced` for a traced default.
    pub fn find(&self, keys: &Tensor, default: &Tensor) -> Result<Tensor> {
        let default = default.reshape([]).array()?;
        let dtype = keys.dtype()?;
        if dtype != self.keys {
            fail!(DtypeMismatch, "table '{}': expected keys of {}, found {dtype}", self.name, self.keys);
        }
        let ready = lock(&self.held).ready.as_ref().filter(|(d, _)| *d == default).map(|(_, table)| table.clone());
        let table = match ready {
            Some(table) => table,
            None => {
                let (all, values) = self.content()?;
                let all = if self.keys == DType::Str { all } else { all.cast(DType::I64)? };
                let table = LookupTable::new(&all.into(), &values.into(), &Tensor::from(&default))?;
                lock(&self.held).ready = Some((default, table.clone()));
                table
            }
        };
        Ok(table.lookup(keys))
    }
}
