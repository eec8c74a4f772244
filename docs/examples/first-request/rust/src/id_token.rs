//! Verifies the ID tokens of one user pool's app client.

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use crate::keys::{NoKey, SigningKeys};

/// Accepts tokens from one issuer, for one app client.
pub(crate) struct IdTokens {
    keys: SigningKeys,
    rules: Validation,
}

/// What the row is made of.
#[derive(Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: Uuid,
    token_use: String,
    #[serde(default, deserialize_with = "text")]
    pub(crate) email: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) given_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) family_name: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// It does not prove who sent it: 401.
    #[error("a valid ID token is needed")]
    Invalid,
    /// The pool's keys could not be fetched, so nothing is known about the token: 503.
    #[error("tokens cannot be verified at the moment")]
    KeysUnavailable,
}

impl IdTokens {
    pub(crate) fn new(issuer: &str, client_id: &str) -> Self {
        let mut rules = Validation::new(Algorithm::RS256);
        rules.set_issuer(&[issuer]);
        rules.set_audience(&[client_id]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.leeway = 0;
        Self { keys: SigningKeys::at(format!("{issuer}/.well-known/jwks.json")), rules }
    }

    /// The claims of a valid token.
    pub(crate) async fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let header = decode_header(token).map_err(|_| TokenError::Invalid)?;
        // Before the key is looked up: the header is not to be trusted in anything but the choice of the key.
        let (Algorithm::RS256, Some(id)) = (header.alg, header.kid) else { return Err(TokenError::Invalid) };
        let key = self.keys.get(&id).await.map_err(|none| match none {
            NoKey::Unknown => TokenError::Invalid,
            NoKey::Unavailable => TokenError::KeysUnavailable,
        })?;
        let claims: Claims = decode(token, &key, &self.rules).map_err(|_| TokenError::Invalid)?.claims;
        // An access token has no e-mail address and no names; the row would lack them for good.
        if claims.token_use == "id" { Ok(claims) } else { Err(TokenError::Invalid) }
    }
}

/// A claim that Postgres can store as text; it cannot store NUL.
fn text<'de, D: Deserializer<'de>>(claim: D) -> Result<Option<String>, D::Error> {
    let claim = serde_json::Value::deserialize(claim)?;
    Ok(claim.as_str().filter(|text| !text.contains('\0')).map(str::to_owned))
}
