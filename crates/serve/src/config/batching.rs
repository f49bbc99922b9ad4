//! How requests are run together.

use std::time::Duration;

use cornet_error::{Limits, Result, err};
use serde::Deserialize;

use super::text::{Fields, parse};

/// TensorFlow Serving's `BatchingParameters`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchingParameters {
    /// Rows of one batch.
    pub max_batch_size: usize,
    /// How long the first request of a batch may wait for others.
    pub batch_timeout_micros: u64,
    /// Batches that may wait; past them requests are refused.
    pub max_enqueued_batches: usize,
    /// Threads that run batches, of all models together. 0: one for each core.
    pub num_batch_threads: usize,
    /// The name of the threads, for logs.
    pub thread_pool_name: String,
    /// Sizes that batches are filled up to; the last is the largest batch. Empty: any size.
    pub allowed_batch_sizes: Vec<usize>,
    /// Whether requests whose rows differ in shape run together, the smaller ones filled with their first element.
    pub pad_variable_length_inputs: bool,
    /// Whether requests of more than `max_batch_size` rows run in parts; otherwise they are refused.
    pub enable_large_batch_splitting: bool,
    /// Rows that run at once where batches are split; 0: as `max_batch_size`.
    pub max_execution_batch_size: usize,
}

impl Default for BatchingParameters {
    fn default() -> Self {
        Self {
            max_batch_size: 1000,
            batch_timeout_micros: 0,
            max_enqueued_batches: 10,
            num_batch_threads: 0,
            thread_pool_name: "batch_threads".into(),
            allowed_batch_sizes: Vec::new(),
            pad_variable_length_inputs: false,
            enable_large_batch_splitting: false,
            max_execution_batch_size: 0,
        }
    }
}

impl BatchingParameters {
    /// Reads the text proto of `--batching_parameters_file`.
    ///
    /// # Errors
    /// `invalid_argument` for unknown fields and values that contradict each other; `limit_exceeded`.
    ///
    /// ```
    /// # use cornet_serve::config::BatchingParameters;
    /// let p = BatchingParameters::from_text("max_batch_size { value: 8 } allowed_batch_sizes: [2, 8]", &Default::default())?;
    /// assert_eq!((p.max_batch_size, p.padded(3)), (8, 8));
    /// # Ok::<(), cornet_error::Error>(())
    /// ```
    pub fn from_text(text: &str, limits: &Limits) -> Result<Self> {
        const WRAPPED: [&str; 9] = [
            "max_batch_size",
            "batch_timeout_micros",
            "max_enqueued_batches",
            "num_batch_threads",
            "thread_pool_name",
            "enable_large_batch_splitting",
            "max_execution_batch_size",
            "allowed_batch_sizes",
            "pad_variable_length_inputs",
        ];
        let fields = parse(text, limits)?;
        fields.only("batching parameters", &WRAPPED)?;
        let mut parameters = Self::default();
        let sizes: [(&str, &mut usize); 4] = [
            ("max_batch_size", &mut parameters.max_batch_size),
            ("max_enqueued_batches", &mut parameters.max_enqueued_batches),
            ("num_batch_threads", &mut parameters.num_batch_threads),
            ("max_execution_batch_size", &mut parameters.max_execution_batch_size),
        ];
        for (name, place) in sizes {
            if let Some(value) = wrapped(&fields, name)? {
                *place = size(name, value.int(name)?)?;
            }
        }
        if let Some(value) = wrapped(&fields, "batch_timeout_micros")? {
            parameters.batch_timeout_micros = size("batch_timeout_micros", value.int("batch_timeout_micros")?)? as u64;
        }
        if let Some(value) = wrapped(&fields, "thread_pool_name")? {
            parameters.thread_pool_name = value.text("thread_pool_name")?.to_owned();
        }
        if let Some(value) = wrapped(&fields, "enable_large_batch_splitting")? {
            parameters.enable_large_batch_splitting = value.bool("enable_large_batch_splitting")?;
        }
        if let Some(value) = fields.get("pad_variable_length_inputs") {
            parameters.pad_variable_length_inputs = value.bool("pad_variable_length_inputs")?;
        }
        let allowed = fields.all("allowed_batch_sizes");
        parameters.allowed_batch_sizes =
            allowed.map(|f| size("allowed_batch_sizes", f.int("allowed_batch_sizes")?)).collect::<Result<_>>()?;
        parameters.checked()
    }

