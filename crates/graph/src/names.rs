//! Names of values and operations: readable, unique, and the same every time.

use std::collections::HashMap;

use cornet_ops::{Graph, ValueId};

/// Gives out names, each once: a name that is taken gets the first free suffix of `_1`, `_2`, ...
#[derive(Default)]
pub(crate) struct Unique {
    /// For each name given out, the suffix to try next.
    next: HashMap<String, usize>,
}

impl Unique {
    pub fn name(&mut self, wanted: &str) -> String {
        let Some(next) = self.next.get(wanted).copied() else {
            self.next.insert(wanted.to_string(), 1);
            return wanted.to_string();
        };
        let mut suffix = next;
        let mut name = format!("{wanted}_{suffix}");
        while self.next.contains_key(&name) {
            suffix += 1;
            name = format!("{wanted}_{suffix}");
        }
        self.next.insert(wanted.to_string(), suffix + 1);
        self.next.insert(name.clone(), 1);
        name
    }
}

/// The name with every character that a value's name may not have as `_`.
pub(crate) fn sanitize(name: &str) -> String {
    let mut clean: String = name.chars().map(|c| if is_name_char(c) { c } else { '_' }).collect();
    if clean.is_empty() {
        clean.push('_');
    }
    clean
}

/// What names of values and variables consist of in text.
pub(crate) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-')
}

/// A name for every value: inputs by their own names, results by their op.
pub(crate) struct ValueNames(Vec<String>);

impl ValueNames {
    pub fn new(graph: &Graph) -> Self {
        let mut unique = Unique::default();
        let mut names: Vec<String> = vec![String::new(); graph.types.len()];
        let mut set = |value: ValueId, wanted: &str| {
            if let Some(slot) = names.get_mut(value.index()) {
                *slot = unique.name(wanted);
            }
        };
        for input in &graph.inputs {
            set(input.value, &sanitize(&input.name));
        }
        for node in &graph.nodes {
            node.outputs.iter().for_each(|&o| set(o, node.op.name));
        }
        Self(names)
    }

    /// The name; a broken graph may have values that nothing defines.
    pub fn of(&self, value: ValueId) -> &str {
        self.0.get(value.index()).filter(|n| !n.is_empty()).map_or("undefined.value", String::as_str)
    }
}

/// The type of a value as text, also in a broken graph.
pub(crate) fn type_text(graph: &Graph, value: ValueId) -> String {
    graph.types.get(value.index()).map_or_else(|| "undefined".to_string(), ToString::to_string)
}
