//! Which array of one file is which of another.

use std::path::Path;

use cornet_error::{Error, Limits, Result, err};
use cornet_tensor::Array;
use serde_json::Value;

/// Bytes of a map, beyond which it is none.
const MAP_BYTES_MAX: u64 = 16 << 20;

/// New names for arrays: rules from names to names, of which the first that fits counts. A `*` in a name stands for any
/// letters, those that the `*` of the same place in the new name become. Names that no rule fits stay; a new name of
/// null leaves the array out. A rule may also transpose.
///
/// ```
/// use cornet_files::NameMap;
/// let json = r#"{"net.*.weight": {"name": "*/kernel", "transpose": [1, 0]}, "net.*.bias": "*/bias", "step": null}"#;
/// let map = NameMap::from_json(json)?;
/// assert_eq!(map.name_of("net.0.bias").as_deref(), Some("0/bias"));
/// assert_eq!(map.name_of("step"), None);
/// assert_eq!(map.name_of("other").as_deref(), Some("other"));
/// # Ok::<(), cornet_error::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NameMap {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    from: String,
    /// None leaves the array out.
    to: Option<String>,
    transpose: Option<Vec<usize>>,
}

impl NameMap {
    /// Reads a map: a `.toml` file, or JSON under any other name. Members are `"old" = "new"`, or
    /// `"old" = { name = "new", transpose = [1, 0] }`; in JSON `null`, in TOML `false` leaves an array out.
    ///
    /// # Errors
    /// `not_found`, `io`; `corrupt` for no map; `limit_exceeded`.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |e: std::io::Error| Error::io("read", path, &e);
        let within = |e: Error| e.within(path.display().to_string());
        let size = std::fs::metadata(path).map_err(failed)?.len();
        Limits::check("bytes of the map", size, MAP_BYTES_MAX).map_err(within)?;
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let is_toml = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"));
        if is_toml { Self::from_toml(&text) } else { Self::from_json(&text) }.map_err(within)
    }

    /// A map from JSON.
    ///
    /// # Errors
    /// `corrupt`.
    pub fn from_json(text: &str) -> Result<Self> {
        Self::of(&serde_json::from_str(text).map_err(|e| err!(Corrupt, "name map: expected JSON, found {e}"))?)
    }

    /// A map from TOML.
    ///
    /// # Errors
    /// `corrupt`.
    pub fn from_toml(text: &str) -> Result<Self> {
        let found = |e: &dyn std::fmt::Display| err!(Corrupt, "name map: expected TOML, found {e}");
        Self::of(&toml::from_str::<Value>(text).map_err(|e| found(&e))?)
    }

    fn of(value: &Value) -> Result<Self> {
        let Some(members) = value.as_object() else {
            return Err(err!(Corrupt, "name map: expected an object from names to names"));
        };
        let rules = members.iter().map(|(from, to)| Rule::of(from, to)).collect::<Result<_>>()?;
        Ok(Self { rules })
    }

    /// The new name of an array; none if it is left out.
    pub fn name_of(&self, name: &str) -> Option<String> {
        match self.rule_of(name) {
            Some((rule, letters)) => rule.new_name(&letters),
            None => Some(name.to_owned()),
        }
    }

    /// The arrays under their new names, without those that are left out.
    ///
    /// # Errors
    /// `already_exists` for two arrays of one new name; `rank_mismatch` for one that cannot be transposed so.
    pub fn apply(&self, arrays: Vec<(String, Array)>) -> Result<Vec<(String, Array)>> {
        let mut seen = std::collections::HashMap::new();
        let mut renamed = Vec::with_capacity(arrays.len());
        for (name, array) in arrays {
            let Some((rule, letters)) = self.rule_of(&name) else {
                note(&mut seen, &name, &name)?;
                renamed.push((name, array));
                continue;
            };
            let Some(to) = rule.new_name(&letters) else { continue };
            note(&mut seen, &to, &name)?;
            let array = match &rule.transpose {
                Some(axes) => transposed(&array, axes).map_err(|e| e.within(format!("name map, '{name}'")))?,
                None => array,
            };
            renamed.push((to, array));
        }
        Ok(renamed)
    }

    fn rule_of<'n>(&self, name: &'n str) -> Option<(&Rule, Vec<&'n str>)> {
        self.rules.iter().find_map(|rule| Some((rule, letters(&rule.from, name)?)))
    }
}

fn note(seen: &mut std::collections::HashMap<String, String>, to: &str, from: &str) -> Result<()> {
    match seen.insert(to.to_owned(), from.to_owned()) {
        Some(other) => {
            Err(err!(AlreadyExists, "name map: expected one array called '{to}', found '{other}' and '{from}'"))
        }
        None => Ok(()),
    }
}

impl Rule {
    fn of(from: &str, to: &Value) -> Result<Self> {
        let wrong = |expected: &str| err!(Corrupt, "name map, '{from}': expected {expected}");
        let (name, transpose) = match to {
            Value::Object(fields) => {
                if let Some(other) = fields.keys().find(|key| !matches!(key.as_str(), "name" | "transpose")) {
                    return Err(wrong("name and transpose").operand("found", other));
                }
                (&to["name"], fields.get("transpose"))
            }
            other => (other, None),
        };
        let to = match name {
            Value::String(to) => Some(to.clone()),
            Value::Null | Value::Bool(false) if transpose.is_none() => None,
            _ => return Err(wrong("a name, or an object with one")),
        };
        let stars = |text: &str| text.matches('*').count();
        if to.as_ref().is_some_and(|to| stars(to) != stars(from)) {
            return Err(wrong("as many * in the new name as in the old"));
        }
        let axes = |list: &Value| {
            let axis = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok());
            list.as_array()?.iter().map(axis).collect::<Option<Vec<_>>>()
        };
        let transpose =
            transpose.map(|list| axes(list).ok_or_else(|| wrong("a list of axes as transpose"))).transpose()?;
        Ok(Self { from: from.to_owned(), to, transpose })
    }

    fn new_name(&self, letters: &[&str]) -> Option<String> {
        let mut parts = self.to.as_ref()?.split('*');
        let mut name = parts.next().unwrap_or_default().to_owned();
        for (part, letters) in parts.zip(letters) {
            name.push_str(letters);
            name.push_str(part);
        }
        Some(name)
    }
}

