//! What is outside: queues, buses, functions and files, and what is read from and sent to them. Nothing here decides.

pub mod address;
pub mod archive;
pub mod arn;
pub mod bus;
pub mod call_error;
pub mod clients;
pub mod destination;
pub mod lambda;
pub mod line_fault;
pub mod lines;
pub mod message;
pub mod new_file;
pub mod outgoing;
pub mod probe;
pub mod queue;
pub mod queue_argument;
pub mod reader;
pub mod snapshot;
pub mod waiting;
