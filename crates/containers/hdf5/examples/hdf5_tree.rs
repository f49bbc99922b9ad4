//! Prints the tree of an HDF5 file, one line an object, with a checksum of the values: `hdf5_tree FILE`.
//!
//! The checksum is FNV-1a over the little-endian bytes, so that another program can compute it too.

use cornet_error::{Limits, Result};
use cornet_hdf5::{Dtype, File, Group};

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn print(group: &Group, path: &str) -> Result<()> {
    for (name, dataset) in group.datasets() {
        let bytes = match dataset.dtype() {
            Dtype::Text => dataset.read_texts()?.join("\n").into_bytes(),
            _ => dataset.read_bytes()?,
        };
        println!("{path}/{name}\t{}\t{:?}\t{:016x}", dataset.dtype().name(), dataset.shape(), fnv(&bytes));
    }
    for (name, inner) in group.groups() {
        println!("{path}/{name}\tgroup\t{}", inner.attributes().len());
        print(inner, &format!("{path}/{name}"))?;
    }
    Ok(())
}

fn main() -> Result<()> {
    for path in std::env::args().skip(1) {
        print(File::open(path.as_ref(), &Limits::default())?.root(), "")?;
    }
    Ok(())
}
