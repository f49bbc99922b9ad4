//! The folder in which a Python script leaves cases and finds results.
//!
//! `cases.json` is a list of cases, `arrays.npz` has the arrays that they name. A program answers with `results.json`,
//! one object a case with `"error"` null or a text, and `results.npz`.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;

use cornet_error::{Error, Result, err, fail};
use cornet_tensor::Array;
use serde_json::{Map, Value, json};

/// The arrays of a folder, by name.
pub struct Arrays(HashMap<String, Array>);

impl Arrays {
    /// The array of that name.
    ///
    /// # Errors
    /// `not_found`.
    pub fn get(&self, name: &Value) -> Result<Array> {
        let found = name.as_str().and_then(|name| self.0.get(name));
        found.cloned().ok_or_else(|| err!(NotFound, "array: expected one of arrays.npz, found {name}"))
    }

    /// The arrays of a list of names.
    ///
    /// # Errors
    /// As [`Arrays::get`].
    pub fn list(&self, names: &Value) -> Result<Vec<Array>> {
        list(names).iter().map(|name| self.get(name)).collect()
    }

    /// The arrays of a list of names, some of which are null.
    ///
    /// # Errors
    /// As [`Arrays::get`].
    pub fn optional(&self, names: &Value) -> Result<Vec<Option<Array>>> {
        list(names).iter().map(|name| if name.is_null() { Ok(None) } else { self.get(name).map(Some) }).collect()
    }
}

/// The items of a list; none of anything else.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// What a case gives: facts for `results.json` and named arrays for `results.npz`.
#[derive(Default)]
pub struct Answer {
    /// The facts.
    pub facts: Map<String, Value>,
    /// The arrays.
    pub arrays: Vec<(String, Array)>,
}

thread_local! {
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `f`; a panic becomes an error that says where it was.
///
/// # Errors
/// What `f` gives; `internal` for a panic.
pub fn caught<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|_: Box<dyn Any + Send>| {
        let place = PANIC.with_borrow(String::clone);
        fail!(Internal, "panic: {place}")
    })
}

/// Answers every case of a folder.
///
/// # Errors
/// A folder that cannot be read or written. What goes wrong in a case is its answer.
pub fn answer_all(folder: &Path, answer: impl Fn(&Value, &Arrays, &mut Answer) -> Result<()>) -> Result<()> {
    let text = std::fs::read_to_string(folder.join("cases.json")).map_err(|e| Error::io("read", folder, &e))?;
    let cases: Value = serde_json::from_str(&text).map_err(|e| err!(Corrupt, "cases.json: {e}"))?;
    let arrays = Arrays(Array::read_npz(folder.join("arrays.npz"))?.into_iter().collect());
    let before = take_hook();
    set_hook(Box::new(|info| PANIC.set(info.to_string())));
    let (mut results, mut found) = (Map::new(), Vec::new());
    for case in list(&cases) {
        let Some(id) = case["id"].as_str() else { fail!(Corrupt, "cases.json: a case without id") };
        let mut own = Answer::default();
        let outcome = caught(|| answer(case, &arrays, &mut own));
        own.facts.insert("error".into(), outcome.err().map_or(Value::Null, |error| json!(error.to_string())));
        results.insert(id.to_owned(), Value::Object(own.facts));
        found.extend(own.arrays.into_iter().map(|(name, array)| (format!("{id}:{name}"), array)));
    }
    set_hook(before);
    Array::write_npz(folder.join("results.npz"), found)?;
    let path = folder.join("results.json");
    std::fs::write(&path, Value::Object(results).to_string()).map_err(|e| Error::io("write", &path, &e))
}
