//! TODO

pub mod address;
pub mod archive;
pub mod bus;
pub mod call_error;
pub mod destination;
pub mod message;
pub mod outgoing;
pub mod queue;
