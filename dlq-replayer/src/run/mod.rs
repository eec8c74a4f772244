//! The engine that every command uses: messages from a source, looked at or moved, until the end is proven.

pub mod answers;
pub mod breaker;
pub mod canary;
pub mod deleting;
pub mod ending;
pub mod engine;
pub mod event;
pub mod held;
pub mod holding;
pub mod intake;
pub mod interrupt;
pub mod job;
pub mod lag;
pub mod lanes;
pub mod looking;
pub mod proof;
pub mod rate;
pub mod receiving;
pub mod returned;
pub mod routes;
pub mod sending;
pub mod settings;
pub mod silence;
pub mod source;
pub mod transfer;
