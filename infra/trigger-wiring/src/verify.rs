//! What became different between two images of a pool, by name and never by value.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::image::Image;

/// The settings in which two images differ, such as `Policies.PasswordPolicy.MinimumLength`, in alphabetical order.
///
/// Requests are compared and not descriptions: a description also holds what the service computes, and would give false alarms.
/// Lists are compared without their order, which Cognito does not promise.
pub fn differences(expected: &Image, found: &Image) -> Vec<String> {
    let mut names = Vec::new();
    compare_members(None, expected.request(), found.request(), &mut names);
    compare("DcrConfiguration", expected.kept(), found.kept(), &mut names);
    names.sort();
    names
}

/// The members in which two objects differ, each named below `prefix`.
pub fn differences_below(prefix: &str, expected: &Map<String, Value>, found: &Map<String, Value>) -> Vec<String> {
    let mut names = Vec::new();
    compare_members(Some(prefix), expected, found, &mut names);
    names
}

fn compare_members(
    prefix: Option<&str>,
    expected: &Map<String, Value>,
    found: &Map<String, Value>,
    names: &mut Vec<String>,
) {
    let members: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    for member in members {
        let name = prefix.map_or_else(|| member.clone(), |prefix| format!("{prefix}.{member}"));
        compare(&name, expected.get(member), found.get(member), names);
    }
}

fn compare(name: &str, expected: Option<&Value>, found: Option<&Value>, names: &mut Vec<String>) {
    match (expected, found) {
        (Some(Value::Object(expected)), Some(Value::Object(found))) => {
            compare_members(Some(name), expected, found, names);
        }
        (Some(expected), Some(found)) if same(expected, found) => {}
        (None, None) => {}
        _ => names.push(name.to_owned()),
    }
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => in_order(one) == in_order(other),
        _ => one == other,
    }
}

/// The items of a list as texts, sorted.
fn in_order(items: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = items.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn image(settings: Value) -> Image {
        let Value::Object(mut settings) = settings else { panic!() };
        settings.insert("Id".to_owned(), json!("eu-west-1_Ab12Cd34E"));
        settings.insert("Name".to_owned(), json!("people"));
        Image::of(settings).unwrap()
    }

    #[test]
    fn a_changed_a_lost_and_a_new_setting_are_named_and_no_value_is_shown() {
        let before = image(json!({
            "Policies": { "PasswordPolicy": { "MinimumLength": 12, "RequireNumbers": true } },
            "MfaConfiguration": "ON",
            "EmailConfiguration": { "From": "ada@example.com" },
        }));
        let after = image(json!({
            "Policies": { "PasswordPolicy": { "MinimumLength": 8, "RequireNumbers": true } },
            "EmailConfiguration": { "From": "eve@example.com" },
            "UserPoolTags": { "team": "identity" },
        }));
        let names =
            ["EmailConfiguration.From", "MfaConfiguration", "Policies.PasswordPolicy.MinimumLength", "UserPoolTags"];
        assert_eq!(differences(&before, &after), names);
    }

    #[test]
    fn what_the_service_computes_and_the_order_of_a_list_are_no_difference() {
        let before = image(json!({
            "EstimatedNumberOfUsers": 1, "LastModifiedDate": 1.5, "AutoVerifiedAttributes": ["email", "phone_number"],
            "AdminCreateUserConfig": { "UnusedAccountValidityDays": 7 },
            "Policies": { "PasswordPolicy": { "TemporaryPasswordValidityDays": 7 } },
        }));
        let after = image(json!({
            "EstimatedNumberOfUsers": 9, "LastModifiedDate": 2.5, "AutoVerifiedAttributes": ["phone_number", "email"],
            "AdminCreateUserConfig": { "UnusedAccountValidityDays": 3 },
            "Policies": { "PasswordPolicy": { "TemporaryPasswordValidityDays": 7 } },
        }));
        assert_eq!(differences(&before, &after), Vec::<String>::new());
        let list = |items: Value| image(json!({ "AutoVerifiedAttributes": items }));
        let twice = (list(json!(["email", "email"])), list(json!(["email"])));
        assert_eq!(differences(&twice.0, &twice.1), ["AutoVerifiedAttributes"]);
    }

    #[test]
    fn members_are_named_below_their_prefix() {
        let members =
            |on: bool| Map::from_iter([("SoftwareTokenMfaConfiguration".to_owned(), json!({ "Enabled": on }))]);
        let names = differences_below("MfaConfig", &members(true), &members(false));
        assert_eq!(names, ["MfaConfig.SoftwareTokenMfaConfiguration.Enabled"]);
    }
}
