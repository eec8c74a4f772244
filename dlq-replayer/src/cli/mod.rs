//! TODO

pub mod arguments;
pub mod command_line;
pub mod commands;
pub mod connect;
pub mod hints;
pub mod manual;
