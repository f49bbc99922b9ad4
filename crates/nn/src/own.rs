//! Closures of the program in the places of Keras's activations, initializers, regularizers and constraints.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

/// A closure that lives as long as the program, so that what holds it can be copied freely.
pub struct Own<F: ?Sized + 'static>(&'static Entry<F>);

struct Entry<F: ?Sized> {
    name: Box<str>,
    /// What stands for it in a config, if it can be saved.
    saved: Option<Value>,
    function: Box<F>,
}

impl<F: ?Sized + 'static> Own<F> {
    /// A closure without a name, which cannot be saved.
    pub(crate) fn unnamed(function: Box<F>) -> Self {
        Self::new("own", None, function)
    }

    pub(crate) fn new(name: &str, saved: Option<Value>, function: Box<F>) -> Self {
        Self(Box::leak(Box::new(Entry { name: name.into(), saved, function })))
    }

    /// The registered name, or `own`.
    pub fn name(self) -> &'static str {
        &self.0.name
    }

    pub(crate) fn function(self) -> &'static F {
        &self.0.function
    }

    /// What stands in a config: without a name, an object that [`find_unnamed`] finds.
    pub(crate) fn to_json(self) -> Value {
        self.0.saved.clone().unwrap_or_else(|| function_to_json(Value::Null))
    }
}

impl<F: ?Sized + 'static> Clone for Own<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F: ?Sized + 'static> Copy for Own<F> {}

impl<F: ?Sized + 'static> PartialEq for Own<F> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl<F: ?Sized + 'static> Eq for Own<F> {}

impl<F: ?Sized + 'static> fmt::Debug for Own<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A function as Keras writes it.
fn function_to_json(name: Value) -> Value {
    json!({"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"})
}

/// Whether a config has a closure without a name in it.
pub(crate) fn find_unnamed(config: &Value) -> bool {
    match config {
        Value::Object(map) => *config == function_to_json(Value::Null) || map.values().any(find_unnamed),
        Value::Array(list) => list.iter().any(find_unnamed),
        _ => false,
    }
}

/// Closures of one kind by registered name.
pub(crate) struct Registry<F: ?Sized + 'static>(Mutex<BTreeMap<String, Own<F>>>);

impl<F: ?Sized + 'static> Registry<F> {
    pub const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Registers a closure; a later registration of a name replaces an earlier one.
    pub fn register(&self, name: String, function: Box<F>) -> Own<F> {
        let own = Own::new(&name, Some(function_to_json(name.as_str().into())), function);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, own);
        own
    }

    pub fn get(&self, name: &str) -> Option<Own<F>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    /// Keeps what a config describes, under its text, among at most `limit`.
    pub fn keep(&self, name: &str, saved: &Value, limit: usize, make: impl FnOnce() -> Box<F>) -> Option<Own<F>> {
        let key = saved.to_string();
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match map.get(&key) {
            Some(own) => Some(*own),
            None if map.len() >= limit => None,
            None => {
                let own = Own::new(name, Some(saved.clone()), make());
                map.insert(key, own);
                Some(own)
            }
        }
    }
}
