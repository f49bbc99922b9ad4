//! HDF5 files as trees of groups, datasets and attributes, read within limits.
//!
//! * [`File`] reads. Opening walks the whole tree and checks every object; only then are values read, one dataset at a
//!   time, into memory that the file was shown to fill.
//! * [`GroupSpec`] and [`Image`] write, in the layout that h5py and Keras use. Values are borrowed and streamed.
//!
//! What the reader understands: superblocks 0 to 3, both forms of object headers, symbol tables, links and attributes
//! in headers and in "dense" storage, every storage of values that `hdf5-pure` decodes (contiguous, compact, chunked with the usual filters),
//! and these types: integers, floats (float16 and bfloat16 too), booleans as h5py stores them, complex64, opaque
//! bytes, texts of fixed and of variable length.
//!
//! What it refuses, with the code `unsafe_content`: soft and external links, values in external files, virtual
//! datasets and groups that contain themselves.
//!
//! ```
//! use cornet_error::Limits;
//! use cornet_hdf5::{Attribute, Dtype, File, GroupSpec, Image};
//!
//! let kernel: Vec<u8> = [1.0_f32, 2.0, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
//! let mut root = GroupSpec::default();
//! let vars = root.group("layers/dense/vars")?;
//! vars.attributes.insert("name".into(), Attribute::Text("dense".into()));
//! vars.dataset("0", Dtype::F32, &[3], &kernel)?;
//! let bytes = Image::new(&root)?.to_vec()?;
//!
//! let file = File::from_bytes(bytes, &Limits::default())?;
//! let dataset = file.root().dataset("layers/dense/vars/0").unwrap();
//! assert_eq!((dataset.dtype(), dataset.shape()), (Dtype::F32, &[3][..]));
//! assert_eq!(dataset.read::<f32>()?, [1.0, 2.0, 3.0]);
//! # Ok::<(), cornet_error::Error>(())
//! ```

mod attribute;
mod datatype;
mod dense;
mod file;
mod header;
mod heap;
mod image;
mod input;
mod links;
mod values;

pub use attribute::Attribute;
pub use datatype::Dtype;
pub use file::{Dataset, File, Group};
pub use image::{DatasetSpec, GroupSpec, Image};
pub use input::is_hdf5;
pub use values::Element;