/// What each `*` of a pattern stands for in a name: as few letters as possible, but for the last.
fn letters<'n>(pattern: &str, name: &'n str) -> Option<Vec<&'n str>> {
    let mut parts = pattern.split('*');
    let mut rest = name.strip_prefix(parts.next()?)?;
    let parts: Vec<&str> = parts.collect();
    let mut found = Vec::new();
    for (i, part) in parts.iter().enumerate() {
        let is_last = i + 1 == parts.len();
        let at = if is_last { rest.strip_suffix(part).map(str::len) } else { rest.find(part) }?;
        found.push(rest.get(..at)?);
        rest = rest.get(at + part.len()..)?;
    }
    rest.is_empty().then_some(found)
}

/// The array with its axes in another order.
fn transposed(array: &Array, axes: &[usize]) -> Result<Array> {
    let shape = array.shape().as_slice();
    let mut sorted = axes.to_vec();
    sorted.sort_unstable();
    if sorted.len() != shape.len() || sorted.iter().enumerate().any(|(i, axis)| i != *axis) {
        return Err(err!(RankMismatch, "transpose: expected the axes of {}, each once, found {axes:?}", array.shape()));
    }
    let strides = cornet_tensor::strides_of(shape);
    let to: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
    let steps: Vec<usize> = axes.iter().map(|&axis| strides[axis]).collect();
    let size = array.dtype().size();
    let mut turned = Array::try_zeros(array.dtype(), to.as_slice())?;
    let (from, mut index, mut at) = (array.bytes(), vec![0; to.len()], 0);
    for place in turned.bytes_mut().chunks_exact_mut(size.max(1)) {
        place.copy_from_slice(&from[at * size..(at + 1) * size]);
        for axis in (0..to.len()).rev() {
            (index[axis], at) = (index[axis] + 1, at + steps[axis]);
            if index[axis] < to[axis] {
                break;
            }
            at -= index[axis] * steps[axis];
            index[axis] = 0;
        }
    }
    Ok(turned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_rename_transpose_and_leave_out() {
        let json = r#"{"a.*.w": {"name": "*/kernel", "transpose": [1, 0]}, "a.*": "rest/*", "step": null}"#;
        let toml = "\"a.*.w\" = { name = \"*/kernel\", transpose = [1, 0] }\n\"a.*\" = \"rest/*\"\nstep = false\n";
        let map = NameMap::from_json(json).unwrap();
        assert_eq!(NameMap::from_toml(toml).unwrap(), map);
        let matrix = Array::from_vec(vec![1_i16, 2, 3, 4, 5, 6], [2, 3]).unwrap();
        let names = ["a.0.w", "a.0.b", "step", "z"].map(|name| (name.to_owned(), matrix.clone()));
        let renamed = map.apply(names.to_vec()).unwrap();
        assert_eq!(renamed.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), ["0/kernel", "rest/0.b", "z"]);
        assert_eq!(renamed[0].1.shape().as_slice(), [3, 2]);
        assert_eq!(renamed[0].1.to_vec::<i16>().unwrap(), [1, 4, 2, 5, 3, 6]);
        assert_eq!(renamed[1].1, matrix);
    }

    #[test]
    fn axes_turn_as_in_numpy() {
        let x = Array::from_vec((0..24_i32).collect(), [2, 3, 4]).unwrap();
        let y = transposed(&x, &[2, 0, 1]).unwrap();
        // numpy.arange(24).reshape(2, 3, 4).transpose(2, 0, 1)[1] is [[1, 5, 9], [13, 17, 21]].
        assert_eq!(y.shape().as_slice(), [4, 2, 3]);
        assert_eq!(y.to_vec::<i32>().unwrap()[6..12], [1, 5, 9, 13, 17, 21]);
        assert!(transposed(&x, &[0, 1]).is_err() && transposed(&x, &[0, 0, 1]).is_err());
    }

    #[test]
    fn stars_stand_for_letters() {
        assert_eq!(letters("a*b*c", "axbybc"), Some(vec!["x", "yb"]));
        assert_eq!(letters("*", ""), Some(vec![""]));
        assert_eq!(letters("ab*ba", "aba"), None);
        assert_eq!(letters("a", "ab"), None);
    }

    #[test]
    fn maps_that_say_nothing_clear_are_refused() {
        for wrong in [
            "[]",
            "{\"a\": 1}",
            "{\"a*\": \"b\"}",
            "{\"a\": {\"to\": \"b\"}}",
            "{\"a\": {\"name\": \"b\", \"transpose\": 1}}",
        ] {
            assert!(NameMap::from_json(wrong).is_err(), "{wrong}");
        }
        let map = NameMap::from_json("{\"a\": \"b\"}").unwrap();
        let one = Array::scalar(1_u8);
        assert!(map.apply(vec![("a".into(), one.clone()), ("b".into(), one)]).is_err());
    }
}
