/// Declares a family's op files and lists their ops: one line an op.
macro_rules! family {
    ($($op:ident)*) => {
        $(pub mod $op;)*
        /// The family's ops.
        pub static OPS: &[&crate::core::op::Op] = &[$(&$op::OP),*];
    };
}
