//! What rollcall's own contract says about a body.

use rollcall_events::UserConfirmed;

use crate::sqs::message::Message;

/// Whether the consumer's own contract would read a body now.
///
/// # Errors
///
/// The rule that the body breaks.
pub fn would_be_read(body: &str) -> Result<(), rollcall_events::ParseError> {
    UserConfirmed::from_envelope(body).map(|_| ())
}

/// Whether rollcall's contract applies to a message: its body announces itself as ours, or our consumer has rejected it before.
pub fn is_ours(message: &Message, body: &str) -> bool {
    let rejected = matches!(
        message.text("failure_reason"),
        Some("malformed_envelope" | "wrong_detail_type" | "unsupported_version" | "malformed_detail" | "invalid_field")
    );
    rejected || announces_itself(body)
}

fn announces_itself(body: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Announced {
        #[serde(rename = "detail-type")]
        detail_type: String,
    }
    serde_json::from_str::<Announced>(body).is_ok_and(|event| event.detail_type == rollcall_events::DETAIL_TYPE)
}
