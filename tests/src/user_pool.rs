//! The part of a user pool that an API sees: signed tokens, and the keys to verify them with.
//!
//! Source: "Understanding the identity (ID) token" and "Verifying JSON web tokens" in the Amazon Cognito developer guide.

use std::{
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinHandle,
};
use uuid::Uuid;

use crate::{
    http_request::HttpRequest,
    toolbox::{self, succeed},
};

/// The app client that the tokens are for.
pub const CLIENT_ID: &str = "1example23456789";

/// Makes a key pair, because ring makes none.
const GENERATE: &str = "\
const { privateKey, publicKey } = require('node:crypto').generateKeyPairSync('rsa', { modulusLength: 2048 });
console.log(JSON.stringify({
  private_key: [...privateKey.export({ type: 'pkcs1', format: 'der' })],
  public_pem: publicKey.export({ type: 'spki', format: 'pem' }),
  jwk: publicKey.export({ format: 'jwk' }),
}));";

/// An RSA key pair.
#[derive(Clone, Debug, Deserialize)]
pub struct KeyPair {
    private_key: Vec<u8>,
    /// The public key as PEM, which an attacker has too.
    pub public_pem: String,
    jwk: Value,
    #[serde(skip, default = "Uuid::new_v4")]
    id: Uuid,
}

/// A pool's endpoint on loopback. It ends when this is dropped.
#[derive(Debug)]
pub struct UserPool {
    issuer: String,
    published: Arc<Mutex<Option<Vec<KeyPair>>>>,
    fetches: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl KeyPair {
    /// Makes a new one.
    ///
    /// # Errors
    ///
    /// There is no Node.js.
    pub fn generate() -> anyhow::Result<Self> {
        let output = succeed(Command::new(toolbox::node()?.executable).args(["-e", GENERATE]))?;
        serde_json::from_slice(&output.stdout).context("Node.js has printed something else than a key pair")
    }

    /// The header of a token that is signed with this key.
    pub fn header(&self) -> Value {
        json!({ "kid": self.id, "alg": "RS256" })
    }

    /// The public key as a JSON web key, without an id.
    pub fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// A token with this header, signed with this key whatever the header says.
    ///
    /// # Errors
    ///
    /// The key cannot sign.
    pub fn sign(&self, header: &Value, claims: &Value) -> anyhow::Result<String> {
        let key = EncodingKey::from_rsa_der(&self.private_key);
        token(header, claims, |message| Ok(crypto::sign(message.as_bytes(), &key, Algorithm::RS256)?))
    }

    fn published(&self) -> Value {
        let mut jwk = self.jwk.clone();
        if let Some(members) = jwk.as_object_mut() {
            members.extend(
                [("kid", json!(self.id)), ("alg", json!("RS256")), ("use", json!("sig"))]
                    .map(|(name, value)| (name.to_owned(), value)),
            );
        }
        jwk
    }
}

/// A token whose signature `sign` makes.
///
/// # Errors
///
/// Whatever `sign` says.
pub fn token(
    header: &Value,
    claims: &Value,
    sign: impl FnOnce(&str) -> anyhow::Result<String>,
) -> anyhow::Result<String> {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let message = format!("{header}.{claims}");
    let signature = sign(&message)?;
    Ok(format!("{message}.{signature}"))
}

/// A token that is signed with a text that both sides would have to know.
///
/// # Errors
///
/// The text cannot sign.
pub fn sign_with_secret(header: &Value, claims: &Value, secret: &str) -> anyhow::Result<String> {
    let key = EncodingKey::from_secret(secret.as_bytes());
    token(header, claims, |message| Ok(crypto::sign(message.as_bytes(), &key, Algorithm::HS256)?))
}

impl UserPool {
    /// Starts one that publishes no keys yet and answers with an error.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let issuer = format!("http://{}/us-east-1_Ab12Cd34E", listener.local_addr()?);
        let (published, fetches) = (Arc::<Mutex<Option<Vec<KeyPair>>>>::default(), Arc::<AtomicUsize>::default());
        let (keys, count) = (Arc::clone(&published), Arc::clone(&fetches));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let Ok(request) = HttpRequest::read(&mut stream).await else { continue };
                count.fetch_add(1, Relaxed);
                let response = respond(&request.first_line, &keys);
                // A client that has gone has nothing to be told.
                let _ = stream.get_mut().write_all(response.as_bytes()).await;
            }
        });
        Ok(Self { issuer, published, fetches, accepting })
    }

    /// Publishes these keys from now on, and no others.
    pub fn publish(&self, keys: &[&KeyPair]) {
        let keys = keys.iter().map(|key| (*key).clone()).collect();
        *self.published.lock().unwrap_or_else(PoisonError::into_inner) = Some(keys);
    }

    /// What `iss` says.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// How often the keys were asked for.
    pub fn fetches(&self) -> usize {
        self.fetches.load(Relaxed)
    }

    /// The claims of an ID token, as Cognito writes them.
    pub fn id_claims(&self, sub: Uuid) -> Value {
        let now = Timestamp::now().as_second();
        json!({
            "sub": sub, "iss": self.issuer, "aud": CLIENT_ID, "token_use": "id", "exp": now + 3_600, "iat": now,
            "auth_time": now, "cognito:username": sub, "email_verified": true, "jti": Uuid::new_v4(),
            "email": "ada@example.com", "given_name": "Ada", "family_name": "Lovelace",
        })
    }

    /// The claims of an access token: no audience, and nothing about the person.
    pub fn access_claims(&self, sub: Uuid) -> Value {
        let now = Timestamp::now().as_second();
        json!({
            "sub": sub, "iss": self.issuer, "client_id": CLIENT_ID, "token_use": "access", "exp": now + 3_600,
            "iat": now, "auth_time": now, "username": sub, "scope": "aws.cognito.signin.user.admin",
        })
    }
}

impl Drop for UserPool {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn respond(first_line: &str, keys: &Mutex<Option<Vec<KeyPair>>>) -> String {
    let keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, body) = match &*keys {
        Some(keys) if first_line.contains("/us-east-1_Ab12Cd34E/.well-known/jwks.json ") => {
            ("200 OK", json!({ "keys": keys.iter().map(KeyPair::published).collect::<Vec<_>>() }).to_string())
        }
        Some(_) => ("404 Not Found", String::new()),
        None => ("503 Service Unavailable", String::new()),
    };
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
