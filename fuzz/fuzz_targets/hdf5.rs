//! HDF5 files: groups, attributes, datasets, all that a reader of weights walks.
#![no_main]

use cornet_error::Limits;
use cornet_hdf5::{File, Group};
use libfuzzer_sys::fuzz_target;

/// Little enough that taking it all is no crash, and enough for what a reader does.
fn limits() -> Limits {
    Limits { object_bytes: 64 << 20, total_bytes: 256 << 20, ..Limits::default() }
}

fn walk(group: &Group) {
    for attribute in group.attributes().values() {
        let _ = (attribute.as_text(), attribute.as_texts());
    }
    for dataset in group.datasets().values() {
        let _ = dataset.read_bytes();
    }
    group.groups().values().for_each(walk);
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(file) = File::from_bytes(bytes, &limits()) {
        walk(file.root());
    }
});
