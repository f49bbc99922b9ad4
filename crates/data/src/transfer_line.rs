//! The progress of a download, as one line of text.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::Transfer;

/// Writes the progress of a download: a line rewritten in place on a terminal, one line a file elsewhere.
///
/// ```
/// use cornet_data::{Transfer, TransferLine};
/// let mut out = Vec::new();
/// let mut line = TransferLine::new(&mut out, false);
/// line.show(Transfer { file: "a.gz", index: 0, count: 4, received: 9_912_422, total: 9_912_422, done: true })?;
/// assert_eq!(String::from_utf8_lossy(&out), "1/4 a.gz 9.9 MB\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TransferLine<W> {
    out: W,
    is_terminal: bool,
    begun: Instant,
    shown: Option<Instant>,
    width: usize,
}

impl<W: Write> TransferLine<W> {
    /// A line on that output.
    pub fn new(out: W, is_terminal: bool) -> Self {
        Self { out, is_terminal, begun: Instant::now(), shown: None, width: 0 }
    }

    /// Shows a report; most are skipped, so that the line changes at most every 50 ms.
    ///
    /// # Errors
    /// Whatever the output reports.
    pub fn show(&mut self, transfer: Transfer<'_>) -> io::Result<()> {
        if transfer.received == 0 {
            self.begun = Instant::now();
        }
        let early = self.shown.is_some_and(|at| at.elapsed() < Duration::from_millis(50));
        if !transfer.done && (early || !self.is_terminal) {
            return Ok(());
        }
        self.shown = Some(Instant::now());
        if self.is_terminal {
            let line = line(&transfer, self.begun.elapsed().as_secs_f64());
            let width = line.chars().count();
            let end = if transfer.done { "\n" } else { "" };
            write!(self.out, "\r{line}{}{end}", " ".repeat(self.width.saturating_sub(width)))?;
            self.width = if transfer.done { 0 } else { width };
        } else {
            let Transfer { file, index, count, received, .. } = transfer;
            writeln!(self.out, "{}/{count} {file} {}", index + 1, size(received))?;
        }
        self.out.flush()
    }
}

fn line(transfer: &Transfer<'_>, seconds: f64) -> String {
    const WIDTH: u64 = 20;
    let Transfer { file, index, count, received, total, .. } = *transfer;
    let filled = (received.min(total) * WIDTH / total.max(1)) as usize;
    let bar = "━".repeat(filled) + &" ".repeat(WIDTH as usize - filled);
    let rate = if seconds > 0.0 { size((received as f64 / seconds) as u64) } else { size(0) };
    format!("{}/{count} {file} {bar} {}/{} {rate}/s", index + 1, size(received), size(total))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(received: u64, total: u64) -> Transfer<'static> {
        Transfer { file: "t10k.gz", index: 2, count: 4, received, total, done: false }
    }

    #[test]
    fn the_line_has_bar_sizes_and_rate() {
        assert_eq!(
            line(&transfer(824_438, 1_648_877), 2.0),
            "3/4 t10k.gz ━━━━━━━━━            824.4 kB/1.6 MB 412.2 kB/s"
        );
        assert_eq!(line(&transfer(0, 0), 0.0), format!("3/4 t10k.gz {} 0 B/0 B 0 B/s", " ".repeat(20)));
        assert_eq!(line(&transfer(3, 2), 1.0), format!("3/4 t10k.gz {} 3 B/2 B 3 B/s", "━".repeat(20)));
    }

    #[test]
    fn a_terminal_sees_one_line_rewritten() {
        let mut out = Vec::new();
        let mut line = TransferLine::new(&mut out, true);
        line.show(transfer(0, 10)).unwrap();
        line.show(transfer(5, 10)).unwrap();
        line.show(Transfer { done: true, ..transfer(10, 10) }).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches('\r').count(), 2, "{text:?}");
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        assert!(text.ends_with('\n') && text.contains("10 B/10 B"), "{text:?}");
    }
}
