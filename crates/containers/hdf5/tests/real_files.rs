//! Real files of Keras 1, 2 and 3, whole and damaged.

use std::path::{Path, PathBuf};

use cornet_error::Limits;
use cornet_hdf5::{Dtype, File, Group, is_hdf5};

fn data() -> Option<PathBuf> {
    let data = std::env::var_os("CORNET_TEST_DATA").map(PathBuf::from);
    if data.is_none() {
        eprintln!("skipped: CORNET_TEST_DATA is not set");
    }
    data
}

fn files_under(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_under(&path, found);
        } else if path.extension().is_some_and(|e| ["h5", "hdf5", "keras"].iter().any(|known| e == *known)) {
            let mut start = [0; 8];
            let read = std::fs::File::open(&path).and_then(|mut f| std::io::Read::read_exact(&mut f, &mut start));
            if read.is_ok() && is_hdf5(&start) {
                found.push(path);
            }
        }
    }
}

/// Reads everything; the count of values, or nothing if something failed.
fn read_all(group: &Group) -> Option<usize> {
    let mut count = 0;
    for dataset in group.datasets().values() {
        count += match dataset.dtype() {
            Dtype::Text => dataset.read_texts().ok()?.len(),
            Dtype::Other => 0,
            _ => dataset.read_bytes().ok()?.len(),
        };
    }
    group.groups().values().try_fold(count, |count, inner| Some(count + read_all(inner)?))
}

#[test]
fn every_real_file_is_read_to_its_last_value() {
    let Some(data) = data() else { return };
    let mut files = Vec::new();
    files_under(&data.join("models"), &mut files);
    assert!(files.len() > 40, "only {} files", files.len());
    for path in files {
        let file = File::open(&path, &Limits::default()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let bytes = read_all(file.root()).unwrap_or_else(|| panic!("{}: values", path.display()));
        let length = std::fs::metadata(&path).unwrap().len() as usize;
        // Weights are stored as they are: in the larger files they are most of the length.
        assert!(bytes < length, "{}: {bytes} of {length} bytes", path.display());
        assert!(length < 300_000 || bytes * 2 > length, "{}: {bytes} of {length} bytes", path.display());
    }
}

#[test]
fn values_and_attributes_are_what_h5py_reads() {
    let Some(data) = data() else { return };
    let file = File::open(&data.join("models/h5/churn_ann.h5"), &Limits::default()).unwrap();
    let root = file.root();
    assert_eq!(root.attribute("backend").unwrap().as_text(), Some("tensorflow"));
    assert_eq!(root.attribute("keras_version").unwrap().as_text(), Some("3.11.3"));
    let config = root.attribute("model_config").unwrap().as_text().unwrap();
    assert!(config.starts_with("{\"class_name\": \"Sequential\"") && config.ends_with('}'));
    let names = root.group("model_weights").unwrap().attribute("layer_names").unwrap().as_texts().unwrap();
    assert_eq!(names, ["dense_3", "dense_4", "dense_5"]);
}

fn random(state: &mut u64, below: usize) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state % below as u64) as usize
}

#[test]
fn damaged_real_files_never_panic() {
    let Some(data) = data() else { return };
    let limits = Limits { object_bytes: 64 << 20, total_bytes: 256 << 20, ..Limits::default() };
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let (mut refused, mut read) = (0, 0);
    for name in ["models/h5/churn_ann.h5", "models/h5/gru_model.h5", "models/dl4j-keras/examples/12net.h5"] {
        let bytes = std::fs::read(data.join(name)).unwrap();
        for turn in 0..1500 {
            let mut damaged = bytes.clone();
            match turn % 10 {
                0 => damaged.truncate(random(&mut state, bytes.len())),
                // The structure is spread over the file; hit words that are not zero, as most of the structure is.
                _ => {
                    for _ in 0..1 + turn % 3 {
                        let at = random(&mut state, if turn % 2 == 0 { 4096 } else { bytes.len() });
                        damaged[at] = match turn % 5 {
                            0 => 0xff,
                            1 => 0,
                            _ => damaged[at] ^ (1 << random(&mut state, 8)),
                        };
                    }
                }
            }
            match File::from_bytes(damaged, &limits).ok().and_then(|file| read_all(file.root())) {
                Some(_) => read += 1,
                None => refused += 1,
            }
        }
    }
    assert!(refused > 300 && read > 300, "{refused} refused, {read} read");
}
