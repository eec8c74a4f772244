//! The shape of the workspace: which crate may know which, and that the parts speak of the same things.

use std::{collections::BTreeSet, path::Path, process::Command};

use pipeline_tests::Stack;
use serde_json::Value;

/// The crates that run; the libraries are what they share.
const RUNNING: [&str; 6] = ["producer", "consumer", "dlq-replayer", "trigger-wiring", "pipeline-tests", "xtask"];

const LIBRARIES: [&str; 3] = ["rollcall-events", "rollcall-aws-runtime", "rollcall-custom-resource"];

/// The dependencies of one member that go into what it builds, tests' own left out.
fn dependencies(member: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == member).unwrap();
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    dependencies
        .filter(|dependency| dependency["kind"].is_null())
        .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_arrows_between_the_crates_point_one_way() {
    for library in LIBRARIES {
        let known = dependencies(library);
        assert!(RUNNING.iter().all(|running| !known.contains(*running)), "{library} knows what runs");
    }
    for running in ["producer", "consumer", "dlq-replayer", "trigger-wiring"] {
        let known = dependencies(running);
        assert!(RUNNING.iter().all(|other| !known.contains(*other)), "{running} knows another one that runs");
    }
    assert!(dependencies("xtask").is_empty(), "xtask must start in seconds");
}

#[test]
fn the_contract_knows_no_aws_no_runtime_and_no_database() {
    for dependency in dependencies("rollcall-events") {
        let foreign = ["aws", "tokio", "sqlx", "lambda", "hyper"].iter().any(|word| dependency.contains(word));
        assert!(!foreign, "{dependency}");
    }
}

#[test]
fn the_wiring_knows_no_typed_client_and_nothing_of_the_pipeline() {
    let known = dependencies("trigger-wiring");
    // A typed client drops settings that are newer than itself, and UpdateUserPool resets what it is not sent.
    assert!(known.iter().all(|dependency| !dependency.starts_with("aws-sdk-")), "{known:?}");
    assert!(!known.contains("rollcall-events"), "a pool's settings are not the contract's business");
}

#[test]
fn the_custom_resource_does_not_know_what_the_resource_is() {
    let known = dependencies("rollcall-custom-resource");
    assert!(known.iter().all(|dependency| !dependency.starts_with("aws-sdk-")), "{known:?}");
    assert!(!known.contains("rollcall-events"), "{known:?}");
}

#[test]
fn sqlx_and_backoff_are_only_where_they_belong() {
    let users = |dependency: &str| -> Vec<&str> {
        LIBRARIES.into_iter().chain(RUNNING).filter(|member| dependencies(member).contains(dependency)).collect()
    };
    assert_eq!(users("sqlx"), ["consumer", "pipeline-tests"]);
    assert_eq!(users("backoff"), ["rollcall-aws-runtime"]);
}

#[test]
fn the_rule_of_the_template_matches_the_words_that_the_producer_publishes() {
    let stack = Stack::shared().unwrap();
    let template = std::fs::read_to_string(stack.assembly.join("RollcallPipeline.template.json")).unwrap();
    let template: Value = serde_json::from_str(&template).unwrap();
    let resources = template["Resources"].as_object().unwrap().values();
    let rules: Vec<_> = resources.filter(|resource| resource["Type"] == "AWS::Events::Rule").collect();
    assert_eq!(rules.len(), 1);
    let pattern = &rules[0]["Properties"]["EventPattern"];
    assert_eq!(pattern["source"], serde_json::json!([rollcall_events::SOURCE]));
    assert_eq!(pattern["detail-type"], serde_json::json!([rollcall_events::DETAIL_TYPE]));
}

#[test]
fn the_readme_and_the_architecture_link_to_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for page in [
        "README.md",
        "ARCHITECTURE.md",
        "infra/README.md",
        "tests/README.md",
        "docs/outage.md",
        "docs/runbook.md",
        "docs/configuration.md",
        "docs/deploying/README.md",
        "docs/deploying/new-pool.md",
        "docs/deploying/existing-pool.md",
        "docs/deploying/existing-database.md",
        "docs/deploying/existing-table.md",
        "docs/deploying/checklist.md",
        "docs/deploying/undo.md",
        "docs/deploying/cost.md",
        "docs/deploying/not-tried.md",
    ] {
        let page = root.join(page);
        let text = std::fs::read_to_string(&page).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        for link in links.filter(|link| !link.starts_with("http")) {
            let file = link.split('#').next().unwrap();
            assert!(page.parent().unwrap().join(file).exists(), "{}: {link}", page.display());
        }
    }
}
