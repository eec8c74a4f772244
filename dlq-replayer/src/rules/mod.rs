//! What is decided, without I/O: which messages match, why they failed, what is sent in their place.

pub mod bus_event;
pub mod cause;
pub mod characters;
pub mod decide;
pub mod edit_document;
pub mod event_pattern;
pub mod jq;
pub mod json_text;
pub mod refusal;
pub mod select;
