//! Numbers and tables as reports show them.

/// Lines of columns, each as wide as its widest cell; the last is not padded.
pub fn columns(rows: &[Vec<String>]) -> String {
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|t| t.chars().count()).max().unwrap_or(0);
    let line = |row: &Vec<String>| {
        let last = row.len().saturating_sub(1);
        let cells = row.iter().enumerate().map(|(c, text)| {
            let padding = if c == last { 0 } else { width(c) - text.chars().count() };
            format!("{text}{}", " ".repeat(padding))
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Bytes for people: `11.6 MB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1e3;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1e3;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A number with commas: `1,797`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Text of a file as it may be shown on a terminal: control characters are spelled out, length is bounded.
pub fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    let mut safe: String = text.chars().take(CHARS_MAX).flat_map(escaped).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        safe.push('…');
    }
    safe
}

fn escaped(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(11_594_722), "11.6 MB");
        assert_eq!(bytes(999_999_999), "1.0 GB");
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_797), "1,797");
        assert_eq!(grouped(101_770), "101,770");
    }

    #[test]
    fn columns_line_up_and_end_without_blanks() {
        let rows = [vec!["a".into(), "é".into(), "x".into()], vec!["bbb".into(), "cc".into(), String::new()]];
        assert_eq!(columns(&rows), "a    é   x\nbbb  cc");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(shown("a\u{1b}[2Jé"), "a\\u{1b}[2Jé");
        assert_eq!(shown(&"x".repeat(300)).chars().count(), 201);
    }
}
