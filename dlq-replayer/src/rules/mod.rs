//! TODO

pub mod cause;
pub mod decide;
pub mod edit;
pub mod jq;
pub mod select;
