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
    let golden =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/golden/custom-attributes.json")).unwrap();
    let golden: Value = serde_json::from_str(&golden).unwrap();
    let schema = generated();
    for (part, definition) in [("metadata", "Metadata"), ("data", "UserData")] {
        let named = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let in_schema = named(&schema["$defs"][definition]["properties"]);
        assert_eq!(in_schema, named(&golden["detail"][part]), "{part}");
    }
}
