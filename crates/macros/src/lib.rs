//! Attribute and derive macros.
