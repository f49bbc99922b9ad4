//! CSV: numbers, a line an example.

use cornet_error::{Limits, Result, err};
use cornet_tensor::Array;

/// An array `[lines, columns]` of float32. A first line in which some field is no number is a header.
///
/// # Errors
/// `corrupt` for a field that is no number or a line of another length; `empty_data` without lines.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Array> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).flexible(true).from_reader(bytes);
    let (mut values, mut columns, mut rows): (Vec<f32>, Option<usize>, usize) = (Vec::new(), None, 0);
    let mut record = csv::StringRecord::new();
    let mut number = 0;
    while reader.read_record(&mut record).map_err(|e| err!(Corrupt, "CSV: {e}"))? {
        number += 1;
        let parsed: std::result::Result<Vec<f32>, String> =
            record.iter().map(|field| field.parse().map_err(|_| field.to_string())).collect();
        let row = match parsed {
            Ok(row) => row,
            Err(_) if number == 1 => continue,
            Err(field) => {
                let found: String = field.chars().take(40).collect();
                return Err(err!(Corrupt, "line {number}: expected a number, found '{}'", found.escape_default()));
            }
        };
        let expected = *columns.get_or_insert(row.len());
        if row.len() != expected {
            return Err(err!(Corrupt, "line {number}: expected {expected} fields, found {}", row.len()));
        }
        values.extend(row);
        rows += 1;
        Limits::check("bytes of the table", (values.len() * size_of::<f32>()) as u64, limits.object_bytes)?;
    }
    match columns {
        Some(columns) => Array::from_vec(values, [rows, columns]),
        None => Err(err!(EmptyData, "expected lines of numbers, found none")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cornet_error::Code;

    #[test]
    fn a_header_is_no_example() {
        let x = parse(b"a,b\n1, 2\n3.5,-4e1\n", &Limits::default()).unwrap();
        assert_eq!(x.shape().as_slice(), [2, 2]);
        assert_eq!(x.to_vec::<f32>().unwrap(), [1.0, 2.0, 3.5, -40.0]);
    }

    #[test]
    fn lines_that_do_not_fit_are_named() {
        let code = |text: &[u8]| parse(text, &Limits::default()).unwrap_err();
        assert!(code(b"1,2\n3\n").to_string().contains("line 2: expected 2 fields, found 1"));
        assert!(code(b"1,2\n3,x\n").to_string().contains("line 2: expected a number, found 'x'"));
        assert_eq!(code(b"").code(), Code::EmptyData);
        assert_eq!(code(b"a,b\n").code(), Code::EmptyData);
    }
}
