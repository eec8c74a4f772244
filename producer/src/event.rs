//! The lenient reading of a trigger's event: only what is needed, and nothing that is odd is an error.
//!
//! The typed events of `aws_lambda_events` are closed: an unknown `triggerSource` would fail a sign-up, and unknown fields would be missing from the echo.
//! AWS adds and moves fields, and warns against strict validation.
//! Source: "Customizing user pool workflows with Lambda triggers" in the Amazon Cognito developer guide.

use std::{borrow::Cow, collections::HashMap};

use serde_json::value::RawValue;

/// A JSON object whose values have not been read yet. Of two equal keys the last one counts, as in every JSON parser people use.
pub(crate) type Object<'a> = HashMap<Cow<'a, str>, &'a RawValue>;

/// A value as an object, if it is one.
pub(crate) fn object(value: Option<&RawValue>) -> Option<Object<'_>> {
    serde_json::from_str(value?.get()).ok()
}

/// A value as text: a string's content, or a number or boolean as it is written. Empty, null and structured values count as absent.
pub(crate) fn text<'a>(value: Option<&&'a RawValue>) -> Option<Cow<'a, str>> {
    let json = value?.get();
    let text: Cow<'a, str> = match json.bytes().next()? {
        b'"' => match serde_json::from_str::<&str>(json) {
            Ok(plain) => plain.into(),
            Err(_) => serde_json::from_str::<String>(json).ok()?.into(),
        },
        b'{' | b'[' | b'n' => return None,
        _ => json.into(),
    };
    Some(text).filter(|text| !text.is_empty())
}
