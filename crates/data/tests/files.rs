//! MNIST and Fashion-MNIST from files, where `CORNET_TEST_DATA` names a folder that has them.

use std::path::{Path, PathBuf};

use cornet_data::{Code, LoadOptions, Location, info, list, load, locate, scaled};

/// The folder of test data; without it a test says so and ends.
fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("CORNET_TEST_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: CORNET_TEST_DATA does not name a folder of test data");
    }
    folder
}

fn from(folder: &Path) -> LoadOptions {
    LoadOptions { data: Some(folder.to_path_buf()), ..LoadOptions::default() }
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cornet-files-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn mnist_is_read_from_a_folder_or_the_one_above_it() {
    let Some(data) = data() else { return };
    for folder in [data.join("mnist"), data] {
        let splits = load("mnist", &from(&folder)).unwrap();
        assert_eq!(splits.train.0.shape().as_slice(), [60_000, 28, 28]);
        assert_eq!(splits.test.0.shape().as_slice(), [10_000, 28, 28]);
        // Keras's mnist.load_data() begins and ends with these labels.
        let (train, test) = (splits.train.1.to_vec::<u8>().unwrap(), splits.test.1.to_vec::<u8>().unwrap());
        assert_eq!((train.len(), &train[..5], &train[59_997..]), (60_000, &[5, 0, 4, 1, 9][..], &[5, 6, 8][..]));
        assert_eq!((test.len(), &test[..5]), (10_000, &[7, 2, 1, 0, 4][..]));
        let sum: u64 = splits.test.0.bytes().iter().map(|&v| u64::from(v)).sum();
        assert_eq!(sum, 264_923_200, "NumPy's sum of the test images");
        let x = scaled(&splits.test.0, info("mnist").unwrap().max_value).unwrap();
        assert_eq!(x.to_vec::<f32>().unwrap()[28 * 7 + 6], 84.0 / 255.0);
    }
}

#[test]
fn fashion_mnist_is_found_under_its_other_name() {
    let Some(data) = data() else { return };
    let splits = load("fashion_mnist", &from(&data)).unwrap();
    let train = splits.train.1.to_vec::<u8>().unwrap();
    assert_eq!(train[..6], [9, 0, 0, 3, 0, 2]);
    let Location::Files { folder, paths } = locate("fashion-mnist", Some(&data)).unwrap() else { panic!("embedded") };
    assert_eq!((folder, paths.len()), (data.join("fashion-mnist"), 4));
}

#[test]
fn the_files_of_another_dataset_are_recognised() {
    let Some(data) = data() else { return };
    let error = load("mnist", &from(&data.join("fashion-mnist"))).unwrap_err();
    assert_eq!(error.code(), Code::Corrupt);
    assert!(error.help_text().unwrap().contains("this is train-images-idx3-ubyte.gz of fashion_mnist"), "{error}");
}

#[test]
fn plain_files_are_as_good_and_damaged_ones_are_refused() {
    let Some(data) = data() else { return };
    let folder = Folder::new("plain");
    for file in info("mnist").unwrap().files {
        let content =
            cornet_data::gunzip(&std::fs::read(data.join("mnist").join(file.name)).unwrap(), &Default::default());
        std::fs::write(folder.0.join(file.name.trim_end_matches(".gz")), content.unwrap()).unwrap();
    }
    assert!(load("mnist", &from(&folder.0)).is_ok());
    let labels = folder.0.join("t10k-labels-idx1-ubyte");
    let mut content = std::fs::read(&labels).unwrap();
    content[5_000] ^= 1;
    std::fs::write(&labels, content).unwrap();
    let error = load("mnist", &from(&folder.0)).unwrap_err();
    assert_eq!(error.code(), Code::Corrupt);
    assert!(error.to_string().starts_with(&format!("mnist/{}: content: expected", labels.display())), "{error}");
}

#[test]
fn absent_files_are_named_with_the_way_to_get_them() {
    let folder = Folder::new("absent");
    let error = load("mnist", &from(&folder.0)).unwrap_err();
    let expected = format!(
        "dataset 'mnist': its files are not there [not_found]\n  expected   train-images-idx3-ubyte.gz, \
         train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz (or without .gz)\n  looked in  \
         {0}\n  looked in  {0}/mnist\n  help: name the folder that has them with --data DIR",
        folder.0.display()
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(load("cifar", &LoadOptions::default()).unwrap_err().code(), Code::NotFound);
}

#[test]
fn hostile_files_are_errors() {
    let folder = Folder::new("hostile");
    let names: Vec<&str> = info("mnist").unwrap().files.iter().map(|f| f.name).collect();
    for content in [&b""[..], &[0x1f, 0x8b], b"\x1f\x8b\x08\x00garbage that is no deflate stream", &[0; 4096]] {
        for name in &names {
            std::fs::write(folder.0.join(name), content).unwrap();
        }
        assert_eq!(load("mnist", &from(&folder.0)).unwrap_err().code(), Code::Corrupt);
    }
}

#[test]
fn the_digits_need_no_files() {
    assert_eq!(locate("digits", None).unwrap(), Location::Embedded);
    let splits = load("digits", &LoadOptions::default()).unwrap();
    assert_eq!(splits.train.0.shape().as_slice(), [1437, 8, 8]);
    assert_eq!(splits.test.1.shape().as_slice(), [360]);
    let again = load("digits", &LoadOptions::default()).unwrap();
    assert_eq!(splits.test.1.bytes(), again.test.1.bytes());
    let other = load("digits", &LoadOptions { split_seed: 1, ..LoadOptions::default() }).unwrap();
    assert_ne!(splits.test.1.bytes(), other.test.1.bytes());
}

#[test]
fn the_registry_is_sound() {
    for dataset in list() {
        assert_eq!(info(dataset.name).unwrap(), dataset);
        assert!(dataset.addresses.iter().all(|a| a.starts_with("https://") && a.ends_with('/')), "{}", dataset.name);
        assert!(
            dataset.is_embedded() || (dataset.files.len() == 4 && !dataset.addresses.is_empty()),
            "{}",
            dataset.name
        );
        for file in dataset.files {
            assert!(file.sha256.len() == 64 && file.compressed_sha256.len() == 64, "{}", file.name);
        }
    }
}
