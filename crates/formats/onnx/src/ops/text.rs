//! Texts.

use std::collections::HashMap;

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};
use half::{bf16, f16};

use super::{Entry, many, one};
use crate::call::Call;
use crate::value::Value;

pub(super) const OPS: &[Entry] = &[
    one("RegexFullMatch", |c| Ok(c.tensor(0)?.regex_full_match(c.text_or("pattern", "")?))).since(20),
    one("StringConcat", string_concat).since(20),
    one("StringNormalizer", string_normalizer).since(10),
    many("StringSplit", string_split).since(20),
    one("TfIdfVectorizer", tf_idf).since(9),
];

/// The shortest decimal digits that read back as the same number, with their exponent.
fn digits(x: f64, dtype: DType) -> String {
    let reads = |text: &str| {
        text.parse::<f64>().is_ok_and(|y| match dtype {
            DType::F16 => f16::from_f64(y) == f16::from_f64(x),
            DType::BF16 => bf16::from_f64(y) == bf16::from_f64(x),
            DType::F32 => y as f32 == x as f32,
            _ => y == x,
        })
    };
    (0..17).map(|places| format!("{x:.places$e}")).find(|t| reads(t)).unwrap_or_else(|| format!("{x:e}"))
}

/// A float as Python writes it.
fn float(x: f64, dtype: DType) -> String {
    if x.is_nan() {
        return "nan".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let text = digits(x, dtype);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    if x != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{trimmed}e{sign}{:02}", exponent.abs());
    }
    let (sign, number) = trimmed.strip_prefix('-').map_or(("", trimmed), |rest| ("-", rest));
    let all: String = number.chars().filter(char::is_ascii_digit).collect();
    let whole = exponent + 1;
    let text = if whole <= 0 {
        format!("0.{}{all}", "0".repeat(whole.unsigned_abs() as usize))
    } else if all.len() <= whole as usize {
        format!("{all}{}.0", "0".repeat(whole as usize - all.len()))
    } else {
        format!("{}.{}", &all[..whole as usize], &all[whole as usize..])
    };
    format!("{sign}{text}")
}

/// Every element as Python writes it.
pub(super) fn written(x: &Array) -> Result<Array> {
    let dtype = x.dtype();
    let texts: Vec<String> = match dtype {
        DType::Bool => x.bytes().iter().map(|&b| if b != 0 { "True" } else { "False" }.to_owned()).collect(),
        DType::U64 => x.to_vec::<u64>()?.iter().map(u64::to_string).collect(),
        dtype if dtype.is_int() => x.to_i64()?.iter().map(i64::to_string).collect(),
        dtype if dtype.is_float() => x.to_f64()?.iter().map(|&v| float(v, dtype)).collect(),
        other => fail!(DtypeMismatch, "cast to string: found {other}"),
    };
    Array::from_vec(texts, x.shape())
}

fn texts(call: &Call<'_>, i: usize) -> Result<(Array, Vec<String>)> {
    let array = call.known(i)?;
    let texts = array.to_vec::<String>()?;
    Ok((array, texts))
}

fn string_concat(call: &Call<'_>) -> Result<Tensor> {
    let (a, b) = (call.tensor(0)?, call.tensor(1)?);
    let shape = a.shape()?.broadcast(&b.shape()?)?;
    let (a, b) = (a.broadcast_to(&shape).array()?, b.broadcast_to(&shape).array()?);
    let joined = a.strings()?.iter().zip(b.strings()?).map(|(a, b)| [a.as_slice(), b].concat()).collect();
    Ok(Array::from_strings(joined, shape)?.into())
}

