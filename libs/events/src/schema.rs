//! The JSON Schema for other languages: generated from the types, and a test that it has not drifted.
//!
//! Compiled for tests only, so that no binary carries a schema library.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::{Value, json};

use crate::{CognitoSub, Text, UserConfirmed};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/user-confirmed.v1.json");

impl JsonSchema for CognitoSub {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "CognitoSub".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "uuid" })
    }
}

/// What a reader keeps: anything else than such a text becomes null.
impl JsonSchema for Text<'_> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": Text::MAX_CHARS, "pattern": "^[^\\u0000]*$" })
    }
}

fn generated() -> Value {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<UserConfirmed<'_>>();
    let mut schema = serde_json::to_value(schema).unwrap();
    schema["title"] = json!("UserConfirmed v1");
    schema
}

/// A whole detail, as a writer makes it.
fn golden_detail() -> Value {
    let golden =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/golden/custom-attributes.json")).unwrap();
    serde_json::from_str::<Value>(&golden).unwrap()["detail"].take()
}

#[test]
fn the_schema_file_is_what_the_types_say() {
    let text = format!("{:#}\n", generated());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(FILE, &text).unwrap();
    }
    let file = std::fs::read_to_string(FILE).unwrap_or_default();
    assert_eq!(
        file, text,
        "the types and the schema differ; run `UPDATE_SCHEMA=1 cargo test -p rollcall-events` and read the diff"
    );
}

#[test]
fn the_schema_names_exactly_the_fields_that_are_written() {
    let (golden, schema) = (golden_detail(), generated());
    for (part, definition) in [("metadata", "Metadata"), ("data", "UserData")] {
        let named = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let in_schema = named(&schema["$defs"][definition]["properties"]);
        assert_eq!(in_schema, named(&golden[part]), "{part}");
    }
}

#[test]
fn the_schema_requires_exactly_what_a_reader_needs() {
    let schema = generated();
    let mut seen = Vec::new();
    for (place, object) in
        [("", &schema), ("/metadata", &schema["$defs"]["Metadata"]), ("/data", &schema["$defs"]["UserData"])]
    {
        let required: Vec<&str> =
            object["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        for name in object["properties"].as_object().unwrap().keys() {
            let mut detail = golden_detail();
            let removed = detail.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(name);
            assert!(removed.is_some(), "{place}/{name} is not in the golden event");
            let is_needed = UserConfirmed::from_detail(&detail.to_string()).is_err();
            assert_eq!(required.contains(&name.as_str()), is_needed, "{place}/{name}");
            seen.extend(is_needed.then(|| format!("{place}/{name}")));
        }
    }
    let needed = [
        "/data",
        "/metadata",
        "/metadata/event_id",
        "/metadata/occurred_at",
        "/metadata/origin",
        "/metadata/version",
        "/data/cognito_sub",
    ];
    assert_eq!(seen, needed, "docs/event-contract.md names them");
}
