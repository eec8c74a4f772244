//! Fixing bodies: one jq expression for all messages of a run.

use super::jq::Jq;

/// A change of the body.
pub struct Edit(Jq);

impl Edit {
    /// Compiles the expression.
    ///
    /// # Errors
    ///
    /// It is not jq.
    pub fn new(expression: &str) -> anyhow::Result<Self> {
        Ok(Self(Jq::compile(expression)?))
    }

    /// The body with the change made.
    ///
    /// # Errors
    ///
    /// The body is not JSON, or the expression gives no single result; the text quotes no value.
    pub fn apply(&self, body: &str) -> anyhow::Result<String> {
        self.0.run(body)
    }
}
