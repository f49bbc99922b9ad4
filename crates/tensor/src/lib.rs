//! Dtypes, shapes and host arrays.
