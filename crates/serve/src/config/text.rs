//! Protocol buffers' text format.
//!
//! Source: <https://protobuf.dev/reference/protobuf/textformat-spec/>.

use cornet_error::{Error, Limits, Result, err};

/// The fields of a message in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(pub Vec<(String, Field)>);

/// A field's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// Anything but a message.
    Scalar(Scalar),
    /// A message.
    Message(Fields),
}

/// A text, or a bare word: a number, a bool or an enum's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// In quotes.
    Text(String),
    /// Without.
    Word(String),
}

impl Fields {
    /// Fails unless every name is one of these.
    ///
    /// # Errors
    /// `invalid_argument`, with the names there are.
    pub fn only(&self, message: &str, names: &[&str]) -> Result<()> {
        match self.0.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            Some((name, _)) => {
                Err(err!(InvalidArgument, "{message}: expected one of {}, found '{name}'", names.join(", ")))
            }
            None => Ok(()),
        }
    }

    /// Every value of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Field> + 'a {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, field)| field)
    }

    /// The last value of that name, as readers of protocol buffers take it.
    pub fn get(&self, name: &str) -> Option<&Field> {
        self.0.iter().rev().find(|(n, _)| n == name).map(|(_, field)| field)
    }
}

impl Field {
    /// The message.
    ///
    /// # Errors
    /// `invalid_argument` for anything else; so too below.
    pub fn message(&self, name: &str) -> Result<&Fields> {
        match self {
            Self::Message(fields) => Ok(fields),
            Self::Scalar(_) => Err(err!(InvalidArgument, "{name}: expected a message, found a value")),
        }
    }

    /// The text.
    pub fn text(&self, name: &str) -> Result<&str> {
        match self {
            Self::Scalar(Scalar::Text(text)) => Ok(text),
            _ => Err(err!(InvalidArgument, "{name}: expected a text in quotes, found something else")),
        }
    }

    /// The bare word.
    pub fn word(&self, name: &str) -> Result<&str> {
        match self {
            Self::Scalar(Scalar::Word(word)) => Ok(word),
            _ => Err(err!(InvalidArgument, "{name}: expected a bare word, found something else")),
        }
    }

    /// The number: decimal, hexadecimal or octal.
    pub fn int(&self, name: &str) -> Result<i64> {
        let word = self.word(name)?;
        let (sign, digits) = word.strip_prefix('-').map_or((1, word), |d| (-1, d));
        let parsed = match (digits.strip_prefix("0x").or(digits.strip_prefix("0X")), digits.strip_prefix('0')) {
            (Some(hex), _) => i64::from_str_radix(hex, 16),
            (None, Some(octal)) if !octal.is_empty() => i64::from_str_radix(octal, 8),
            _ => digits.parse::<i64>(),
        };
        parsed.map(|v| sign * v).map_err(|_| err!(InvalidArgument, "{name}: expected a whole number, found {word}"))
    }

    /// The truth value.
    pub fn bool(&self, name: &str) -> Result<bool> {
        match self.word(name)? {
            "true" | "True" | "t" | "1" => Ok(true),
            "false" | "False" | "f" | "0" => Ok(false),
            word => Err(err!(InvalidArgument, "{name}: expected true or false, found {word}")),
        }
    }
}

/// Reads a text.
///
/// # Errors
/// `invalid_argument` with the line; `limit_exceeded`.
///
/// ```
/// let fields = cornet_serve::config::parse("a { b: 3  c: [1, 2] }", &Default::default())?;
/// assert_eq!(fields.get("a").unwrap().message("a")?.get("b").unwrap().int("b")?, 3);
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub fn parse(text: &str, limits: &Limits) -> Result<Fields> {
    let mut parser = Parser { text, at: 0, limits: *limits, fields: 0 };
    let fields = parser.fields(None, 0)?;
    Ok(fields)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    limits: Limits,
    fields: usize,
}

