//! TODO

pub mod breaker;
pub mod delivery;
pub mod import;
pub mod intake;
pub mod interrupt;
pub mod job;
pub mod lag;
pub mod rate;
pub mod scan;
pub mod state;
pub mod transfer;
