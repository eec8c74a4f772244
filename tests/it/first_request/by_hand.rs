//! The commands of `docs/first-request.md`, typed against the local stack as their readers do it.

use std::process::Command;

use pipeline_tests::{
    Stack,
    first_request::{Example, Language},
};
use serde_json::Value;

/// What stands between the fences of the page's block of that name.
fn block(name: &str) -> String {
    let page = include_str!("../../../docs/first-request.md");
    let (_, rest) = page.split_once(&format!("```sh {name}\n")).unwrap_or_else(|| panic!("no block `{name}`"));
    rest.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_pages_commands_sign_a_user_up_and_get_the_row_from_an_example() {
    let stack = Stack::shared().unwrap();
    let example = Example::start(Language::Python, &stack.database_url, &stack.issuer, &stack.client_id).unwrap();
    let script = block("by-hand").replace(":8000", &format!(":{}", example.port()));
    let mut shell = Command::new("sh");
    shell.args(["-euc", &script]).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    let output = shell.envs(stack.environment()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    let row: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap_or_else(|_| panic!("{said}"));
    assert_eq!((row["email"].as_str(), row["is_active"].as_bool()), (Some("ada@example.com"), Some(true)), "{said}");
}
