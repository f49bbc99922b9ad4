//! Strings.

use cornet_error::{Result, err, fail};
use cornet_ops::string::{NumberFormat, fingerprint64};
use cornet_ops::{Tensor, is_tracing};
use cornet_tensor::{Array, DType};

use super::{Family, many, one};
use crate::attr::Attr;
use crate::interpret::{Call, sizes};
use crate::value::{Value, not_traced};

pub(super) static OPS: Family = &[
    ("AsString", as_string),
    ("DecodeBase64", |c| each(c, decode_base64)),
    ("DecodeRaw", decode_raw),
    ("EncodeBase64", |c| {
        let pad = c.attr_bool("pad", false);
        each(c, move |s| Ok(encode_base64(s, pad)))
    }),
    ("ReduceJoin", reduce_join),
    ("RegexFullMatch", |c| one(c.x(0)?.regex_full_match(&text(c, 1)?))),
    ("RegexReplace", |c| {
        let (pattern, rewrite) = (text(c, 1)?, text(c, 2)?);
        replace(c, &pattern, &rewrite)
    }),
    ("StaticRegexFullMatch", |c| one(c.x(0)?.regex_full_match(&c.attr_text("pattern", "")))),
    ("StaticRegexReplace", |c| {
        let (pattern, rewrite) = (c.attr_text("pattern", ""), c.attr_text("rewrite", ""));
        replace(c, &pattern, &rewrite)
    }),
    ("StringFormat", string_format),
    ("StringJoin", |c| {
        let all = c.all(0)?;
        one(Tensor::string_join(&all.iter().collect::<Vec<_>>(), &c.attr_text("separator", "")))
    }),
    ("StringLength", |c| one(c.x(0)?.string_length(c.attr_text("unit", "BYTE") != "BYTE"))),
    ("StringLower", |c| one(c.x(0)?.string_lower(c.attr_text("encoding", "") == "utf-8"))),
    ("StringNGrams", n_grams),
    ("StringSplit", split_v1),
    ("StringSplitV2", split),
    ("StringStrip", |c| one(c.x(0)?.string_strip())),
    ("StringToHashBucket", |c| {
        let buckets = buckets(c)?;
        hashed(c, |s| (fingerprint64(s) % buckets) as i64)
    }),
    ("StringToHashBucketFast", |c| one(c.x(0)?.string_to_hash_bucket_fast(buckets(c)? as usize))),
    ("StringToHashBucketStrong", |c| {
        let key = c.attr_ints("key");
        let [a, b] = key.as_slice() else { fail!(Corrupt, "expected a key of two numbers, found {}", key.len()) };
        one(c.x(0)?.string_to_hash_bucket_strong(buckets(c)? as usize, [*a as u64, *b as u64]))
    }),
    ("StringToNumber", |c| one(c.x(0)?.string_to_number(c.attr_dtype_or("out_type", DType::F32)?))),
    ("StringUpper", |c| one(c.x(0)?.string_upper(c.attr_text("encoding", "") == "utf-8"))),
    ("Substr", substr),
    ("UnicodeDecode", |c| unicode_decode(c, false)),
    ("UnicodeDecodeWithOffsets", |c| unicode_decode(c, true)),
    ("UnicodeEncode", unicode_encode),
    ("UnicodeScript", |_| Err(err!(Unsupported, "the scripts of characters are not supported"))),
    ("UnsortedSegmentJoin", segment_join),
];

/// A known text.
fn text(call: &Call<'_, '_>, i: usize) -> Result<String> {
    let array = call.x(i)?.array()?;
    Ok(String::from_utf8_lossy(array.strings()?.first().map_or(&[][..], Vec::as_slice)).into_owned())
}

fn buckets(call: &Call<'_, '_>) -> Result<u64> {
    let buckets = call.attr_int("num_buckets", 0);
    u64::try_from(buckets).ok().filter(|&b| b > 0).ok_or_else(|| err!(Corrupt, "expected buckets, found {buckets}"))
}

/// Known strings, one by one.
fn each(call: &Call<'_, '_>, f: impl Fn(&[u8]) -> Result<Vec<u8>>) -> Result<Vec<Value>> {
    let array = call.x(0)?.array()?;
    let strings = array.strings()?.iter().map(|s| f(s)).collect::<Result<Vec<_>>>()?;
    one(Array::from_strings(strings, array.shape())?.into())
}

