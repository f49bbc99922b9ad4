//! Reads every `.npy` and `.npz` file of one folder and writes what was read to another.
//!
//! `npy_copy FROM TO`: a refused file leaves `NAME.error` with the error's code. NumPy's side of the comparison is
//! `crates/conformance/python/npy_roundtrip.py`.

use std::path::Path;

use cornet_tensor::{Array, Result, err};

fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.extension().is_some_and(|e| e == "npz") {
        let arrays = Array::read_npz(from)?;
        let compressed = from.to_string_lossy().contains("compressed");
        return if compressed { Array::write_npz_compressed(to, arrays) } else { Array::write_npz(to, arrays) };
    }
    Array::read_npy(from)?.write_npy(to)
}

fn main() -> Result<()> {
    let folders: Vec<String> = std::env::args().skip(1).collect();
    let [from, to] = folders.as_slice() else {
        return Err(err!(InvalidArgument, "usage: npy_copy FROM TO"));
    };
    let io = |e: std::io::Error| err!(Io, "{e}");
    let mut count = 0;
    for entry in std::fs::read_dir(from).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let Some(name) = path.file_name().filter(|_| path.extension().is_some_and(|e| e == "npy" || e == "npz")) else {
            continue;
        };
        let to = Path::new(to).join(name);
        if let Err(error) = copy(&path, &to) {
            std::fs::write(to.with_added_extension("error"), error.code().word()).map_err(io)?;
        }
        count += 1;
    }
    println!("{count} files");
    Ok(())
}
