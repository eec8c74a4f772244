//! The public keys of a pool by their ids, fetched when they are needed.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::Context;
use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, Jwk, JwkSet},
};
use tokio::{
    sync::{Mutex, RwLock},
    task::spawn_blocking,
};

/// An unknown key id causes at most one request for the keys in this time, or anybody could make us flood Cognito.
const COOLDOWN: Duration = Duration::from_secs(5);

/// Keys are fetched again after this time, so that one that the pool no longer publishes is forgotten.
const MAX_AGE: Duration = Duration::from_secs(3_600);

/// Longest wait for the keys.
const FETCH_LIMIT: Duration = Duration::from_secs(5);

pub(crate) struct SigningKeys {
    url: String,
    keys: RwLock<HashMap<String, DecodingKey>>,
    /// When the keys were last asked for. Whoever holds it may ask.
    tried_at: Mutex<Option<Instant>>,
}

/// Why there is no key.
pub(crate) enum NoKey {
    /// The pool has no key with this id.
    Unknown,
    /// The pool's keys have never been fetched.
    Unavailable,
}

impl SigningKeys {
    pub(crate) fn at(url: String) -> Self {
        Self { url, keys: RwLock::default(), tried_at: Mutex::default() }
    }

    /// The key with this id. A request with a known key never waits for one with an unknown key.
    pub(crate) async fn get(&self, id: &str) -> Result<DecodingKey, NoKey> {
        let Some(key) = self.known(id).await else {
            let mut tried_at = self.tried_at.lock().await;
            // Another request may have fetched it while this one waited.
            if self.known(id).await.is_none() {
                self.fetch_unless_tried_within(COOLDOWN, &mut tried_at).await;
            }
            let known = self.known(id).await;
            let none = if self.keys.read().await.is_empty() { NoKey::Unavailable } else { NoKey::Unknown };
            return known.ok_or(none);
        };
        if let Ok(mut tried_at) = self.tried_at.try_lock() {
            self.fetch_unless_tried_within(MAX_AGE, &mut tried_at).await;
        }
        Ok(key)
    }

    async fn known(&self, id: &str) -> Option<DecodingKey> {
        self.keys.read().await.get(id).cloned()
    }

    /// Keeps the keys that there are if the new ones cannot be fetched.
    async fn fetch_unless_tried_within(&self, time: Duration, tried_at: &mut Option<Instant>) {
        if tried_at.is_some_and(|at| at.elapsed() < time) {
            return;
        }
        *tried_at = Some(Instant::now());
        let url = self.url.clone();
        if let Ok(Ok(keys)) = spawn_blocking(move || fetch(&url)).await {
            *self.keys.write().await = keys;
        }
    }
}

fn fetch(url: &str) -> anyhow::Result<HashMap<String, DecodingKey>> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(FETCH_LIMIT)).build().into();
    let body = agent.get(url).call().context("the pool's keys cannot be fetched")?.body_mut().read_to_string()?;
    let set: JwkSet = serde_json::from_str(&body).context("the response is not a key set")?;
    Ok(set.keys.iter().filter_map(rsa_key).collect())
}

fn rsa_key(jwk: &Jwk) -> Option<(String, DecodingKey)> {
    let AlgorithmParameters::RSA(_) = &jwk.algorithm else { return None };
    Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?))
}