    /// Fails unless the values fit each other.
    ///
    /// # Errors
    /// `invalid_argument`.
    pub fn checked(self) -> Result<Self> {
        if self.max_batch_size == 0 || self.max_enqueued_batches == 0 {
            return Err(err!(
                InvalidArgument,
                "max_batch_size, max_enqueued_batches: expected positive values, found 0"
            ));
        }
        let sizes = &self.allowed_batch_sizes;
        if sizes.first() == Some(&0) || sizes.windows(2).any(|w| w[0] >= w[1]) {
            return Err(err!(InvalidArgument, "allowed_batch_sizes: expected rising positive values, found {sizes:?}"));
        }
        let largest = self.execution_limit();
        if let Some(last) = sizes.last()
            && *last != largest
        {
            return Err(err!(
                InvalidArgument,
                "allowed_batch_sizes: expected the last to be the largest batch, {largest}, found {last}"
            ));
        }
        if self.max_execution_batch_size > self.max_batch_size {
            let (found, most) = (self.max_execution_batch_size, self.max_batch_size);
            return Err(err!(InvalidArgument, "max_execution_batch_size: expected at most {most}, found {found}"));
        }
        Ok(self)
    }

    /// How long the first request of a batch may wait.
    pub fn batch_timeout(&self) -> Duration {
        Duration::from_micros(self.batch_timeout_micros)
    }

    /// Rows that run at once.
    pub fn execution_limit(&self) -> usize {
        let split = self.enable_large_batch_splitting && self.max_execution_batch_size > 0;
        if split { self.max_execution_batch_size } else { self.max_batch_size }.max(1)
    }

    /// The number of rows that a batch of so many is filled up to.
    pub fn padded(&self, rows: usize) -> usize {
        self.allowed_batch_sizes.iter().copied().find(|s| *s >= rows).unwrap_or(rows)
    }
}

fn size(name: &str, value: i64) -> Result<usize> {
    usize::try_from(value).map_err(|_| err!(InvalidArgument, "{name}: expected 0 or more, found {value}"))
}

/// The value inside `name { value: ... }`.
fn wrapped<'a>(fields: &'a Fields, name: &str) -> Result<Option<&'a super::text::Field>> {
    let Some(field) = fields.get(name) else { return Ok(None) };
    let inner = field.message(name).map_err(|e| e.help(format!("write {name} {{ value: ... }}")))?;
    inner.only(name, &["value"])?;
    Ok(inner.get("value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<BatchingParameters> {
        BatchingParameters::from_text(text, &Limits::default())
    }

    #[test]
    fn the_example_of_the_documentation_is_read() {
        // serving/batching/README.md of TensorFlow Serving, with a list of sizes.
        let text = "max_batch_size { value: 128 }\nbatch_timeout_micros { value: 0 }\nmax_enqueued_batches { value: \
                    1000000 }\nnum_batch_threads { value: 8 }\nallowed_batch_sizes: 32\nallowed_batch_sizes: 128";
        let p = read(text).unwrap();
        assert_eq!((p.max_batch_size, p.batch_timeout_micros), (128, 0));
        assert_eq!((p.max_enqueued_batches, p.num_batch_threads), (1_000_000, 8));
        assert_eq!([1, 32, 33, 128].map(|n| p.padded(n)), [32, 32, 128, 128]);
    }

    #[test]
    fn contradictions_are_refused() {
        for (text, expected) in [
            ("max_batch_size { value: 4 } allowed_batch_sizes: [2, 3]", "the largest batch, 4, found 3"),
            ("allowed_batch_sizes: [3, 2]", "rising"),
            ("max_batch_size: 4", "write max_batch_size { value: ... }"),
            ("max_batch_size { value: -1 }", "expected 0 or more, found -1"),
            ("max_batch_size { value: 0 }", "expected positive"),
            ("batch_size { value: 4 }", "found 'batch_size'"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
