//! The contract of rollcall: the event `UserConfirmed` v1 and the envelope it travels in.
//!
//! What is written ([`Detail`]) and what is accepted ([`UserConfirmed`]) are two types on purpose.
//! A writer passes on what Cognito told it and judges nothing, so that nothing a person typed can keep their event from being published.
//! A reader judges everything in one place, [`UserConfirmed::from_envelope`], and says precisely what it refused and never what the text was.
//!
//! Architecture invariant: no AWS SDK, no async runtime and no database in here; whoever speaks this contract in another tool needs only this crate.
//! The schema for other languages is `schema/user-confirmed.v1.json`, generated from the types and checked by a test.

mod detail;
mod envelope;
mod newtypes;
mod parse_error;
#[cfg(test)]
mod schema;
mod user_confirmed;

pub use detail::{Detail, DetailData, DetailMetadata, event_id};
pub use envelope::Envelope;
pub use newtypes::{CognitoSub, EmailAddress, PersonName, PhoneNumber, Rule, UserPoolId, Username};
pub use parse_error::{JsonFault, ParseError};
pub use user_confirmed::{Metadata, Origin, UserConfirmed, UserData};

/// `Source` of every entry that rollcall puts on the bus; the rule of the template matches it.
pub const SOURCE: &str = "rollcall";

/// `DetailType` of every entry that rollcall puts on the bus; the rule of the template matches it.
pub const DETAIL_TYPE: &str = "UserConfirmed";

/// The version of the contract that this crate writes and the only one it accepts.
pub const VERSION: u32 = 1;
