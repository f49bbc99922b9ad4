//! Reading the `config` of a Keras object, and the objects and names that stand for one.

use std::cell::RefCell;

use cornet_error::{Result, err, fail};
use serde_json::{Map, Value, json};

/// A Keras object as JSON: `{"module", "class_name", "config", "registered_name": null}`.
pub fn object(module: &str, class: &str, config: Map<String, Value>) -> Value {
    json!({"module": module, "class_name": class, "config": config, "registered_name": null})
}

/// A function by its name.
pub(crate) fn function(name: &str) -> Value {
    json!({"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"})
}

/// The members of a JSON object, for `config`s in the order in which Keras writes them.
pub(crate) fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The arguments of an object that is being made. What a class does not ask for and is not null or false makes
/// [`Config::finish`] fail, so that no argument is ignored in silence.
pub struct Config<'a> {
    class: &'a str,
    map: &'a Map<String, Value>,
    asked: RefCell<Vec<&'a str>>,
}

impl<'a> Config<'a> {
    /// The config of an object `{"class_name", "config"}`.
    ///
    /// # Errors
    /// `corrupt` if it is none.
    pub fn of(object: &'a Value) -> Result<Self> {
        match (object["class_name"].as_str(), object["config"].as_object()) {
            (Some(class), Some(map)) => Ok(Self { class, map, asked: RefCell::default() }),
            _ => Err(err!(Corrupt, "config: expected an object with class_name and config, found {}", brief(object))),
        }
    }

    /// The arguments of a class that are given as a bare map.
    pub fn new(class: &'a str, map: &'a Map<String, Value>) -> Self {
        Self { class, map, asked: RefCell::default() }
    }

    /// The class.
    pub fn class(&self) -> &'a str {
        self.class
    }

    /// All arguments.
    pub(crate) fn arguments(&self) -> &'a Map<String, Value> {
        self.map
    }

    /// The argument, null if it is not there.
    pub fn get(&self, key: &'a str) -> &'a Value {
        self.asked.borrow_mut().push(key);
        self.map.get(key).unwrap_or(&Value::Null)
    }

    /// All arguments, for a class that looks them up when it is called.
    pub(crate) fn take_all(&self) -> Map<String, Value> {
        self.asked.borrow_mut().extend(self.map.keys().map(String::as_str));
        self.map.clone()
    }

    /// Whether the argument is there, be it null.
    pub fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    fn wrong<T>(&self, key: &str, expected: &str) -> Result<T> {
        let found = brief(self.map.get(key).unwrap_or(&Value::Null));
        Err(err!(Corrupt, "{}.{key}: expected {expected}, found {found}", self.class))
    }

    /// A value that `take` finds in the argument.
    ///
    /// # Errors
    /// `corrupt` if it finds none.
    pub fn need<T>(&self, key: &'a str, expected: &str, take: impl Fn(&'a Value) -> Option<T>) -> Result<T> {
        take(self.get(key)).map_or_else(|| self.wrong(key, expected), Ok)
    }

    /// The same for an argument that may be missing or null.
    ///
    /// # Errors
    /// As [`Config::need`].
    pub fn optional<T>(
        &self,
        key: &'a str,
        expected: &str,
        take: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>> {
        if self.get(key).is_null() { Ok(None) } else { self.need(key, expected, take).map(Some) }
    }

    /// A size.
    ///
    /// # Errors
    /// `corrupt`, as below.
    pub fn size(&self, key: &'a str) -> Result<usize> {
        self.need(key, "a non-negative integer", |v| v.as_u64().map(|n| n as usize))
    }

    /// A number, or the default.
    ///
    /// # Errors
    /// `corrupt`, as below.
    pub fn float(&self, key: &'a str, default: f64) -> Result<f64> {
        Ok(self.optional(key, "a number", Value::as_f64)?.unwrap_or(default))
    }

    /// A switch, or the default.
    ///
    /// # Errors
    /// `corrupt`, as below.
    pub fn flag(&self, key: &'a str, default: bool) -> Result<bool> {
        Ok(self.optional(key, "true or false", Value::as_bool)?.unwrap_or(default))
    }

    /// A text, or the default.
    ///
    /// # Errors
    /// `corrupt`, as below.
    pub fn text(&self, key: &'a str, default: &'a str) -> Result<&'a str> {
        Ok(self.optional(key, "a text", Value::as_str)?.unwrap_or(default))
    }

    /// Sizes, given as a list or as one number.
    ///
    /// # Errors
    /// `corrupt`, as below.
    pub fn sizes(&self, key: &'a str) -> Result<Option<Vec<usize>>> {
        self.optional(key, "sizes", |v| match v {
            Value::Array(list) => list.iter().map(|n| n.as_u64().map(|n| n as usize)).collect(),
            one => one.as_u64().map(|n| vec![n as usize]),
        })
    }

    /// A seed, or none.
    ///
    /// # Errors
    /// `corrupt`, as below.
    pub fn seed(&self) -> Result<Option<u64>> {
        // The seed of a generator that objects share is all that is taken of it.
        let seed = |value: &Value| match value["class_name"].as_str() {
            Some("SeedGenerator") => value["config"]["seed"].as_u64(),
            _ => value.as_u64(),
        };
        self.optional("seed", "an integer", seed)
    }

    /// Fails if there is an argument that was not asked for.
    ///
    /// # Errors
    /// `unsupported`, with the argument.
    pub fn finish(&self) -> Result<()> {
        let asked = self.asked.borrow();
        for (key, value) in self.map {
            let is_off = value.is_null() || *value == json!(false);
            if !is_off && !asked.contains(&key.as_str()) {
                return Err(err!(
                    Unsupported,
                    "{}.{key}: expected nothing or null, found {}",
                    self.class,
                    brief(value)
                )
                .help("Cornet does not have this argument"));
            }
        }
        Ok(())
    }
}

/// The class and config of an object, or the name that stands for one with default arguments.
///
/// # Errors
/// `corrupt` for anything else.
pub fn class_and_config(value: &Value) -> Result<(&str, Option<&Map<String, Value>>)> {
    match value {
        Value::String(name) => Ok((name, None)),
        Value::Object(object) => match (object.get("class_name").and_then(Value::as_str), object.get("config")) {
            (Some("function"), Some(Value::String(name))) => Ok((name, None)),
            (Some(class), Some(Value::Object(config))) => Ok((class, Some(config))),
            (Some(class), None) => Ok((class, None)),
            _ => fail!(Corrupt, "expected an object with class_name and config, found {}", brief(value)),
        },
        _ => fail!(Corrupt, "expected a name or an object, found {}", brief(value)),
    }
}

/// A number that is an integer in most configs of Keras: written without a fraction if it has none.
pub(crate) fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { (value as i64).into() } else { value.into() }
}

/// A value for an error message.
pub(crate) fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(57).collect::<String>() + "..." }
}
