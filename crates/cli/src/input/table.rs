//! CSV: a line an example.

use cornet_error::{Limits, Result, err};
use cornet_tensor::Array;

/// A table of numbers, with the names of its columns if the first line has them.
#[derive(Debug)]
pub struct Table {
    header: Option<Vec<String>>,
    values: Vec<f64>,
    columns: usize,
}

impl Table {
    /// An array `[lines, columns]`.
    pub fn array(self) -> Result<Array> {
        let rows = self.values.len() / self.columns.max(1);
        Array::from_vec(self.values, [rows, self.columns])
    }

    /// The column of that name, as `[lines, 1]`.
    pub fn column(&self, name: &str) -> Result<Array> {
        let names = self.header.as_deref().unwrap_or_default();
        let Some(at) = names.iter().position(|n| n == name) else {
            let found = if names.is_empty() { "no line of names".into() } else { names.join(", ") };
            return Err(err!(InvalidArgument, "expected a column '{name}', found {found}")
                .help("a model of several inputs takes columns by their names, or an .npz"));
        };
        let values: Vec<f64> = self.values.iter().copied().skip(at).step_by(self.columns.max(1)).collect();
        let rows = values.len();
        Array::from_vec(values, [rows, 1])
    }
}

/// Reads numbers. A first line in which some field is no number is a header.
///
/// # Errors
/// `corrupt` for a field that is no number or a line of another length; `empty_data` without lines.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Table> {
    let (mut header, mut values, mut width): (_, Vec<f64>, Option<usize>) = (None, Vec::new(), None);
    for_each(bytes, |number, record| {
        let parsed: std::result::Result<Vec<f64>, String> =
            record.iter().map(|field| field.parse().map_err(|_| field.to_string())).collect();
        let row = match parsed {
            Ok(row) => row,
            Err(_) if number == 1 => {
                header = Some(record.iter().map(str::to_owned).collect());
                return Ok(());
            }
            Err(field) => {
                let found: String = field.chars().take(40).collect();
                return Err(err!(Corrupt, "line {number}: expected a number, found '{}'", found.escape_default()));
            }
        };
        same_width(&mut width, number, row.len())?;
        values.extend(row);
        Limits::check("bytes of the table", (values.len() * size_of::<f64>()) as u64, limits.object_bytes)
    })?;
    match width {
        Some(columns) => Ok(Table { header, values, columns }),
        None => Err(err!(EmptyData, "expected lines of numbers, found none")),
    }
}

/// Reads texts as `[lines, columns]`; every line is an example.
///
/// # Errors
/// `corrupt` for a line of another length; `empty_data` without lines.
pub fn texts(bytes: &[u8], limits: &Limits) -> Result<Array> {
    let (mut strings, mut width, mut size) = (Vec::new(), None, 0);
    for_each(bytes, |number, record| {
        same_width(&mut width, number, record.len())?;
        size += record.as_slice().len();
        strings.extend(record.iter().map(|field| field.as_bytes().to_vec()));
        Limits::check("bytes of the table", size as u64, limits.object_bytes)
    })?;
    match width {
        Some(columns) => {
            let rows = strings.len() / columns.max(1);
            Array::from_strings(strings, [rows, columns])
        }
        None => Err(err!(EmptyData, "expected lines of texts, found none")),
    }
}

fn for_each(bytes: &[u8], mut take: impl FnMut(u64, &csv::StringRecord) -> Result<()>) -> Result<()> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).flexible(true).from_reader(bytes);
    let (mut record, mut number) = (csv::StringRecord::new(), 0);
    while reader.read_record(&mut record).map_err(|e| err!(Corrupt, "CSV: {e}"))? {
        number += 1;
        take(number, &record)?;
    }
    Ok(())
}

fn same_width(width: &mut Option<usize>, number: u64, found: usize) -> Result<()> {
    let expected = *width.get_or_insert(found);
    if found != expected {
        return Err(err!(Corrupt, "line {number}: expected {expected} fields, found {found}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cornet_error::Code;

    #[test]
    fn a_header_is_no_example() {
        let table = parse(b"a,b\n1, 2\n3.5,-4e1\n", &Limits::default()).unwrap();
        assert_eq!(table.column("b").unwrap().to_vec::<f64>().unwrap(), [2.0, -40.0]);
        assert!(table.column("c").unwrap_err().to_string().contains("expected a column 'c', found a, b"));
        let x = table.array().unwrap();
        assert_eq!(x.shape().as_slice(), [2, 2]);
        assert_eq!(x.to_vec::<f64>().unwrap(), [1.0, 2.0, 3.5, -40.0]);
    }

    #[test]
    fn lines_that_do_not_fit_are_named() {
        let code = |text: &[u8]| parse(text, &Limits::default()).unwrap_err();
        assert!(code(b"1,2\n3\n").to_string().contains("line 2: expected 2 fields, found 1"));
        assert!(code(b"1,2\n3,x\n").to_string().contains("line 2: expected a number, found 'x'"));
        assert_eq!(code(b"").code(), Code::EmptyData);
        assert_eq!(code(b"a,b\n").code(), Code::EmptyData);
    }

    #[test]
    fn every_line_of_texts_is_an_example() {
        let x = texts("good film\n\"bad, really\"\n".as_bytes(), &Limits::default()).unwrap();
        assert_eq!(x.shape().as_slice(), [2, 1]);
        assert_eq!(x.strings().unwrap()[1], b"bad, really");
        assert!(texts(b"a\nb,c\n", &Limits::default()).is_err());
    }
}
