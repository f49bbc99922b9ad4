//! Cornet's one error type, its stable codes, and the limits that every parser takes.
//!
//! A message says where, what was expected, what was found, and one thing to try:
//!
//! ```text
//! model/dense_1 (Dense): last axis of the input: expected 784, found 783 [dim_mismatch]
//!   input    [32, 783]
//!   kernel   [784, 128]
//!   help: the input comes from 'flatten'; check the size of the images you feed
//! ```
//!
//! Kernels and rules say *what*, the executor or the layer says *where*, the edge (command line, server) assigns a
//! status from the [`Code`].
//!
//! ```
//! use cornet_error::{Code, Error};
//! let e = Error::new(Code::DimMismatch, "last axis: expected 784, found 783")
//!     .operand("input", "[32, 783]")
//!     .help("check the size of the images you feed")
//!     .within("dense_1 (Dense)")
//!     .within("model");
//! assert!(e.to_string().starts_with("model/dense_1 (Dense): last axis: expected 784, found 783 [dim_mismatch]"));
//! ```

mod code;
mod limits;

pub use code::Code;
pub use limits::Limits;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// `std::result::Result` with Cornet's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where, what, the operands concerned, and one thing to try. Cheap to clone.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    message: String,
    path: Vec<String>,
    operands: Vec<(String, String)>,
    help: Option<String>,
    caller: Option<&'static Location<'static>>,
}

impl Error {
    /// An error with its code and one sentence: expected, found.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Arc::new(Inner { code, message, path: Vec::new(), operands: Vec::new(), help: None, caller: None }))
    }

    /// A file that cannot be read, written or parsed: names it and keeps the system's reason.
    pub fn io(doing: &str, path: &std::path::Path, cause: &std::io::Error) -> Self {
        let code = match cause.kind() {
            std::io::ErrorKind::NotFound => Code::NotFound,
            std::io::ErrorKind::PermissionDenied => Code::PermissionDenied,
            _ => Code::Io,
        };
        Self::new(code, format!("cannot {doing} {}: {cause}", path.display()))
    }

    /// Adds an operand line: what it is called and its value, shape or type.
    #[must_use]
    pub fn operand(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.inner().operands.push((name.into(), value.to_string()));
        self
    }

    /// Sets the one thing to try. The first help given stays: it is nearest to the cause.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        let inner = self.inner();
        if inner.help.is_none() {
            inner.help = Some(help.into());
        }
        self
    }

    /// Puts an outer place (a model, a layer, a file) before the path of the error.
    #[must_use]
    pub fn within(mut self, place: impl Into<String>) -> Self {
        self.inner().path.insert(0, place.into());
        self
    }

    /// Records the user's line that made the failing call; the first one recorded stays.
    #[must_use]
    pub fn at(mut self, caller: &'static Location<'static>) -> Self {
        let inner = self.inner();
        if inner.caller.is_none() {
            inner.caller = Some(caller);
        }
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The sentence, without place, operands and help.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The places the error comes from, the outermost first.
    pub fn path(&self) -> &[String] {
        &self.0.path
    }

    /// What to try, if the error knows.
    pub fn help_text(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// The user's file and line, where known.
    pub fn caller(&self) -> Option<&'static Location<'static>> {
        self.0.caller
    }

    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { code, message, path, operands, help, caller } = &*self.0;
        if !path.is_empty() {
            write!(f, "{}: ", path.join("/"))?;
        }
        write!(f, "{message} [{code}]")?;
        let width = operands.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in operands {
            write!(f, "\n  {name:width$}  {value}")?;
        }
        if let Some(caller) = caller {
            write!(f, "\n  at {}:{}", caller.file(), caller.line())?;
        }
        if let Some(help) = help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

/// Returns early with an [`Error`] made from a [`Code`] and a format string.
///
/// ```
/// use cornet_error::{Result, fail};
/// fn half(n: usize) -> Result<usize> {
///     if n % 2 == 1 {
///         fail!(InvalidArgument, "n: expected an even number, found {n}");
///     }
///     Ok(n / 2)
/// }
/// assert!(half(3).is_err());
/// ```
#[macro_export]
macro_rules! fail {
    ($code:ident, $($text:tt)+) => {
        return Err($crate::err!($code, $($text)+))
    };
}

/// An [`Error`] made from a [`Code`] and a format string.
#[macro_export]
macro_rules! err {
    ($code:ident, $($text:tt)+) => {
        $crate::Error::new($crate::Code::$code, format!($($text)+))
    };
}
