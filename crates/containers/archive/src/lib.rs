//! Zip archives, read within limits and written atomically.
