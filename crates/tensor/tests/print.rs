//! Printed arrays against NumPy's own text. `golden/print.py` writes the cases; `CORNET_PRINT_CASES` names a file of
//! others, made with another seed.

use cornet_tensor::{Array, DType};

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn array_of(line: &str) -> Array {
    let fields: Vec<&str> = line.split(' ').collect();
    let dtype: DType = fields[1].parse().unwrap();
    let shape: Vec<usize> = fields[2].split(',').filter(|s| !s.is_empty()).map(|s| s.parse().unwrap()).collect();
    if dtype != DType::Str {
        return Array::from_bytes(dtype, shape, &unhex(fields[3])).unwrap();
    }
    let count: usize = shape.iter().product();
    Array::from_strings(fields[3].split(',').take(count).map(unhex).collect(), shape).unwrap()
}

#[test]
fn arrays_print_as_numpy_prints_them() {
    let text = match std::env::var("CORNET_PRINT_CASES") {
        Ok(path) => std::fs::read_to_string(path).unwrap(),
        Err(_) => include_str!("golden/print.txt").to_string(),
    };
    let mut lines = text.lines().peekable();
    assert!(lines.next().unwrap().starts_with("# numpy 2.4"));
    let (mut cases, mut wrong) = (0, 0);
    while let Some(line) = lines.next() {
        let array = array_of(line);
        for (kind, found) in [("str", array.to_string()), ("repr", format!("{array:?}"))] {
            assert_eq!(lines.next(), Some(kind));
            let mut expected = Vec::new();
            while let Some(line) = lines.next_if(|l| l.starts_with('|')) {
                expected.push(&line[1..]);
            }
            let expected = expected.join("\n");
            if found != expected && wrong < 5 {
                println!("{kind} of {}: expected\n{expected}\nfound\n{found}\n", &line[..line.len().min(200)]);
            }
            wrong += usize::from(found != expected);
        }
        cases += 1;
    }
    assert!(cases >= 200, "{cases} cases");
    assert_eq!(wrong, 0, "texts that differ, of {cases} cases");
}
