//! RDS IAM authentication: a signed request in the place of a password.
//!
//! Source: "Connecting to your DB instance using IAM authentication" in the Amazon RDS user guide.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

/// How long RDS takes a token.
const LASTS: Duration = Duration::from_mins(15);

/// How long a token is used for new connections: a third of its life is left for clocks that differ and for a slow connection.
/// A connection that is open outlives its token.
pub(crate) const USED: Duration = Duration::from_mins(10);

/// Everything but the characters that a signed URL keeps as they are.
/// Source: "Create a signed AWS API request" in the IAM user guide, "URI encode".
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whom a token lets in, and where.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The endpoint's own name, not an alias: RDS compares.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// The database user.
    pub user: &'a str,
    /// The Region that the database is in.
    pub region: &'a str,
}

/// The token for `subject`, which RDS takes for 15 minutes from `now`. It is a secret.
///
/// # Errors
///
/// The host is none. The text does not show the credentials.
pub fn sign_token(
    subject: Subject<'_>,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let mut settings = SigningSettings::default();
    settings.expires_in = Some(LASTS);
    settings.signature_location = SignatureLocation::QueryParams;
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(subject.region)
        .name("rds-db")
        .time(now)
        .settings(settings)
        .build()?
        .into();
    let token = format!("{}:{}/?Action=connect&DBUser={}", subject.host, subject.port, encoded(subject.user));
    // What is signed is a URL; the token is the URL without its scheme.
    let url = format!("https://{token}");
    let request = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::Bytes(&[]))?;
    let (signed, _) = sign(request, &parameters)?.into_parts();
    let (_, signature) = signed.into_parts();
    Ok(signature.iter().fold(token, |token, (name, value)| format!("{token}&{name}={}", encoded(value))))
}

fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, ENCODED)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SUBJECT: Subject<'_> =
        Subject { host: "db.abc123.eu-west-1.rds.amazonaws.com", port: 5432, user: "roll call@x", region: "eu-west-1" };

    /// What `generate_db_auth_token` of botocore 1.42, AWS's Python SDK, signed at 2026-11-23T22:40:27Z.
    const BOTOCORE: [(Option<&str>, &str); 2] = [
        (
            None,
            "db.abc123.eu-west-1.rds.amazonaws.com:5432/?Action=connect&DBUser=roll%20call%40x&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261123%2Feu-west-1%2Frds-db%2Faws4_request&X-Amz-Date=20261123T224027Z&X-Amz-SignedHeaders=host&X-Amz-Expires=900&X-Amz-Signature=e89fc1d51ee2e1f1686729a80b9d4fa2e9e9b62b3e3bd715bd7bd64ca7d7f125",
        ),
        (
            Some("a/session+token=="),
            "db.abc123.eu-west-1.rds.amazonaws.com:5432/?Action=connect&DBUser=roll%20call%40x&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261123%2Feu-west-1%2Frds-db%2Faws4_request&X-Amz-Date=20261123T224027Z&X-Amz-SignedHeaders=host&X-Amz-Expires=900&X-Amz-Security-Token=a%2Fsession%2Btoken%3D%3D&X-Amz-Signature=77f0b382e935b6ed7bcf47b815c13201f2fbb1c483811890c9edd4224a869d6f",
        ),
    ];

    #[test]
    fn a_token_is_what_another_sdk_signs_for_the_same_moment() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_473_627);
        for (session, expected) in BOTOCORE {
            let session = session.map(str::to_owned);
            let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
            let credentials = Credentials::new("AKIDEXAMPLE", secret, session, None, "test");
            let token = sign_token(SUBJECT, &credentials, at).unwrap();
            // The order of a URL's parameters is not part of what is signed.
            let parts = |token: &str| token.split('&').map(str::to_owned).collect::<BTreeSet<_>>();
            assert_eq!(parts(&token), parts(expected));
        }
    }
}