fn hashed(call: &Call<'_, '_>, f: impl Fn(&[u8]) -> i64) -> Result<Vec<Value>> {
    let array = call.x(0)?.array()?;
    let numbers: Vec<i64> = array.strings()?.iter().map(|s| f(s)).collect();
    one(Array::from_vec(numbers, array.shape())?.into())
}

fn replace(call: &Call<'_, '_>, pattern: &str, rewrite: &str) -> Result<Vec<Value>> {
    let x = call.x(0)?;
    one(match call.attr_bool("replace_global", true) {
        true => x.regex_replace(pattern, rewrite),
        false => x.regex_replace_first(pattern, rewrite),
    })
}

fn as_string(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let x = call.x(0)?;
    if x.dtype()? == DType::Str {
        return one(x);
    }
    let (precision, width) = (call.attr_int("precision", -1), call.attr_int("width", -1));
    let fill = call.attr_text("fill", "").chars().next();
    let scientific = call.attr_bool("scientific", false);
    let style = if scientific {
        'e'
    } else if call.attr_bool("shortest", false) {
        'g'
    } else {
        'f'
    };
    let mut format = NumberFormat { style, ..NumberFormat::default() };
    if precision >= 0 {
        format.precision = Some(precision as usize);
    }
    if width >= 0 {
        format.width = width as usize;
    }
    if let Some(fill) = fill {
        format.fill = fill;
    }
    one(x.as_string_with(format))
}

