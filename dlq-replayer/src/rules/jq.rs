//! jq expressions, compiled once and run for each message.

use anyhow::{anyhow, bail};
use jaq_core::{
    Compiler, Ctx, Vars,
    data::JustLut,
    load::{Arena, File, Loader},
    unwrap_valr,
};
use jaq_json::{Val, read};

type Filter = jaq_core::compile::Filter<jaq_core::Native<JustLut<Val>>>;

/// A jq expression.
pub struct Jq {
    text: String,
    filter: Filter,
}

impl Jq {
    /// Compiles an expression.
    ///
    /// # Errors
    ///
    /// It is not jq; the text says where.
    pub fn compile(text: &str) -> anyhow::Result<Self> {
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let program = File { code: text, path: () };
        let modules = Loader::new(definitions)
            .load(&arena, program)
            .map_err(|errors| anyhow!("`{text}` is not a jq expression: {}", load_fault(&errors)))?;
        let filter = Compiler::default().with_funs(functions).compile(modules).map_err(|errors| {
            let names = errors.iter().flat_map(|(_, undefined)| undefined.iter().map(|(name, _)| (*name).to_owned()));
            anyhow!("`{text}` is not a jq expression: unknown {}", names.collect::<Vec<_>>().join(", "))
        })?;
        Ok(Self { text: text.to_owned(), filter })
    }

    /// Runs the expression over a JSON text and gives back its one result as JSON.
    ///
    /// Numbers keep every digit and objects the order of their keys.
    ///
    /// # Errors
    ///
    /// The text is not JSON, the expression fails on it, or gives none or several results. No value is quoted.
    pub fn run(&self, json: &str) -> anyhow::Result<String> {
        let Ok(input) = read::parse_single(json.as_bytes()) else { bail!("the body is not JSON") };
        let context = Ctx::<JustLut<Val>>::new(&self.filter.lut, Vars::new([]));
        let mut results = self.filter.id.run((context, input)).map(unwrap_valr);
        // The text of jq's error quotes values of the message.
        let failed = || anyhow!("`{}` fails on it", self.text);
        match (results.next(), results.next()) {
            (Some(Ok(value)), None) => Ok(value.to_string()),
            (Some(Err(_)), _) | (_, Some(Err(_))) => Err(failed()),
            (None, _) => bail!("`{}` gives no result for it", self.text),
            (Some(Ok(_)), Some(Ok(_))) => bail!("`{}` gives several results for it", self.text),
        }
    }

    /// Whether the expression says anything but `false` and `null`, as jq's `select` understands it.
    /// An expression that fails on a message does not match it.
    pub fn matches(&self, json: &str) -> bool {
        self.run(json).is_ok_and(|value| value != "false" && value != "null")
    }
}

fn load_fault(errors: &jaq_core::load::Errors<&str, ()>) -> String {
    use jaq_core::load::Error;
    let fault = |error: &Error<&str>| match error {
        Error::Io(_) => "no other file can be read".to_owned(),
        Error::Lex(faults) => faults.first().map_or_else(String::new, |(expected, rest)| near(expected.as_str(), rest)),
        Error::Parse(faults) => {
            faults.first().map_or_else(String::new, |(expected, rest)| near(expected.as_str(), rest))
        }
    };
    errors.iter().map(|(_, error)| fault(error)).collect::<Vec<_>>().join("; ")
}

/// How much of the rest of an expression shows where the fault is, in characters.
const SHOWN: usize = 20;

fn near(expected: &str, rest: &str) -> String {
    let rest: String = rest.chars().take(SHOWN).collect();
    if rest.is_empty() { format!("expected {expected} at its end") } else { format!("expected {expected} at `{rest}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_changes_what_it_names_and_nothing_else() {
        let jq = Jq::compile(r#".detail.name = "Ada""#).unwrap();
        let body = r#"{"z":12345678901234567890.10,"detail":{"name":"","b":[1,null]},"a":1}"#;
        let edited = r#"{"z":12345678901234567890.10,"detail":{"name":"Ada","b":[1,null]},"a":1}"#;
        assert_eq!(jq.run(body).unwrap(), edited);
    }

    #[test]
    fn what_cannot_be_run_says_why_and_quotes_no_value() {
        let error = |text, json| Jq::compile(text).unwrap().run(json).unwrap_err().to_string();
        assert_eq!(error(".a", "not json"), "the body is not JSON");
        assert_eq!(error(".a", "[\"marker\"]"), "`.a` fails on it");
        assert_eq!(error("empty", "1"), "`empty` gives no result for it");
        assert_eq!(error("., .", "1"), "`., .` gives several results for it");
    }

    #[test]
    fn a_text_that_is_not_jq_is_refused_with_the_place() {
        let error = |text| Jq::compile(text).err().unwrap().to_string();
        assert!(error(".a |").contains("is not a jq expression"), "{}", error(".a |"));
        assert!(error("nope(1)").contains("unknown nope"), "{}", error("nope(1)"));
    }

    #[test]
    fn matching_is_as_jqs_select_understands_it() {
        let matches = |text| Jq::compile(text).unwrap().matches(r#"{"a":{"b":2}}"#);
        assert!(matches(".a.b == 2") && matches(".a") && matches("0"));
        assert!(!matches(".a.b == 3") && !matches(".c") && !matches(".a.b.c"));
    }
}