fn string_normalizer(call: &Call<'_>) -> Result<Tensor> {
    let (array, all) = texts(call, 0)?;
    let rank = array.shape().rank();
    if !(rank == 1 || rank == 2 && array.shape()[0] == 1) {
        fail!(ShapeMismatch, "input: expected [n] or [1, n], found {}", array.shape());
    }
    let sensitive = call.flag("is_case_sensitive")?;
    let fold = |s: &str| if sensitive { s.to_owned() } else { s.to_lowercase() };
    let stops: Vec<String> =
        call.texts("stopwords")?.unwrap_or_default().iter().map(|s| fold(&String::from_utf8_lossy(s))).collect();
    let action = call.text_or("case_change_action", "NONE")?;
    let change = |s: String| match action {
        "LOWER" => Ok(s.to_lowercase()),
        "UPPER" => Ok(s.to_uppercase()),
        "NONE" => Ok(s),
        other => Err(err!(InvalidArgument, "case_change_action: expected LOWER, UPPER or NONE, found '{other}'")),
    };
    let kept = all.into_iter().filter(|s| !stops.contains(&fold(s))).map(change).collect::<Result<Vec<_>>>()?;
    // Nothing left is one empty text.
    let kept = if kept.is_empty() { vec![String::new()] } else { kept };
    let n = kept.len();
    let shape = if rank == 1 { vec![n] } else { vec![1, n] };
    Ok(Array::from_vec(kept, shape)?.into())
}

fn string_split(call: &Call<'_>) -> Result<Vec<Value>> {
    let (array, all) = texts(call, 0)?;
    let delimiter = call.text_or("delimiter", "")?;
    let most = call.int("maxsplit")?.and_then(|m| usize::try_from(m).ok()).unwrap_or(usize::MAX);
    let parts: Vec<Vec<String>> = all.iter().map(|text| split(text, delimiter, most)).collect();
    let width = parts.iter().map(Vec::len).max().unwrap_or(0);
    let mut dims = array.shape().to_vec();
    let counts: Vec<i64> = parts.iter().map(|p| p.len() as i64).collect();
    let counts = Array::from_slice(&counts, array.shape())?;
    dims.push(width);
    call.admit(&dims, DType::C64)?;
    let padded = parts.into_iter().flat_map(|mut p| {
        p.resize(width, String::new());
        p
    });
    Ok(vec![Array::from_vec(padded.collect::<Vec<_>>(), dims)?.into(), counts.into()])
}

/// As Python splits a text: at runs of white space where there is no delimiter.
fn split(text: &str, delimiter: &str, most: usize) -> Vec<String> {
    if !delimiter.is_empty() {
        return text.splitn(most.saturating_add(1), delimiter).map(str::to_owned).collect();
    }
    let (mut rest, mut parts) = (text.trim_start(), Vec::new());
    while !rest.is_empty() {
        if parts.len() == most {
            parts.push(rest.trim_end().to_owned());
            break;
        }
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        parts.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    parts
}

/// Counts of n-grams, by the index of each in the output.
struct Grams<'a> {
    places: HashMap<Vec<Vec<u8>>, usize>,
    weights: &'a [f32],
    of: &'a [i64],
}

/// Elements as keys: whole numbers and texts alike.
fn keys(x: &Array) -> Result<Vec<Vec<u8>>> {
    Ok(match x.dtype() {
        DType::Str => x.strings()?.to_vec(),
        _ => x.to_i64()?.iter().map(|i| i.to_le_bytes().to_vec()).collect(),
    })
}

fn grams<'a>(call: &'a Call<'_>, shortest: usize, longest: usize) -> Result<Grams<'a>> {
    let pool: Vec<Vec<u8>> = match (call.texts("pool_strings")?, call.ints("pool_int64s")?) {
        (Some(texts), _) if !texts.is_empty() => texts.to_vec(),
        (_, Some(ints)) => ints.iter().map(|i| i.to_le_bytes().to_vec()).collect(),
        _ => fail!(InvalidArgument, "pool: expected texts or numbers, found none"),
    };
    let counts = call.ints("ngram_counts")?.unwrap_or_default();
    let of = call.ints("ngram_indexes")?.unwrap_or_default();
    let (mut places, mut id) = (HashMap::new(), 0);
    for (i, &start) in counts.iter().enumerate() {
        let end = counts.get(i + 1).copied().unwrap_or(pool.len() as i64);
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let items = range.and_then(|(a, b)| pool.get(a..b));
        let items = items.ok_or_else(|| err!(OutOfRange, "ngram_counts: found {start}..{end} of {}", pool.len()))?;
        for gram in items.chunks_exact(i + 1) {
            if (shortest..=longest).contains(&(i + 1)) {
                places.insert(gram.to_vec(), id);
            }
            id += 1;
        }
    }
    Ok(Grams { places, weights: call.floats("weights")?.unwrap_or_default(), of })
}

