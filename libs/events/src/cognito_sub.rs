//! The key of a row.

use std::fmt;

use uuid::Uuid;

/// The `sub` of a Cognito user: unique, never reassigned, and therefore the key of the row.
///
/// It is an opaque identifier and not personal data, so it may stand in logs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CognitoSub(Uuid);

/// The text is not a `sub`. What it was is not shown: a writer that mixes up its fields may have put anything there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID of 36 characters")]
pub struct NotASub;

impl CognitoSub {
    /// Reads the text of the attribute `sub`.
    ///
    /// # Errors
    ///
    /// [`NotASub`] for anything but a hyphenated UUID (braces, `urn:uuid:` and the short form are rejected).
    pub fn parse(text: &str) -> Result<Self, NotASub> {
        const HYPHENATED: usize = 36;
        if text.len() != HYPHENATED {
            return Err(NotASub);
        }
        Uuid::try_parse(text).map(Self).map_err(|_| NotASub)
    }

    /// The value as the database takes it.
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl fmt::Display for CognitoSub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CognitoSub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CognitoSub({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_is_a_hyphenated_uuid_in_either_case_and_nothing_else() {
        let sub = CognitoSub::parse("7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22").unwrap();
        assert_eq!(CognitoSub::parse("7D4A1F0E-2C5B-4A8E-9D61-0B3F6A9C1E22").unwrap(), sub);
        for bad in [
            "",
            "not-a-uuid",
            "7d4a1f0e2c5b4a8e9d610b3f6a9c1e22",
            "{7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e2}",
            "urn:uuid:7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22",
        ] {
            assert_eq!(CognitoSub::parse(bad), Err(NotASub), "{bad}");
        }
    }
}