impl<'a> Parser<'a> {
    fn wrong(&self, what: impl std::fmt::Display) -> Error {
        let line = self.text.as_bytes()[..self.at.min(self.text.len())].iter().filter(|&&b| b == b'\n').count() + 1;
        err!(InvalidArgument, "text proto, line {line}: {what}")
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next character that is not blank or in a comment, unread.
    fn peek(&mut self) -> Option<char> {
        loop {
            let rest = self.rest();
            let next = rest.chars().next()?;
            if next == '#' {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if next.is_whitespace() {
                self.at += next.len_utf8();
            } else {
                return Some(next);
            }
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn fields(&mut self, end: Option<char>, depth: usize) -> Result<Fields> {
        Limits::check("text proto: levels of nesting", depth as u64, self.limits.depth as u64)?;
        let mut fields = Fields::default();
        loop {
            match (self.peek(), end) {
                (None, None) => return Ok(fields),
                (None, Some(end)) => return Err(self.wrong(format!("expected '{end}', found the end"))),
                (Some(c), Some(end)) if c == end => {
                    self.at += c.len_utf8();
                    return Ok(fields);
                }
                _ => self.field(&mut fields, depth)?,
            }
        }
    }

    fn field(&mut self, fields: &mut Fields, depth: usize) -> Result<()> {
        let name = match self.take('[') {
            true => {
                let name = self.word("the name of an extension")?.to_owned();
                if !self.take(']') {
                    return Err(self.wrong("expected ']'"));
                }
                name
            }
            false => self.word("the name of a field")?.to_owned(),
        };
        let colon = self.take(':');
        if colon && self.take('[') {
            if !self.take(']') {
                loop {
                    self.value(&name, colon, fields, depth)?;
                    match (self.take(','), self.take(']')) {
                        (true, false) => {}
                        (false, true) => break,
                        _ => return Err(self.wrong(format!("{name}: expected ',' or ']'"))),
                    }
                }
            }
        } else {
            self.value(&name, colon, fields, depth)?;
        }
        let _separator = self.take(',') || self.take(';');
        Ok(())
    }

    fn value(&mut self, name: &str, colon: bool, fields: &mut Fields, depth: usize) -> Result<()> {
        self.fields += 1;
        Limits::check("text proto: fields", self.fields as u64, self.limits.entries as u64)?;
        let value = if self.take('{') {
            Field::Message(self.fields(Some('}'), depth + 1)?)
        } else if self.take('<') {
            Field::Message(self.fields(Some('>'), depth + 1)?)
        } else if !colon {
            return Err(self.wrong(format!("{name}: expected ':' or '{{'")));
        } else if matches!(self.peek(), Some('"' | '\'')) {
            Field::Scalar(Scalar::Text(self.texts()?))
        } else {
            Field::Scalar(Scalar::Word(self.word("a value")?.to_owned()))
        };
        fields.0.push((name.to_owned(), value));
        Ok(())
    }

    fn word(&mut self, what: &str) -> Result<&'a str> {
        let found = self.peek();
        let rest = self.rest();
        let end = rest
            .char_indices()
            .find(|(i, c)| {
                !(c.is_alphanumeric()
                    || "_.+/".contains(*c)
                    || (*c == '-' && (*i == 0 || rest[..*i].ends_with(['e', 'E']))))
            })
            .map_or(rest.len(), |(i, _)| i);
        if end == 0 {
            let found = found.map_or("the end".to_owned(), |c| format!("'{c}'"));
            return Err(self.wrong(format!("expected {what}, found {found}")));
        }
        self.at += end;
        Ok(&rest[..end])
    }

    /// Texts that follow each other are one.
    fn texts(&mut self) -> Result<String> {
        let mut bytes = Vec::new();
        while let Some(quote @ ('"' | '\'')) = self.peek() {
            self.at += 1;
            self.quoted(quote, &mut bytes)?;
        }
        String::from_utf8(bytes).map_err(|_| self.wrong("expected a text in UTF-8"))
    }

    fn quoted(&mut self, quote: char, into: &mut Vec<u8>) -> Result<()> {
        loop {
            let rest = self.rest();
            let Some(c) = rest.chars().next().filter(|c| *c != '\n') else {
                return Err(self.wrong(format!("expected a closing {quote}")));
            };
            self.at += c.len_utf8();
            match c {
                c if c == quote => return Ok(()),
                '\\' => self.escaped(into)?,
                c => into.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }

    fn escaped(&mut self, into: &mut Vec<u8>) -> Result<()> {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else { return Err(self.wrong("expected a character after \\")) };
        self.at += c.len_utf8();
        let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok();
        match c {
            'n' => into.push(b'\n'),
            't' => into.push(b'\t'),
            'r' => into.push(b'\r'),
            'a' => into.push(7),
            'b' => into.push(8),
            'f' => into.push(12),
            'v' => into.push(11),
            '\\' | '\'' | '"' | '?' => into.push(c as u8),
            '0'..='7' => {
                let digits: String = rest.chars().take(3).take_while(|c| c.is_digit(8)).collect();
                self.at += digits.len() - 1;
                let value = number(&digits, 8).and_then(|v| u8::try_from(v).ok());
                into.push(value.ok_or_else(|| self.wrong("expected an octal number of one byte"))?);
            }
            'x' => {
                let digits: String = rest.chars().skip(1).take(2).take_while(char::is_ascii_hexdigit).collect();
                self.at += digits.len();
                let value = number(&digits, 16).and_then(|v| u8::try_from(v).ok());
                into.push(value.ok_or_else(|| self.wrong("expected a hexadecimal number of one byte"))?);
            }
            'u' | 'U' => {
                let count = if c == 'u' { 4 } else { 8 };
                let digits: String = rest.chars().skip(1).take(count).take_while(char::is_ascii_hexdigit).collect();
                self.at += digits.len();
                let value = number(&digits, 16).filter(|_| digits.len() == count).and_then(char::from_u32);
                let value = value.ok_or_else(|| self.wrong("expected a Unicode character"))?;
                into.extend(value.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => return Err(self.wrong(format!("expected an escape, found \\{other}"))),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Fields> {
        parse(text, &Limits::default())
    }

    #[test]
    fn every_form_of_a_field_is_read() {
        let fields =
            read("a: 1, b <c: 'x' \"y\\n\\101\">; # comment\nd: [-0x10, 017] e { } f: [{g: true}, {}]").unwrap();
        assert_eq!(fields.get("a").unwrap().int("a").unwrap(), 1);
        let b = fields.get("b").unwrap().message("b").unwrap();
        assert_eq!(b.get("c").unwrap().text("c").unwrap(), "xy\nA");
        let d: Vec<i64> = fields.all("d").map(|f| f.int("d").unwrap()).collect();
        assert_eq!(d, [-16, 15]);
        assert_eq!(fields.all("f").count(), 2);
        assert!(fields.get("e").unwrap().message("e").unwrap().0.is_empty());
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, expected) in [
            ("a {\n b: 1", "line 2: expected '}', found the end"),
            ("a 1", "line 1: a: expected ':' or '{'"),
            ("\n\na: 'x", "line 3: expected a closing '"),
            ("a: [1 2]", "a: expected ',' or ']'"),
            ("a: }", "expected a value, found '}'"),
            ("a: '\\400'", "octal"),
            ("}", "expected the name of a field, found '}'"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let deep = "a{".repeat(1000);
        assert_eq!(read(&deep).unwrap_err().code(), cornet_error::Code::LimitExceeded);
    }
}
