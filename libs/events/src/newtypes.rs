//! Values that have been judged: whoever holds one knows that a row can hold it.
//!
//! None of them shows its text in `Debug`, so that logging a whole event by mistake tells nothing about the person.

use std::fmt;

use uuid::Uuid;

/// Longest attribute value that Cognito stores, in characters.
/// Source: "Working with user attributes" in the Amazon Cognito developer guide.
const MAX_ATTRIBUTE_CHARS: usize = 2048;

/// Longest user name that Cognito accepts, in characters (`Username` of the `SignUp` API).
const MAX_USERNAME_CHARS: usize = 128;

/// Longest user pool id that Cognito gives, in characters (`UserPoolIdType` of the API).
const MAX_POOL_ID_CHARS: usize = 55;

/// The rule that a refused value broke. Its text says what a value must be, never what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// The value is not a UUID in its usual form of 36 characters.
    #[error("must be a UUID of 36 characters")]
    NotAUuid,
    /// The value has no characters; an unknown value is `null`.
    #[error("must not be empty (an unknown value is null)")]
    Empty,
    /// The value has more characters than Cognito itself would store.
    #[error("must have at most {max} characters")]
    TooLong {
        /// The most characters it may have.
        max: usize,
    },
    /// The value has a control character; Postgres cannot store NUL, and the others break whatever shows the value.
    #[error("must not contain control characters")]
    ControlCharacter,
    /// The value is not a point in time as RFC 3339 writes it.
    #[error("must be a time such as 2026-11-22T21:00:00.000Z")]
    NotATime,
}

/// The one rule of all texts: not empty, not longer than Cognito's own limit, no control characters.
fn check_text(text: &str, max: usize) -> Result<(), Rule> {
    if text.is_empty() {
        return Err(Rule::Empty);
    }
    // Counting characters costs more than comparing bytes, and text of few bytes cannot have many characters.
    if text.len() > max && text.chars().count() > max {
        return Err(Rule::TooLong { max });
    }
    if text.chars().any(char::is_control) {
        return Err(Rule::ControlCharacter);
    }
    Ok(())
}

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The most characters a value may have.
            pub const MAX_CHARS: usize = $max;

            /// Takes any text and gives it back judged.
            ///
            /// # Errors
            ///
            /// [`Rule`] when the text is empty, too long, or has a control character.
            pub fn parse(text: impl Into<String>) -> Result<Self, Rule> {
                let text = text.into();
                check_text(&text, Self::MAX_CHARS)?;
                Ok(Self(text))
            }

            /// The text itself: personal data, not for logs.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text itself, without a copy.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    };
}

text_newtype!(
    /// An e-mail address as Cognito holds it. Whether it is well formed was Cognito's to say; a second opinion would only lose users.
    EmailAddress,
    MAX_ATTRIBUTE_CHARS
);
text_newtype!(
    /// A given name or a family name.
    PersonName,
    MAX_ATTRIBUTE_CHARS
);
text_newtype!(
    /// A phone number as Cognito holds it (E.164).
    PhoneNumber,
    MAX_ATTRIBUTE_CHARS
);
text_newtype!(
    /// What Cognito calls the user: the `sub`, a name the person chose, or `Google_…`; never a key.
    Username,
    MAX_USERNAME_CHARS
);
text_newtype!(
    /// The pool that the user belongs to, such as `eu-west-1_Ab12Cd34E`.
    UserPoolId,
    MAX_POOL_ID_CHARS
);

/// The `sub` of a Cognito user: unique, never reassigned, and therefore the key of the row.
///
/// It is an opaque identifier and not personal data, so it may stand in logs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CognitoSub(Uuid);

impl CognitoSub {
    /// Takes the text of the attribute `sub`.
    ///
    /// # Errors
    ///
    /// [`Rule::NotAUuid`] for anything but a hyphenated UUID (braces, `urn:uuid:` and the short form are refused).
    pub fn parse(text: &str) -> Result<Self, Rule> {
        const HYPHENATED: usize = 36;
        if text.len() != HYPHENATED {
            return Err(Rule::NotAUuid);
        }
        Uuid::try_parse(text).map(Self).map_err(|_| Rule::NotAUuid)
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
    fn debug_never_shows_the_text() {
        let shown = format!(
            "{:?} {:?} {:?} {:?}",
            EmailAddress::parse("marker@example.com").unwrap(),
            PersonName::parse("marker").unwrap(),
            PhoneNumber::parse("+49151marker").unwrap(),
            Username::parse("marker").unwrap(),
        );
        assert!(!shown.contains("marker"), "{shown}");
        assert!(shown.contains("EmailAddress(redacted)"));
    }

    #[test]
    fn a_text_may_have_as_many_characters_as_cognito_stores_however_many_bytes_they_take() {
        assert!(PersonName::parse("ä".repeat(2048)).is_ok());
        assert_eq!(PersonName::parse("ä".repeat(2049)), Err(Rule::TooLong { max: 2048 }));
    }

    #[test]
    fn nul_and_other_control_characters_are_refused_and_everything_printable_is_kept() {
        assert_eq!(PersonName::parse("A\0da"), Err(Rule::ControlCharacter));
        assert_eq!(PersonName::parse("A\nda"), Err(Rule::ControlCharacter));
        assert_eq!(PersonName::parse(""), Err(Rule::Empty));
        let name = "Robert'); DROP TABLE users;-- \"\\ 👩‍💻 Ζωή";
        assert_eq!(PersonName::parse(name).unwrap().as_str(), name);
    }

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
            assert_eq!(CognitoSub::parse(bad), Err(Rule::NotAUuid), "{bad}");
        }
    }
}
