//! Whether an EventBridge rule's event pattern matches an event.
//!
//! `PutEvents` succeeds for an event that no rule matches, and the event is gone. So a wrong "yes" here loses a message, while
//! [`Match::Unknown`] only costs a question to AWS's `TestEventPattern`: whatever AWS does not document is unknown.
//!
//! Sources: "Creating Amazon EventBridge event patterns" and
//! "Comparison operators for use in event patterns in Amazon EventBridge" in the Amazon EventBridge user guide.

mod leaf;
mod parse;
#[cfg(test)]
mod tests;

use serde_json::Value;

use leaf::Test;

/// A rule's event pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct EventPattern(Fields);

/// Whether a pattern matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The rule gets the event.
    Yes,
    /// The rule does not get it.
    No,
    /// It depends on something that this code does not know; ask `TestEventPattern`.
    Unknown,
}

/// Why a text is not an event pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternFault {
    /// It is not JSON.
    #[error("the event pattern is not JSON at line {line}, column {column}")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// It is JSON and not an object.
    #[error("the event pattern is not an object")]
    NotAnObject,
    /// A field has neither an object nor a list with at least one value.
    #[error("`{field}` in the event pattern is neither an object nor a list of values")]
    NotAField {
        /// The path of the field, joined with dots.
        field: String,
    },
}

/// The fields of an object, which must all match.
#[derive(Clone, Debug, Default, PartialEq)]
struct Fields {
    named: Vec<(String, Node)>,
    /// Each a `$or`, of which one alternative must match.
    alternatives: Vec<Vec<Fields>>,
    /// Names that stand in several of the above, and so may reach into one array twice.
    shared: Vec<String>,
}

/// What a field must be.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Object(Fields),
    /// One of the tests must match.
    Leaf(Vec<Test>),
    /// A use of `$or` that AWS may read as a plain field.
    Unknown,
}

impl EventPattern {
    /// Reads a pattern, as `DescribeRule` and `ListRules` give it.
    ///
    /// # Errors
    ///
    /// [`PatternFault`]. An operator that this code does not know is not one.
    pub fn parse(text: &str) -> Result<Self, PatternFault> {
        parse::pattern(text).map(Self)
    }

    /// Whether an event, with its whole envelope, matches.
    pub fn matches(&self, event: &Value) -> Match {
        self.0.matches(Some(event))
    }
}

impl Fields {
    /// Matches what stands in the object's place; nothing, a text or a number there means that all of its fields are absent.
    fn matches(&self, value: Option<&Value>) -> Match {
        match value {
            Some(Value::Array(items)) => self.matches_one_of(items),
            Some(Value::Object(object)) => self.matches_each(&|name| object.get(name)),
            _ => self.matches_each(&|_| None),
        }
    }

    fn matches_each<'a>(&self, value: &dyn Fn(&str) -> Option<&'a Value>) -> Match {
        let fields = self.named.iter().map(|(name, node)| node.matches(value(name)));
        // An alternative is about fields of the same object.
        let alternatives = self
            .alternatives
            .iter()
            .map(|alternatives| any_of(alternatives.iter().map(|fields| fields.matches_each(value))));
        match all_of(fields.chain(alternatives)) {
            // Both mentions of an array must be met by one of its elements, and each was looked at alone.
            Match::Yes if self.shared.iter().any(|name| value(name).is_some_and(holds_array)) => Match::Unknown,
            result => result,
        }
    }

    /// All fields below an array must be met by one and the same element.
    fn matches_one_of(&self, items: &[Value]) -> Match {
        let mut objects = Vec::new();
        collect(items, &mut |item| {
            if item.is_object() {
                objects.push(item);
            }
        });
        if objects.is_empty() {
            return self.matches(None);
        }
        let results: Vec<_> = objects.into_iter().map(|object| self.matches(Some(object))).collect();
        // Whether a field that only some elements have counts as absent is not documented.
        if self.asks_for_absence() && results.iter().any(|result| Some(result) != results.first()) {
            return Match::Unknown;
        }
        any_of(results.into_iter())
    }

    fn asks_for_absence(&self) -> bool {
        let in_field = self.named.iter().any(|(_, node)| match node {
            Node::Object(fields) => fields.asks_for_absence(),
            Node::Leaf(tests) => tests.contains(&Test::Exists(false)),
            Node::Unknown => false,
        });
        in_field || self.alternatives.iter().flatten().any(Self::asks_for_absence)
    }
}

impl Node {
    fn matches(&self, value: Option<&Value>) -> Match {
        match self {
            Self::Object(fields) => fields.matches(value),
            Self::Leaf(tests) => any_of(tests.iter().map(|test| test.matches(value))),
            Self::Unknown => Match::Unknown,
        }
    }
}

/// Yes when all are yes.
fn all_of(results: impl Iterator<Item = Match>) -> Match {
    results.fold(Match::Yes, |all, one| match (all, one) {
        (Match::No, _) | (_, Match::No) => Match::No,
        (Match::Unknown, _) | (_, Match::Unknown) => Match::Unknown,
        (Match::Yes, Match::Yes) => Match::Yes,
    })
}

/// Yes when one is yes.
fn any_of(results: impl Iterator<Item = Match>) -> Match {
    not(all_of(results.map(not)))
}

fn not(result: Match) -> Match {
    match result {
        Match::Yes => Match::No,
        Match::No => Match::Yes,
        Match::Unknown => Match::Unknown,
    }
}

/// Gives every item of an array that is not an array itself: arrays in arrays count as one.
fn collect<'a>(items: &'a [Value], take: &mut impl FnMut(&'a Value)) {
    for item in items {
        match item {
            Value::Array(items) => collect(items, take),
            item => take(item),
        }
    }
}

fn holds_array(value: &Value) -> bool {
    match value {
        Value::Array(_) => true,
        Value::Object(object) => object.values().any(holds_array),
        _ => false,
    }
}