fn decode_base64(text: &[u8]) -> Result<Vec<u8>> {
    let (mut out, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for &byte in text.iter().filter(|b| **b != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            other => fail!(InvalidArgument, "base64: expected letters and digits, found byte {other}"),
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Ok(out)
}

fn encode_base64(bytes: &[u8], pad: bool) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = Vec::new();
    for part in bytes.chunks(3) {
        let at = |i: usize| u32::from(part.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        let letters = (0..4).map(|i| LETTERS[(bits >> (18 - 6 * i)) as usize & 63]);
        out.extend(letters.take(part.len() + 1));
        if pad {
            out.resize(out.len().next_multiple_of(4), b'=');
        }
    }
    out
}

/// The numbers that strings hold as bytes.
fn decode_raw(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let array = call.x(0)?.array()?;
    let dtype = call.attr_dtype("out_type")?;
    let strings = array.strings()?;
    let size = dtype.size();
    let bytes = strings.first().map_or(0, Vec::len);
    if size == 0 || !call.attr_bool("little_endian", true) && size > 1 {
        fail!(Unsupported, "numbers of {dtype} in the other order of bytes");
    }
    if !bytes.is_multiple_of(size) || strings.iter().any(|s| s.len() != bytes) {
        fail!(InvalidArgument, "expected strings of one length, a multiple of {size} bytes, found others");
    }
    let shape: Vec<usize> = array.shape().iter().copied().chain([bytes / size]).collect();
    one(Array::from_bytes(dtype, shape, &strings.concat())?.into())
}

fn reduce_join(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, axes) = (call.x(0)?, call.ints(1)?);
    let (separator, keep) = (call.attr_text("separator", ""), call.attr_bool("keep_dims", false));
    let rank = x.rank()? as i64;
    if rank == 0 {
        return one(x);
    }
    let axes: Vec<i64> = axes.iter().map(|&a| if a < 0 { a + rank } else { a }).collect();
    let mut y = x;
    // The last axis that is named comes first; each gone moves those behind it.
    let mut done: Vec<i64> = Vec::new();
    for &axis in axes.iter().rev() {
        let at = axis - done.iter().filter(|&&d| d < axis).count() as i64;
        y = y.string_reduce_join(at as isize, &separator);
        done.push(axis);
    }
    if keep {
        let mut back: Vec<isize> = done.iter().map(|&a| a as isize).collect();
        back.sort_unstable();
        y = y.expand_dims(&back);
    }
    one(y)
}

fn string_format(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    if is_tracing() {
        return Err(not_traced("values are written as text"));
    }
    let (template, mark) = (call.attr_text("template", "%s"), call.attr_text("placeholder", "%s"));
    let mut out = String::new();
    let mut parts = template.split(mark.as_str());
    out.push_str(parts.next().unwrap_or_default());
    for (part, i) in parts.zip(0..) {
        let x = call.x(i)?;
        let text = if x.dtype()? == DType::Str {
            x
        } else {
            x.as_string_with(NumberFormat { style: 'g', ..Default::default() })
        };
        let array = text.array()?;
        let words: Vec<_> = array.strings()?.iter().map(|s| String::from_utf8_lossy(s).into_owned()).collect();
        out.push_str(&if array.shape().rank() == 0 { words.concat() } else { format!("[{}]", words.join(" ")) });
        out.push_str(part);
    }
    one(Array::scalar(out).into())
}

/// Parts as a sparse tensor: indices, values, shape.
fn sparse_parts(rows: Vec<Vec<Vec<u8>>>) -> Result<Vec<Value>> {
    let most = rows.iter().map(Vec::len).max().unwrap_or(0);
    let shape = vec![rows.len() as i64, most as i64];
    let (mut at, mut values) = (Vec::new(), Vec::new());
    for (i, row) in rows.into_iter().enumerate() {
        for (j, part) in row.into_iter().enumerate() {
            at.extend([i as i64, j as i64]);
            values.push(part);
        }
    }
    let count = values.len();
    many([
        Array::from_vec(at, [count, 2])?.into(),
        Array::from_strings(values, [count])?.into(),
        Array::from_vec(shape, [2])?.into(),
    ])
}

fn split(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let most = usize::try_from(call.attr_int("maxsplit", -1)).ok();
    let found = call.x(0)?.string_split(&text(call, 1)?, most)?;
    let rows = found.rows()?.iter().map(|r| Ok(r.array()?.strings()?.to_vec())).collect::<Result<Vec<_>>>()?;
    sparse_parts(rows)
}

/// Every byte of the delimiter separates; without any, every character is a part.
fn split_v1(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let array = call.x(0)?.array()?;
    let delimiters = call.x(1)?.array()?;
    let delimiters = delimiters.strings()?.first().cloned().unwrap_or_default();
    let skip = call.attr_bool("skip_empty", true);
    let parts = |s: &Vec<u8>| -> Vec<Vec<u8>> {
        let all: Vec<&[u8]> = match delimiters.is_empty() {
            true => s.chunks(1).collect(),
            false => s.split(|b| delimiters.contains(b)).collect(),
        };
        all.into_iter().filter(|p| !skip || !p.is_empty()).map(<[u8]>::to_vec).collect()
    };
    sparse_parts(array.strings()?.iter().map(parts).collect())
}

fn substr(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let x = call.x(0)?;
    let characters = call.attr_text("unit", "BYTE") != "BYTE";
    let (at, size) = (call.ints(1)?, call.ints(2)?);
    if let ([at], [size]) = (at.as_slice(), size.as_slice()) {
        return one(x.substr(*at, sizes(&[*size])?[0], characters));
    }
    let flat = x.reshape_infer(&[-1]);
    if at.len() != size.len() || at.len() != flat.shape()?.elements() {
        fail!(Unsupported, "substrings at places that broadcast");
    }
    let parts = at.iter().zip(&size).enumerate();
    let parts = parts.map(|(i, (&at, &size))| Ok(flat.slice(&[i], &[1]).substr(at, sizes(&[size])?[0], characters)));
    let parts = parts.collect::<Result<Vec<_>>>()?;
    one(Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0).reshape(x.shape()?))
}

/// Runs of parts of each row.
fn n_grams(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (data, splits) = (call.x(0)?.array()?, call.ints(1)?);
    let data = data.strings()?;
    let (separator, left, right) =
        (call.attr_text("separator", ""), call.attr_text("left_pad", ""), call.attr_text("right_pad", ""));
    let (widths, pad) = (sizes(&call.attr_ints("ngram_widths"))?, call.attr_int("pad_width", 0));
    let preserve = call.attr_bool("preserve_short_sequences", false);
    let (mut out, mut ends) = (Vec::new(), vec![0_i64]);
    for row in splits.windows(2) {
        let range = usize::try_from(row[0]).ok().zip(usize::try_from(row[1]).ok());
        let row = range.and_then(|(a, b)| data.get(a..b)).ok_or_else(|| err!(OutOfRange, "splits: found {row:?}"))?;
        let before = out.len();
        for &width in widths.iter().filter(|w| **w > 0) {
            let around = if pad < 0 { width - 1 } else { (pad as usize).min(width - 1) };
            let words: Vec<&[u8]> = std::iter::repeat_n(left.as_bytes(), around)
                .chain(row.iter().map(Vec::as_slice))
                .chain(std::iter::repeat_n(right.as_bytes(), around))
                .collect();
            out.extend(words.windows(width).map(|w| w.join(separator.as_bytes())));
        }
        if preserve && out.len() == before && !row.is_empty() {
            out.push(row.join(separator.as_bytes()));
        }
        ends.push(out.len() as i64);
    }
    let count = out.len();
    let dtype = call.x(1)?.dtype()?;
    many([Array::from_strings(out, [count])?.into(), Array::from_i64(dtype, [ends.len()], &ends)?.into()])
}

