//! HDF5 files as trees of groups, datasets and attributes, read within limits.
