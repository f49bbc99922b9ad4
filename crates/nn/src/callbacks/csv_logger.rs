use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use cornet_error::{Error, Result};

use super::text::python_float;
use super::{Callback, Run};
use crate::training::Logs;

/// Writes loss and metrics of every epoch to a file of comma-separated values.
///
/// # Format
/// A header `epoch,accuracy,loss,val_accuracy,val_loss`: the epoch, counted from 0, and the sorted names of the first
/// epoch's logs; without validation also their `val_` names. A row each epoch, floats as Python prints them, `NA` where
/// there is no number. Lines end in CR LF. Rows are on disk as soon as their epoch ends.
/// # Errors
/// `io`, `not_found`, `permission_denied`.
/// # Source
/// Keras 3 `keras.callbacks.CSVLogger`, whose files these are byte for byte.
#[derive(Debug)]
pub struct CSVLogger {
    filename: PathBuf,
    separator: char,
    append: bool,
    file: Option<File>,
    keys: Option<Vec<String>>,
    header: bool,
}

impl CSVLogger {
    /// To this file.
    pub fn new(filename: impl AsRef<Path>) -> Self {
        let filename = filename.as_ref().to_owned();
        Self { filename, separator: ',', append: false, file: None, keys: None, header: true }
    }

    /// With this between values; by default a comma.
    #[must_use]
    pub fn separator(mut self, separator: char) -> Self {
        self.separator = separator;
        self
    }

    /// Whether rows are added to a file that there is; by default it is replaced.
    #[must_use]
    pub fn append(mut self, append: bool) -> Self {
        self.append = append;
        self
    }

    fn failed(&self) -> impl Fn(std::io::Error) -> Error {
        |e| Error::io("write", &self.filename, &e)
    }

    fn row(&self, cells: impl Iterator<Item = String>) -> String {
        let quoted = |cell: String| match cell.contains([self.separator, '"', '\r', '\n']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell,
        };
        cells.map(quoted).collect::<Vec<_>>().join(&self.separator.to_string()) + "\r\n"
    }
}

impl Callback for CSVLogger {
    fn on_train_begin(&mut self, _run: &Run<'_>) -> Result<()> {
        if self.append && self.filename.exists() {
            let mut first = String::new();
            let file = File::open(&self.filename).map_err(|e| Error::io("read", &self.filename, &e))?;
            BufReader::new(file).read_line(&mut first).map_err(|e| Error::io("read", &self.filename, &e))?;
            self.header = first.is_empty();
        } else {
            self.header = true;
        }
        let (append, mut options) = (self.append, OpenOptions::new());
        let options = options.create(true).write(true).append(append).truncate(!append);
        let file = options.open(&self.filename).map_err(self.failed())?;
        (self.file, self.keys) = (Some(file), None);
        Ok(())
    }

    fn on_epoch_end(&mut self, _run: &Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        let mut text = String::new();
        let is_first = self.keys.is_none();
        let keys = self.keys.get_or_insert_with(|| {
            let mut keys: Vec<String> = logs.iter().map(|(name, _)| name.to_owned()).collect();
            keys.sort();
            if !keys.iter().any(|key| key.starts_with("val_")) {
                let more: Vec<String> = keys.iter().map(|key| format!("val_{key}")).collect();
                keys.extend(more);
            }
            keys
        });
        let keys = keys.clone();
        if is_first && self.header {
            text += &self.row(["epoch".to_owned()].into_iter().chain(keys.iter().cloned()));
        }
        let values = keys.iter().map(|key| logs.get(key).map_or("NA".into(), python_float));
        text += &self.row([epoch.to_string()].into_iter().chain(values));
        let failed = |e: std::io::Error| Error::io("write", &self.filename, &e);
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(text.as_bytes()).map_err(failed))
    }

    fn on_train_end(&mut self, _run: &Run<'_>, _logs: &Logs) -> Result<()> {
        self.file = None;
        Ok(())
    }
}
