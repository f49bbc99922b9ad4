//! Workloads and ceilings that cornet bench times.