/// The characters of strings, row by row.
fn unicode_decode(call: &mut Call<'_, '_>, offsets: bool) -> Result<Vec<Value>> {
    let encoding = call.attr_text("input_encoding", "UTF-8");
    if !encoding.eq_ignore_ascii_case("utf-8") {
        fail!(Unsupported, "texts in {encoding}: only UTF-8 is supported");
    }
    let array = call.x(0)?.array()?;
    let splits = call.attr_dtype_or("Tsplits", DType::I64)?;
    let replacement = call.attr_int("replacement_char", 65533);
    let drop = call.attr_text("errors", "replace") == "ignore";
    let (mut ends, mut characters, mut starts) = (vec![0_i64], Vec::new(), Vec::new());
    for string in array.strings()? {
        let mut at = 0_i64;
        for chunk in string.utf8_chunks() {
            for c in chunk.valid().chars() {
                characters.push(i64::from(u32::from(c)));
                starts.push(at);
                at += c.len_utf8() as i64;
            }
            if !chunk.invalid().is_empty() {
                if !drop {
                    characters.push(replacement);
                    starts.push(at);
                }
                at += chunk.invalid().len() as i64;
            }
        }
        ends.push(characters.len() as i64);
    }
    let mut out: Vec<Tensor> = vec![
        Array::from_i64(splits, [ends.len()], &ends)?.into(),
        Array::from_i64(DType::I32, [characters.len()], &characters)?.into(),
    ];
    if offsets {
        out.push(Array::from_i64(DType::I64, [starts.len()], &starts)?.into());
    }
    many(out)
}

fn unicode_encode(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (values, splits) = (call.ints(0)?, call.ints(1)?);
    let mut out = Vec::new();
    for row in splits.windows(2) {
        let range = usize::try_from(row[0]).ok().zip(usize::try_from(row[1]).ok());
        let row = range.and_then(|(a, b)| values.get(a..b)).ok_or_else(|| err!(OutOfRange, "splits: found {row:?}"))?;
        let text: String =
            row.iter().map(|&c| u32::try_from(c).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')).collect();
        out.push(text.into_bytes());
    }
    let count = out.len();
    one(Array::from_strings(out, [count])?.into())
}

fn segment_join(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, ids, count) = (call.x(0)?.array()?, call.ints(1)?, sizes(&[call.int(2)?])?[0]);
    let separator = match call.attr("separator") {
        Attr::Bytes(b) => b.clone(),
        _ => Vec::new(),
    };
    cornet_error::Limits::check("segments", count as u64, call.run.machine.limits.entries as u64 * 16)?;
    let mut rows: Vec<Vec<&[u8]>> = vec![Vec::new(); count];
    for (s, &id) in x.strings()?.iter().zip(&ids) {
        if let Some(row) = usize::try_from(id).ok().and_then(|i| rows.get_mut(i)) {
            row.push(s);
        }
    }
    one(Array::from_strings(rows.iter().map(|r| r.join(separator.as_slice())).collect(), [count])?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        assert_eq!(encode_base64(b"foobar", true), b"Zm9vYmFy");
        assert_eq!(encode_base64(b"fo", true), b"Zm8=");
        assert_eq!(encode_base64(b"f", false), b"Zg");
        assert_eq!(decode_base64(b"Zm9vYg==").unwrap(), b"foob");
        assert_eq!(decode_base64(b"__-A").unwrap(), [255, 255, 128]);
        assert!(decode_base64(b"a b").is_err());
    }
}
