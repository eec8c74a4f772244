//! What each of our database sessions is set to.

/// Settings of the session: sent when we connect, or, behind a transaction pooler, set on the role.
///
/// - A statement ends after 5 s, even when the client is gone. An insert of a thousand rows takes some 10 ms; whatever takes longer waits for a lock.
/// - A transaction that nobody continues ends after 10 s, and its locks with it: a pooler keeps the server connection of a client that was killed.
/// - The server sends no notices: what a table's trigger says about a row is personal data.
///
/// The first one marks the roles that an earlier version made, which had no other.
pub(crate) const SETTINGS: [(&str, &str); 3] =
    [("statement_timeout", "5s"), ("idle_in_transaction_session_timeout", "10s"), ("client_min_messages", "error")];
