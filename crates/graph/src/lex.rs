//! Words of the text form, with their places.

use cornet_error::{Error, Result, err};

use crate::names::is_name_char;

/// Where a word begins: line and column, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    /// An error at this place.
    pub fn error(self, message: impl std::fmt::Display) -> Error {
        err!(Corrupt, "line {}, column {}: {message}", self.line, self.column)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Word<'t> {
    /// One of `( ) { } [ ] , : =`.
    Mark(char),
    /// `%name`.
    Value(&'t str),
    /// `@name`.
    Variable(&'t str),
    /// A keyword, an op, an attribute's name, a dtype.
    Name(&'t str),
    /// A number as it is written.
    Number(&'t str),
    /// What is between quotes, escapes resolved.
    Text(Vec<u8>),
    /// The end of the text.
    End,
}

impl std::fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Word::Mark(c) => write!(f, "'{c}'"),
            Word::Value(name) => write!(f, "'%{}'", brief(name)),
            Word::Variable(name) => write!(f, "'@{}'", brief(name)),
            Word::Name(word) | Word::Number(word) => write!(f, "'{}'", brief(word)),
            Word::Text(_) => f.write_str("a quoted text"),
            Word::End => f.write_str("the end of the text"),
        }
    }
}

/// The beginning of a name that may be very long.
pub(crate) fn brief(name: &str) -> String {
    const MOST: usize = 60;
    if name.chars().count() <= MOST {
        return name.to_string();
    }
    name.chars().take(MOST).chain("...".chars()).collect()
}

pub(crate) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    place: Place,
    /// The next word, where it begins, and how far it goes.
    ahead: (Word<'t>, Place),
}

impl<'t> Lexer<'t> {
    pub fn new(text: &'t str) -> Result<Self> {
        let place = Place { line: 1, column: 1 };
        let mut lexer = Self { text, at: 0, place, ahead: (Word::End, place) };
        lexer.take()?;
        Ok(lexer)
    }

    /// The next word, not taken.
    pub fn peek(&self) -> &Word<'t> {
        &self.ahead.0
    }

    /// Where the next word begins.
    pub fn place(&self) -> Place {
        self.ahead.1
    }

    /// Takes the next word.
    pub fn take(&mut self) -> Result<Word<'t>> {
        self.skip_space();
        let place = self.place;
        let word = self.scan(place)?;
        Ok(std::mem::replace(&mut self.ahead, (word, place)).0)
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn advance(&mut self, bytes: usize) -> &'t str {
        let taken = &self.text[self.at..self.at + bytes];
        for c in taken.chars() {
            if c == '\n' {
                self.place = Place { line: self.place.line + 1, column: 1 };
            } else {
                self.place.column += 1;
            }
        }
        self.at += bytes;
        taken
    }

    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            let space = rest.len() - rest.trim_start().len();
            let comment =
                if rest[space..].starts_with('#') { rest[space..].find('\n').unwrap_or(rest.len() - space) } else { 0 };
            if space + comment == 0 {
                return;
            }
            self.advance(space + comment);
        }
    }

    fn scan(&mut self, place: Place) -> Result<Word<'t>> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Word::End) };
        let run = |from: usize, is: fn(char) -> bool| from + rest[from..].find(|c| !is(c)).unwrap_or(rest.len() - from);
        match first {
            '(' | ')' | '{' | '}' | '[' | ']' | ',' | ':' | '=' => {
                self.advance(1);
                Ok(Word::Mark(first))
            }
            '%' | '@' => {
                let name = &self.advance(run(1, is_name_char))[1..];
                match (name, first) {
                    ("", _) => Err(place.error(format_args!("expected a name after '{first}'"))),
                    (_, '%') => Ok(Word::Value(name)),
                    _ => Ok(Word::Variable(name)),
                }
            }
            '"' => self.quoted(place),
            '-' | '+' | '0'..='9' => {
                Ok(Word::Number(self.advance(run(1, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+')))))
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                Ok(Word::Name(self.advance(run(1, |c| c.is_ascii_alphanumeric() || c == '_'))))
            }
            other => Err(place.error(format_args!("unexpected character {other:?}"))),
        }
    }

    fn quoted(&mut self, place: Place) -> Result<Word<'t>> {
        self.advance(1);
        let mut bytes = Vec::new();
        loop {
            let rest = self.rest();
            let Some(end) = rest.find(['"', '\\', '\n']) else {
                return Err(place.error("a quoted text has no end"));
            };
            bytes.extend_from_slice(self.advance(end).as_bytes());
            let here = self.place;
            let rest = &rest[end..];
            match rest.as_bytes() {
                [b'"', ..] => {
                    self.advance(1);
                    return Ok(Word::Text(bytes));
                }
                [b'\\', c @ (b'"' | b'\\'), ..] => bytes.push(*c),
                [b'\\', b'n', ..] => bytes.push(b'\n'),
                [b'\\', b'x', ..] => {
                    let byte = rest.get(2..4).and_then(|h| u8::from_str_radix(h, 16).ok());
                    bytes.push(byte.ok_or_else(|| here.error("expected two hexadecimal digits after \\x"))?);
                    self.advance(2);
                }
                [b'\\', ..] => return Err(here.error("expected \\\", \\\\, \\n or \\x and two digits")),
                _ => return Err(place.error("a quoted text has no end on its line")),
            }
            self.advance(2);
        }
    }
}
