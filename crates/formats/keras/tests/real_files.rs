//! Files that Keras 1, 2 and 3 wrote, read and written again; and the same files damaged.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cornet_error::{Code, Limits};
use cornet_format_keras::{KerasFile, from_bytes, layer_paths, read, read_weights, write, write_weights};
use cornet_tensor::DType;

fn files(folder: &str) -> Vec<PathBuf> {
    let Some(data) = std::env::var_os("CORNET_TEST_DATA") else {
        eprintln!("skipped: CORNET_TEST_DATA is not set");
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut folders = vec![Path::new(&data).join("models").join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|e| e.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("h5" | "hdf5" | "keras") => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

fn open(path: &Path) -> KerasFile {
    read(path, &Limits::default()).unwrap_or_else(|e| panic!("{e}"))
}

fn parameters<'a>(arrays: impl Iterator<Item = &'a cornet_tensor::Array>) -> usize {
    arrays.map(|array| array.elements()).sum()
}

#[test]
fn keras_3_files_have_every_variable_under_the_path_of_its_layer() {
    let expected = [
        ("churn_ann", 2945),
        ("denoise_autoencoder_keras3.0.0", 74_497),
        ("fashion_mnist_cnn_keras3.10", 121_930),
        ("gru_model", 8001),
        ("mnist_cnn_keras3.15.1", 225_034),
        ("stock_lstm_keras3.4.1", 85_105),
    ];
    for path in files("keras") {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let Some((_, count)) = expected.iter().find(|(name, _)| *name == stem) else { continue };
        let file = open(&path);
        assert!(file.legacy.is_none() && file.metadata.keras_version.starts_with("3."), "{stem}");
        let layers = layer_paths(&file.config);
        let mut found = 0;
        for (part, saved) in file.weights.iter().filter(|(part, _)| part.starts_with("layers/")) {
            let layer = layers.iter().find(|layer| part == layer.path || part.starts_with(&(layer.path.clone() + "/")));
            let layer = layer.unwrap_or_else(|| panic!("{stem}: {part} is of no layer"));
            if let (Some(name), true) = (&saved.name, part == layer.path) {
                assert_eq!(*name, layer.name, "{stem}: {part}");
            }
            if !part.ends_with("seed_generator") {
                found += parameters(saved.arrays());
            }
        }
        assert_eq!(found, *count, "{stem}");
        let optimizer = file.weights.get("optimizer").unwrap();
        let first: Vec<DType> = optimizer.arrays().take(2).map(|array| array.dtype()).collect();
        assert_eq!(first, [DType::I64, DType::F32], "{stem}: iteration and learning rate");
    }
}

#[test]
fn what_is_written_is_what_was_read() {
    let folder = std::env::temp_dir().join(format!("cornet-keras-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (copy, weights) = (folder.join("copy.keras"), folder.join("copy.weights.h5"));
    for path in files("keras") {
        let file = open(&path);
        if file.legacy.is_some() {
            assert_eq!(write(&copy, &file).unwrap_err().code(), Code::InvalidArgument);
            continue;
        }
        write(&copy, &file).unwrap();
        assert_eq!(open(&copy), file, "{}", path.display());
        let bytes = std::fs::read(&copy).unwrap();
        write(&copy, &file).unwrap();
        assert_eq!(std::fs::read(&copy).unwrap(), bytes, "the same content, the same bytes");
        assert_eq!(from_bytes(bytes, &Limits::default()).unwrap(), file);
        write_weights(&weights, &file.weights).unwrap();
        for from in [&weights, &copy, &path] {
            assert_eq!(read_weights(from, &Limits::default()).unwrap(), file.weights);
        }
        assert_eq!(read(&weights, &Limits::default()).unwrap_err().code(), Code::UnsupportedFormat);
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn older_whole_models_have_their_config_and_weights() {
    let expected = [
        ("chatbot_dense", "2.10.0", 177_185),
        ("churn_ann", "3.11.3", 2945),
        ("fer2013_mini_XCEPTION.102-0.66", "2.0.9", 58_423),
        ("gru_model", "3.9.2", 8001),
        ("imdb_simplernn_keras2.15", "2.15.0", 124_889),
        ("mnist_cnn_keras2.12", "2.12.0", 105_306),
        ("spy_lstm_model", "3.8.0", 30_651),
        ("stock_lstm3_my_weights", "3.12.1", 50_851),
        ("teachable_machine_waste", "2.4.0", 538_708),
    ];
    let paths = files("h5");
    for path in &paths {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let (_, version, count) = expected.iter().find(|(name, ..)| *name == stem).unwrap();
        let file = open(path);
        let legacy = file.legacy.as_ref().unwrap();
        assert_eq!(file.metadata.keras_version, *version, "{stem}");
        let class = file.config["class_name"].as_str().unwrap();
        assert!(["Sequential", "Functional", "Model"].contains(&class), "{stem}: {class}");
        let arrays = legacy.layers.iter().flat_map(|layer| &layer.weights).map(|(_, array)| array);
        assert_eq!(parameters(arrays), *count, "{stem}");
        let named: BTreeSet<&str> = legacy.layers.iter().map(|layer| layer.name.as_str()).collect();
        let configured: Vec<String> = layer_paths(&file.config).into_iter().map(|layer| layer.name).collect();
        assert!(named.iter().all(|name| configured.iter().any(|c| c == name)), "{stem}: {named:?} {configured:?}");
        assert_eq!(read_weights(path, &Limits::default()).unwrap_err().code(), Code::UnsupportedFormat);
    }
    let with_optimizer = paths.iter().filter(|path| !open(path).legacy.unwrap().optimizer.is_empty()).count();
    assert!(paths.is_empty() || with_optimizer >= 4, "{with_optimizer}");
}

#[test]
fn files_of_keras_1_and_2_are_read_or_refused_for_their_code() {
    for path in files("dl4j-keras").into_iter().chain(files("keras-applications")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        match read(&path, &Limits::default()) {
            Ok(file) => assert!(file.legacy.is_some_and(|legacy| !legacy.layers.is_empty()), "{name}"),
            // The models for space_to_depth do it in a lambda.
            Err(e) if name.contains("lambda") || name.contains("space_to_depth") => {
                assert_eq!(e.code(), Code::Unsafe, "{e}")
            }
            // Recorded inputs and outputs, with no model.
            Err(e) => assert!(e.code() == Code::UnsupportedFormat && name.contains("inputs_and_outputs"), "{e}"),
        }
    }
}

#[test]
fn damaged_files_never_panic_and_never_change_a_value() {
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let limits = Limits { object_bytes: 64 << 20, total_bytes: 256 << 20, ..Limits::default() };
    for path in
        files("keras").iter().filter(|path| path.ends_with("churn_ann.keras") || path.ends_with("gru_model.keras"))
    {
        let bytes = std::fs::read(path).unwrap();
        let file = from_bytes(bytes.clone(), &limits).unwrap();
        for _ in 0..100 {
            assert!(from_bytes(&bytes[..random(bytes.len())], &limits).is_err());
        }
        for turn in 0..1000 {
            let mut damaged = bytes.clone();
            let at = if turn % 3 == 0 { bytes.len() - 1 - random(400) } else { random(bytes.len()) };
            damaged[at] ^= 1 << random(8);
            // The archive's checksums cover every entry.
            if let Ok(read) = from_bytes(damaged, &limits) {
                assert_eq!(read, file, "byte {at}");
            }
        }
    }
    for path in files("h5").iter().filter(|path| path.ends_with("churn_ann.h5") || path.ends_with("gru_model.h5")) {
        let bytes = std::fs::read(path).unwrap();
        for turn in 0..1000 {
            let mut damaged = bytes.clone();
            if turn % 10 == 0 {
                damaged.truncate(random(bytes.len()));
                assert!(from_bytes(damaged, &limits).is_err());
            } else {
                for _ in 0..1 + turn % 4 {
                    damaged[random(bytes.len())] ^= 1 << random(8);
                }
                let _ = from_bytes(damaged, &limits);
            }
        }
    }
}
