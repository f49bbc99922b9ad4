//! Variables, traced functions and the executor.
