//! The messages that tests and benchmarks put on the queue.

use fastrand::Rng;
use serde_json::{Value, json};
use uuid::Uuid;

/// The pool of users who exist only in messages; the local stack accepts it beside the pool that it starts.
pub const USER_POOL: &str = "us-east-1_Ab12Cd34E";

/// The body of a message about a user, with more of their data: an object whose members are those of the contract's `data`.
pub fn about(sub: Uuid, more: &Value) -> String {
    let mut data = json!({ "cognito_sub": sub, "username": "u", "user_pool_id": USER_POOL });
    if let (Some(data), Some(more)) = (data.as_object_mut(), more.as_object()) {
        data.extend(more.clone());
    }
    let metadata =
        json!({ "version": 1, "event_id": sub, "occurred_at": "2026-11-22T21:00:00.000Z", "origin": "sign_up" });
    json!({ "detail-type": "UserConfirmed", "detail": { "metadata": metadata, "data": data } }).to_string()
}

/// Whom each of `messages` messages is about when `duplicates` of them repeat a user, in a random order that follows from `seed`.
///
/// A repeat meets the first message of its user anywhere: in the same batch, in another one, before or after it.
pub fn with_duplicates(messages: usize, duplicates: usize, seed: u64) -> Vec<Uuid> {
    let mut random = Rng::with_seed(seed);
    let users = messages.saturating_sub(duplicates);
    let mut subs: Vec<Uuid> =
        (0..users).map(|_| uuid::Builder::from_random_bytes(random.u128(..).to_ne_bytes()).into_uuid()).collect();
    let repeated: Vec<Uuid> = (0..duplicates).filter_map(|_| random.choice(&subs).copied()).collect();
    subs.extend(repeated);
    random.shuffle(&mut subs);
    subs
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn three_messages_in_ten_are_about_somebody_who_was_there_before() {
        let subs = with_duplicates(1_000, 300, 7);
        assert_eq!(subs.len(), 1_000);
        assert_eq!(subs.iter().collect::<HashSet<_>>().len(), 700);
        assert_eq!(subs, with_duplicates(1_000, 300, 7), "the seed decides");
        assert_ne!(subs, with_duplicates(1_000, 300, 8));
    }
}
