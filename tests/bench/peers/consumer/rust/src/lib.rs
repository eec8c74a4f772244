//! What the Rust programs of the benchmark share: the same people for everybody, and what a process has taken.

pub mod measure;
pub mod people;
pub mod statement;
