//! jq expressions, compiled once and run for each message.

use anyhow::{anyhow, bail};
use jaq_core::{
    Compiler, Ctx, Vars,
    data::JustLut,
    load::{Arena, File, Loader},
    unwrap_valr,
};
use jaq_json::{Val, read};
use serde::de::IgnoredAny;

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

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Runs the expression over a JSON text and gives back its one result as JSON.
    ///
    /// Numbers keep every digit and objects the order of their keys.
    ///
    /// # Errors
    ///
    /// The text is not JSON, the expression fails on it, gives none or several results, or one that is not JSON.
    /// No value is quoted.
    pub fn run(&self, json: &str) -> anyhow::Result<String> {
        let Ok(input) = read::parse_single(json.as_bytes()) else { bail!("the body is not JSON") };
        let context = Ctx::<JustLut<Val>>::new(&self.filter.lut, Vars::new([]));
        let mut results = self.filter.id.run((context, input)).map(unwrap_valr);
        // The text of jq's error quotes values of the message.
        let failed = || anyhow!("`{}` fails on it", self.text);
        match (results.next(), results.next()) {
            (Some(Ok(value)), None) => self.json(&value),
            (Some(Err(_)), _) | (_, Some(Err(_))) => Err(failed()),
            (None, _) => bail!("`{}` gives no result for it", self.text),
            (Some(Ok(_)), Some(Ok(_))) => bail!("`{}` gives several results for it", self.text),
        }
    }

    /// A result as JSON. jq writes `NaN` as `null`, and jaq writes it as it is; either would be another body than was asked for.
    fn json(&self, value: &Val) -> anyhow::Result<String> {
        let text = value.to_string();
        if serde_json::from_str::<IgnoredAny>(&text).is_err() {
            // jaq's own values go further than JSON's: bytes, and keys that are not strings.
            let not_a_number = text.contains("NaN") || text.contains("Infinity");
            let what = if not_a_number { "NaN or Infinity" } else { "a value" };
            bail!("`{}` gives {what}, which JSON does not have", self.text);
        }
        Ok(text)
    }

    /// Whether one of the expression's results is anything but `false` and `null`: jq's `select` passes a message on for each of these.
    /// None when the expression fails before it has such a result.
    pub fn matches(&self, json: &str) -> Option<bool> {
        let input = read::parse_single(json.as_bytes()).ok()?;
        let context = Ctx::<JustLut<Val>>::new(&self.filter.lut, Vars::new([]));
        for result in self.filter.id.run((context, input)).map(unwrap_valr) {
            let text = self.json(&result.ok()?).ok()?;
            if text != "false" && text != "null" {
                return Some(true);
            }
        }
        Some(false)
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
    fn a_result_that_is_not_json_is_an_error() {
        let error = |text| Jq::compile(text).unwrap().run(r#"{"a":1}"#).expect_err(text).to_string();
        for text in ["nan", "infinite", "-infinite", "{a: nan}", "[1, infinite]"] {
            assert_eq!(error(text), format!("`{text}` gives NaN or Infinity, which JSON does not have"));
            assert_eq!(Jq::compile(text).unwrap().matches("1"), None, "{text}");
        }
        assert_eq!(error("{(.a): 1}"), "`{(.a): 1}` gives a value, which JSON does not have");
    }

    #[test]
    fn numbers_keep_every_digit() {
        let jq = Jq::compile(".b = .a").unwrap();
        for number in ["12345678901234567890123", "0.10", "1.0", "-0.0", "1e2", "1.50E+03", "9007199254740993"] {
            let body = format!(r#"{{"a":{number}}}"#);
            assert_eq!(jq.run(&body).unwrap(), format!(r#"{{"a":{number},"b":{number}}}"#));
        }
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
        for text in [".a.b == 2", ".a", "0", "\"\"", "false, 1, error"] {
            assert_eq!(matches(text), Some(true), "{text}");
        }
        for text in [".a.b == 3", ".c", "empty"] {
            assert_eq!(matches(text), Some(false), "{text}");
        }
        for text in [".a.b.c", "false, error, 1", ".a + 1"] {
            assert_eq!(matches(text), None, "{text}");
        }
        assert_eq!(matches(".a.b == (1, 2, 3)"), Some(true), "one of several results is enough");
        assert_eq!(matches("repeat(1)"), Some(true), "the first result that counts ends it");
    }
}
