//! What the commands print.

use std::io::{ErrorKind, IsTerminal, Write, stderr, stdout};

use cornet_error::{Result, err};
pub use cornet_files::text::{bytes, columns, grouped};
use serde_json::Value;

/// Prints a result, with a line end.
///
/// A reader that has gone (`cornet ... | head`) is no failure: the command goes on without it.
pub fn print(text: &str) -> Result<()> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(err!(Io, "cannot write to stdout: {e}")),
        _ => Ok(()),
    }
}

/// Prints JSON, indented.
pub fn print_json(value: &Value) -> Result<()> {
    print(&format!("{value:#}"))
}

/// Says something on stderr. Whoever closed stderr does not want to know.
pub fn say(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// Whether stdout is a terminal.
pub fn on_terminal() -> bool {
    stdout().is_terminal()
}
