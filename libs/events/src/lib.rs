//! The contract of rollcall: the event `UserConfirmed` v1 and the envelope it travels in.
//!
//! What is written ([`Detail`]) and what is accepted ([`UserConfirmed`]) are two types on purpose.
//! A writer passes on what Cognito told it, so nothing a user typed can keep their event from being published.
//! A reader validates in one place, [`UserConfirmed::from_envelope`].
//! Only the `sub` decides whether there is a row: an optional attribute that no row can hold becomes null and is named in [`UserConfirmed::dropped`].
//!
//! Architecture invariant: no AWS SDK, no async runtime and no database in here; whoever speaks this contract in another tool needs only this crate.
//! The schema for other languages is `schema/user-confirmed.v1.json`, generated from the types and checked by a test.

mod cognito_sub;
mod detail;
mod envelope;
mod parse_error;
#[cfg(test)]
mod schema;
mod text;
mod user_confirmed;
mod wire;

pub use cognito_sub::{CognitoSub, NotASub};
pub use detail::{Detail, DetailData, DetailMetadata, event_id};
pub use envelope::Envelope;
pub use parse_error::{JsonFault, ParseError};
pub use text::Text;
pub use user_confirmed::{Metadata, Origin, UserConfirmed, UserData};

/// `Source` of every entry that rollcall puts on the bus; the rule of the template matches it.
pub const SOURCE: &str = "rollcall";

/// `DetailType` of every entry that rollcall puts on the bus; the rule of the template matches it.
pub const DETAIL_TYPE: &str = "UserConfirmed";

/// The version of the contract that this crate writes and the only one it accepts.
pub const VERSION: u32 = 1;
