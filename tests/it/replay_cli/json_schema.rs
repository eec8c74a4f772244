//! What the schemas of `dlq-replayer/schema` need of JSON Schema, in the way that `schemars` writes them.

use serde_json::{Map, Value, json};

/// Keywords that are checked here, and those that say nothing that can be wrong.
const KNOWN: [&str; 18] = [
    "$ref",
    "type",
    "enum",
    "const",
    "anyOf",
    "oneOf",
    "allOf",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "minimum",
    "maximum",
    "format",
    "description",
    "title",
    "default",
    "$schema",
];

/// What is wrong with a document according to a schema of `dlq-replayer/schema`; empty when nothing is.
pub(super) fn validate(name: &str, document: &Value) -> Vec<String> {
    let path = format!("{}/../dlq-replayer/schema/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let root: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut wrong = Vec::new();
    check(&root, &root, document, "$", &mut wrong);
    wrong
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let Some(schema) = schema.as_object() else { return };
    for keyword in schema.keys().filter(|keyword| !KNOWN.contains(&keyword.as_str()) && *keyword != "$defs") {
        wrong.push(format!("{at}: `{keyword}` is not known here"));
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let to = root.pointer(reference.trim_start_matches('#')).unwrap();
        check(root, to, value, at, wrong);
    }
    for keyword in ["anyOf", "oneOf"] {
        let Some(any) = schema.get(keyword).and_then(Value::as_array) else { continue };
        if !any.iter().any(|one| errors(root, one, value, at).is_empty()) {
            wrong.push(format!("{at}: {value} matches nothing in `{keyword}`"));
        }
    }
    for all in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        check(root, all, value, at, wrong);
    }
    let allowed = schema.get("enum").and_then(Value::as_array);
    if allowed.is_some_and(|allowed| !allowed.contains(value)) || schema.get("const").is_some_and(|one| one != value) {
        wrong.push(format!("{at}: {value} is not allowed"));
    }
    if let Some(types) = schema.get("type")
        && !types.as_array().unwrap_or(&vec![types.clone()]).iter().any(|kind| is(kind, value))
    {
        wrong.push(format!("{at}: {value} is not of type {types}"));
    }
    check_object(root, schema, value, at, wrong);
    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
        check(root, schema.get("items").unwrap_or(&json!(true)), item, &format!("{at}[{number}]"), wrong);
    }
}

fn errors(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    check(root, schema, value, at, &mut wrong);
    wrong
}

fn check_object(root: &Value, schema: &Map<String, Value>, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let Some(object) = value.as_object() else { return };
    for required in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(required) {
            wrong.push(format!("{at}: `{required}` is missing"));
        }
    }
    for (key, value) in object {
        let of_property = schema.get("properties").and_then(|properties| properties.get(key));
        match of_property.or(schema.get("additionalProperties")) {
            Some(Value::Bool(false)) => wrong.push(format!("{at}: `{key}` is not allowed")),
            Some(schema) => check(root, schema, value, &format!("{at}.{key}"), wrong),
            None => {}
        }
    }
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("number") => value.is_number(),
        _ => false,
    }
}

#[test]
fn what_does_not_match_is_named() {
    let document = json!({ "visible": "1", "in_flight": 0 });
    let wrong = validate("watch", &document);
    assert!(wrong.iter().any(|one| one.contains("$.visible")), "{wrong:?}");
    assert!(wrong.iter().any(|one| one.contains("`delayed` is missing")), "{wrong:?}");
}
