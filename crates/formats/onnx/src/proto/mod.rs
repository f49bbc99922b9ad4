//! The messages of the format, read field by field.
//!
//! Source: `onnx.proto` of ONNX 1.23, <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.

mod attribute;
mod external;
mod model;
mod tensor;

pub use attribute::{Attribute, Node};
pub use external::Folder;
pub use model::{Domain, FunctionDef, GraphDef, ModelDef, Side, SizeOf, Type, ValueInfo};
pub use tensor::{Constant, parse_sparse, parse_tensor};

use std::cell::Cell;
use std::sync::Arc;

use cornet_error::{Limits, Result};

/// What reading a model needs beside its bytes.
pub struct Reader {
    /// The folder of external data, if the model is a file.
    pub folder: Option<Arc<Folder>>,
    /// The limits.
    pub limits: Limits,
    /// Bytes of tensors so far.
    total: Cell<u64>,
    /// Nodes, values and attributes so far.
    items: Cell<u64>,
}

impl Reader {
    /// A reader under these limits.
    pub fn new(folder: Option<Arc<Folder>>, limits: &Limits) -> Self {
        Self { folder, limits: *limits, total: Cell::new(0), items: Cell::new(0) }
    }

    /// Counts bytes of a tensor against the limits.
    ///
    /// # Errors
    /// `limit_exceeded`.
    pub fn count_bytes(&self, bytes: u64) -> Result<()> {
        Limits::check("onnx: bytes of one tensor", bytes, self.limits.object_bytes)?;
        self.total.set(self.total.get().saturating_add(bytes));
        Limits::check("onnx: bytes of all tensors", self.total.get(), self.limits.total_bytes)
    }

    /// Counts one entry of any list against the limits.
    ///
    /// # Errors
    /// `limit_exceeded`.
    pub fn count_item(&self) -> Result<()> {
        self.items.set(self.items.get() + 1);
        Limits::check("onnx: nodes, values and attributes", self.items.get(), 20 * self.limits.entries as u64)
    }
}
