//! What runs have done, on disk before and after each step: written while a run goes on, read back by the next one.

pub mod folder;
pub mod given;
pub mod holders;
pub mod leftovers;
pub mod past;
pub mod record;
pub mod settled;
pub mod write;
