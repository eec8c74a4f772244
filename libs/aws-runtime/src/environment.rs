//! Environment variables, read once during init.
//!
//! A missing or unreadable one is an error with its name and what it should hold: a function that guesses its target writes to the wrong place.
//! It stops the process, except for a trigger of the pool, which must not fail a sign-up for it.

use std::collections::HashMap;

/// The variables a process was started with. Tests make their own with [`FromIterator`].
#[derive(Clone)]
pub struct Environment(HashMap<String, String>);

/// A variable that is missing or cannot be read. The text names it and says what it should hold; it never shows its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// It is not set, or empty.
    #[error("the environment variable `{name}` is not set; it must hold {holds}")]
    Missing {
        /// Its name.
        name: &'static str,
        /// What it must hold.
        holds: &'static str,
    },
    /// It is set to something else than it must hold.
    #[error("the environment variable `{name}` is not valid: {why}; it must hold {holds}")]
    Unreadable {
        /// Its name.
        name: &'static str,
        /// What it must hold.
        holds: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl Environment {
    /// The variables of this process. One that is not Unicode counts as not set.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value of a variable that may be missing; an empty value counts as missing, as templates write it when they have none.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value of a variable that must be there.
    ///
    /// # Errors
    ///
    /// [`VariableError::Missing`], which says that it must hold `holds`.
    pub fn required(&self, name: &'static str, holds: &'static str) -> Result<&str, VariableError> {
        self.optional(name).ok_or(VariableError::Missing { name, holds })
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named_with_what_it_should_hold() {
        let environment = Environment::from_iter([("EMPTY", ""), ("SET", "x")]);
        assert_eq!(environment.required("SET", "anything").unwrap(), "x");
        assert_eq!(
            environment.required("EMPTY", "the name of the event bus").unwrap_err().to_string(),
            "the environment variable `EMPTY` is not set; it must hold the name of the event bus"
        );
        assert_eq!(environment.optional("ABSENT"), None);
    }
}
