//! Where versions come from: a folder of version folders, or one bare model.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cornet_error::{Code, Error, Result, err};

use crate::Loader;

/// A version that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its number.
    pub version: i64,
    /// Its folder, or the bare model.
    pub path: PathBuf,
    /// Size and time of the model's main file: another value is another model.
    pub stamp: Option<(u64, SystemTime)>,
}

/// A place that is looked at again and again.
///
/// It holds folders whose names are version numbers, or is itself a model: a file, or a folder with one. A bare model is
/// version 1; when its file is replaced it becomes the next version.
#[derive(Clone, Debug)]
pub struct Source {
    base: PathBuf,
    bare: Option<Found>,
}

impl Source {
    /// A place; nothing is read yet.
    pub fn new(base: impl Into<PathBuf>) -> Self {
        Self { base: base.into(), bare: None }
    }

    /// The place.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// What there is now, by rising version.
    ///
    /// # Errors
    /// A place that does not exist or cannot be read.
    pub fn scan(&mut self, loader: &dyn Loader) -> Result<Vec<Found>> {
        let base = self.base.clone();
        let meta = std::fs::metadata(&base).map_err(|e| Error::io("read", &base, &e))?;
        if meta.is_file() {
            return Ok(vec![self.bare(base.clone(), &base)]);
        }
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&base).map_err(|e| Error::io("read", &base, &e))? {
            let entry = entry.map_err(|e| Error::io("read", &base, &e))?;
            if let Some(version) = version_of(&entry.file_name().to_string_lossy())
                && entry.path().is_dir()
            {
                let path = entry.path();
                let stamp = model_in(&path, loader).ok().and_then(|m| stamp(&m));
                found.push(Found { version, path, stamp });
            }
        }
        found.sort_by_key(|f| f.version);
        found.dedup_by_key(|f| f.version);
        if found.is_empty() {
            match model_in(&base, loader) {
                Ok(model) => found.push(self.bare(base, &model)),
                Err(error) if error.code() == Code::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn bare(&mut self, path: PathBuf, model: &Path) -> Found {
        let stamp = stamp(model);
        let version = match &self.bare {
            Some(last) if last.stamp == stamp => last.version,
            Some(last) => last.version.saturating_add(1),
            None => 1,
        };
        let found = Found { version, path, stamp };
        self.bare = Some(found.clone());
        found
    }
}

/// A version number: digits, leading zeros allowed.
fn version_of(name: &str) -> Option<i64> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    name.parse().ok()
}

fn stamp(path: &Path) -> Option<(u64, SystemTime)> {
    let main = ["saved_model.pb", "saved_model.pbtxt"].iter().map(|n| path.join(n)).find(|p| p.is_file());
    let meta = std::fs::metadata(main.as_deref().unwrap_or(path)).ok()?;
    Some((meta.len(), meta.modified().ok()?))
}

/// The model of a folder: the folder itself where it is a SavedModel, else the one file that is a model. A file is its
/// own model.
///
/// # Errors
/// `not_found` if there is none; `invalid_argument` if there are several.
pub fn model_in(path: &Path, loader: &dyn Loader) -> Result<PathBuf> {
    if !path.is_dir() || path.join("saved_model.pb").is_file() || path.join("saved_model.pbtxt").is_file() {
        return Ok(path.to_owned());
    }
    let entries = std::fs::read_dir(path).map_err(|e| Error::io("read", path, &e))?;
    let mut models: Vec<PathBuf> = entries
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| !hidden(p) && p.is_file() && loader.accepts(p))
        .collect();
    models.sort();
    match (models.pop(), models.len()) {
        (Some(model), 0) => Ok(model),
        (None, _) => Err(err!(NotFound, "{}: expected a model file or saved_model.pb, found none", path.display())),
        (Some(_), more) => Err(err!(InvalidArgument, "{}: expected one model, found {}", path.display(), more + 1)
            .help("put each version into a folder of its own: 1/, 2/, ...")),
    }
}

fn hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|n| n.to_string_lossy().starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servable::tests::Fake;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("cornet-serve-source-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn version_folders_are_found_by_number() {
        let base = folder("versions");
        for name in ["1", "0000000123", "7", "x8", "-3", "9.tmp", "99999999999999999999"] {
            std::fs::create_dir(base.join(name)).unwrap();
        }
        std::fs::write(base.join("12"), b"a file is no version folder").unwrap();
        let found = Source::new(&base).scan(&Fake::default()).unwrap();
        assert_eq!(found.iter().map(|f| f.version).collect::<Vec<_>>(), [1, 7, 123]);
        assert_eq!(found[2].path, base.join("0000000123"));
    }

    #[test]
    fn a_bare_file_is_version_1_and_another_file_in_its_place_the_next() {
        let base = folder("bare");
        let file = base.join("m.model");
        std::fs::write(&file, b"one").unwrap();
        for place in [&file, &base] {
            std::fs::write(&file, b"one").unwrap();
            let mut source = Source::new(place);
            let loader = Fake::default();
            assert_eq!(source.scan(&loader).unwrap()[0].version, 1);
            assert_eq!(source.scan(&loader).unwrap()[0].version, 1);
            std::fs::write(&file, b"another").unwrap();
            assert_eq!(source.scan(&loader).unwrap()[0].version, 2);
        }
    }

    #[test]
    fn a_folder_without_a_model_has_no_versions_and_no_folder_is_an_error() {
        let base = folder("empty");
        std::fs::write(base.join("readme.txt"), b"").unwrap();
        assert_eq!(Source::new(&base).scan(&Fake::default()).unwrap(), []);
        let error = Source::new(base.join("absent")).scan(&Fake::default()).unwrap_err();
        assert_eq!(error.code(), Code::NotFound);
    }

    #[test]
    fn of_several_models_in_one_folder_none_is_guessed() {
        let base = folder("several");
        std::fs::write(base.join("a.model"), b"").unwrap();
        std::fs::write(base.join("b.model"), b"").unwrap();
        let error = model_in(&base, &Fake::default()).unwrap_err();
        assert!(error.to_string().contains("expected one model, found 2"), "{error}");
    }
}