fn tf_idf(call: &Call<'_>) -> Result<Tensor> {
    let size = |name: &str| Ok::<usize, cornet_error::Error>(usize::try_from(call.int_or(name, 1)?).unwrap_or(0));
    let (shortest, longest, skips) = (size("min_gram_length")?, size("max_gram_length")?, size("max_skip_count")?);
    let grams = grams(call, shortest, longest)?;
    let x = call.known(0)?;
    let width = grams.of.iter().copied().max().unwrap_or(-1).saturating_add(1).max(0) as usize;
    let rows = if x.shape().rank() == 2 { x.shape()[0] } else { 1 };
    let items = keys(&x)?;
    let length = items.len().checked_div(rows).unwrap_or(0);
    call.admit(&[rows, width], DType::F64)?;
    let mut counts = vec![0_f32; rows * width];
    for row in 0..rows {
        let words = &items[row * length..(row + 1) * length];
        let to = &mut counts[row * width..(row + 1) * width];
        for n in shortest.max(1)..=longest.min(length) {
            // Single words are counted once, however far others lie apart.
            let last = if n == 1 { 1 } else { skips.saturating_add(1).min(length) };
            for step in 1..=last {
                count(words, n, step, &grams, to);
            }
        }
    }
    let mode = call.text_or("mode", "TF")?;
    for (i, count) in counts.iter_mut().enumerate() {
        let weight = grams.weights.get(i % width.max(1)).copied().unwrap_or(1.0);
        *count = match mode {
            "TF" => *count,
            "IDF" => {
                if *count > 0.0 {
                    weight
                } else {
                    0.0
                }
            }
            "TFIDF" => *count * weight,
            other => fail!(InvalidArgument, "mode: expected TF, IDF or TFIDF, found '{other}'"),
        };
    }
    let shape = if x.shape().rank() == 2 { vec![rows, width] } else { vec![width] };
    Ok(Array::from_slice(&counts, shape)?.into())
}

fn count(words: &[Vec<u8>], n: usize, step: usize, grams: &Grams<'_>, to: &mut [f32]) {
    for start in 0..words.len() {
        let Some(last) = (n - 1).checked_mul(step).and_then(|d| d.checked_add(start)) else { break };
        if last >= words.len() {
            break;
        }
        let gram: Vec<Vec<u8>> = (0..n).map(|k| words[start + k * step].clone()).collect();
        let place = grams.places.get(&gram).and_then(|&id| grams.of.get(id));
        if let Some(slot) = place.and_then(|&p| usize::try_from(p).ok()).and_then(|p| to.get_mut(p)) {
            *slot += 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_does() {
        let cases = [(1.0, "1.0"), (0.1, "0.1"), (1e16, "1e+16"), (1e-5, "1e-05"), (-123.25, "-123.25"), (0.0, "0.0")];
        cases.iter().for_each(|(x, text)| assert_eq!(float(*x, DType::F64), *text));
        assert_eq!(float(f64::from(0.478_925_47_f32), DType::F32), "0.47892547");
        assert_eq!(float(f64::from(f16::from_f32(0.1).to_f32()), DType::F16), "0.1");
    }

    #[test]
    fn texts_are_split_as_python_does() {
        assert_eq!(split(" a  b c ", "", 1), ["a", "b c"]);
        assert_eq!(split("a,,b", ",", usize::MAX), ["a", "", "b"]);
        assert!(split("  ", "", 5).is_empty());
    }
}
