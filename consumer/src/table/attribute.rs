//! The attributes that travel in an event.

use std::fmt;

use rollcall_events::{Text, UserData};

/// Longest user name, in characters.
/// Source: "`SignUp`" in the Amazon Cognito API reference.
const MAX_USERNAME_CHARS: usize = 128;

/// Longest id of a user pool, in characters.
/// Source: "`UserPoolType`" in the Amazon Cognito API reference.
const MAX_POOL_ID_CHARS: usize = 55;

/// An attribute that travels in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// The key of the row.
    CognitoSub,
    /// What Cognito calls the user.
    Username,
    /// The pool that the user belongs to.
    UserPoolId,
    /// The e-mail address.
    Email,
    /// Whether Cognito has verified the address.
    EmailVerified,
    /// The phone number.
    PhoneNumber,
    /// The given name.
    FirstName,
    /// The family name.
    LastName,
    /// An attribute that the pool's owner added, by its full name (`custom:tenant`). It travels if the producer's `FORWARD_ATTRIBUTES` names it.
    Custom(String),
}

/// The type that an attribute has in the statement's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Uuid,
    Text,
    Boolean,
}

impl Attribute {
    /// Every attribute that has a name of its own in the contract.
    const ALL: [Self; 8] = [
        Self::CognitoSub,
        Self::Username,
        Self::UserPoolId,
        Self::Email,
        Self::EmailVerified,
        Self::PhoneNumber,
        Self::FirstName,
        Self::LastName,
    ];

    /// The attribute that the contract calls by this name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        if name.strip_prefix("custom:").is_some_and(|rest| !rest.is_empty()) {
            return Some(Self::Custom(name.to_owned()));
        }
        Self::ALL.into_iter().find(|attribute| attribute.name() == name)
    }

    /// What the contract calls it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::CognitoSub => "cognito_sub",
            Self::Username => "username",
            Self::UserPoolId => "user_pool_id",
            Self::Email => "email",
            Self::EmailVerified => "email_verified",
            Self::PhoneNumber => "phone_number",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::Custom(name) => name,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::CognitoSub => Kind::Uuid,
            Self::EmailVerified => Kind::Boolean,
            _ => Kind::Text,
        }
    }

    /// The most characters that Cognito stores, when the attribute is a text.
    pub(crate) fn longest(&self) -> Option<usize> {
        match self {
            Self::CognitoSub | Self::EmailVerified => None,
            Self::Username => Some(MAX_USERNAME_CHARS),
            Self::UserPoolId => Some(MAX_POOL_ID_CHARS),
            Self::Email | Self::PhoneNumber | Self::FirstName | Self::LastName | Self::Custom(_) => {
                Some(Text::MAX_CHARS)
            }
        }
    }

    /// Whether a user may be without it.
    pub(crate) fn is_optional(&self) -> bool {
        !matches!(self, Self::CognitoSub | Self::EmailVerified)
    }

    /// The value of an attribute that is a text; none when the user has none, or when it is no text.
    pub(crate) fn text<'a>(&self, user: &'a UserData<'_>) -> Option<&'a str> {
        let text = match self {
            Self::CognitoSub | Self::EmailVerified => return None,
            Self::Username => &user.username,
            Self::UserPoolId => &user.user_pool_id,
            Self::Email => &user.email,
            Self::PhoneNumber => &user.phone_number,
            Self::FirstName => &user.first_name,
            Self::LastName => &user.last_name,
            Self::Custom(name) => return user.custom_attributes.get(name.as_str()).map(Text::as_str),
        };
        text.as_ref().map(Text::as_str)
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Kind {
    /// Its name in SQL.
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Text => "text",
            Self::Boolean => "boolean",
        }
    }
}
