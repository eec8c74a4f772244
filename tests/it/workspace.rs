//! The shape of the workspace: which crate may know which, and that the parts speak of the same things.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use pipeline_tests::Stack;
use serde_json::Value;

/// The crates that run; the libraries are what they share.
const RUNNING: [&str; 6] = ["producer", "consumer", "dlq-replayer", "trigger-wiring", "pipeline-tests", "xtask"];

const LIBRARIES: [&str; 3] = ["rollcall-events", "rollcall-aws-runtime", "rollcall-custom-resource"];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The dependencies of one member that go into what it builds, tests' own left out.
fn dependencies(member: &str) -> BTreeSet<String> {
    let metadata = metadata();
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
fn the_log_knows_every_crate_of_ours_that_writes_to_it() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let writes = |package: &&Value| {
        let name = package["name"].as_str().unwrap();
        name != "pipeline-tests" && dependencies(name).contains("tracing")
    };
    let targets = packages.filter(writes).flat_map(|package| package["targets"].as_array().unwrap());
    let crates = targets.filter(|target| target["kind"] != serde_json::json!(["example"]));
    let names: BTreeSet<_> = crates.map(|target| target["name"].as_str().unwrap().replace('-', "_")).collect();
    assert_eq!(names, rollcall_aws_runtime::logging::OWN_CRATES.map(str::to_owned).into());
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

/// The rooms of the replayer: each may know those behind it, and none before it.
const ROOMS: [&str; 6] = ["cli", "run", "report", "rules", "journal", "sqs"];

/// The source files below a folder.
fn sources(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The rooms that a text names behind `crate::`, alone or in a list.
fn rooms_named(text: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let word = |text: &str| text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>();
    for rest in text.split("crate::").skip(1) {
        let Some(list) = rest.strip_prefix('{') else {
            named.insert(word(rest));
            continue;
        };
        let (mut depth, mut first) = (0, true);
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => first = true,
                c if first && c.is_ascii_lowercase() => {
                    named.insert(word(&list[at..]));
                    first = false;
                }
                _ => {}
            }
        }
    }
    named
}

#[test]
fn the_replayers_rooms_import_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dlq-replayer/src");
    for (at, room) in ROOMS.iter().enumerate() {
        for file in sources(&root.join(room)) {
            let text = std::fs::read_to_string(&file).unwrap();
            for named in rooms_named(&text) {
                let place = ROOMS.iter().position(|room| *room == named);
                let place = place.unwrap_or_else(|| panic!("{}: `{named}` is not a room", file.display()));
                assert!(place >= at, "{}: `{room}` must not know `{named}`", file.display());
            }
        }
    }
    assert_eq!(sources(&root).len() - 2, ROOMS.iter().map(|room| sources(&root.join(room)).len()).sum::<usize>());
}

#[test]
fn the_replayers_rules_have_no_input_and_output() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dlq-replayer/src/rules");
    for file in sources(&root) {
        let text = std::fs::read_to_string(&file).unwrap();
        for outside in ["std::fs", "std::io", "std::net", "std::env", "tokio", "Client", "async "] {
            assert!(!text.contains(outside), "{}: {outside}", file.display());
        }
    }
}

#[test]
fn no_queue_of_the_replayer_is_a_trait() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dlq-replayer/src");
    for room in ["run", "sqs"] {
        for file in sources(&src.join(room)) {
            let text = std::fs::read_to_string(&file).unwrap();
            // What is done with a message is one: a dry run and a scan look at it differently.
            let mut traits = text.lines().filter(|line| line.trim_start_matches("pub ").starts_with("trait "));
            let declared = traits.find(|line| *line != "pub trait Visit {");
            assert_eq!(declared, None, "{}: what SQS does wrong is made at the wire", file.display());
        }
    }
}

/// The file of a folder, and tests, need no line of their own.
const WITHOUT_A_LINE: [&str; 2] = ["mod.rs", "tests.rs"];

#[test]
fn the_architecture_has_a_line_for_each_file_of_the_replayer_and_for_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let (_, tree) = page.split_once("```\ndlq-replayer/src/\n").unwrap();
    let (tree, _) = tree.split_once("```").unwrap();
    let first_words = tree.lines().filter_map(|line| line.split_whitespace().next());
    let mut named: Vec<_> = first_words.filter(|word| word.ends_with(".rs")).map(str::to_owned).collect();
    let name = |path: std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut there: Vec<_> = sources(&root.join("dlq-replayer/src")).into_iter().map(name).collect();
    there.retain(|name| !WITHOUT_A_LINE.contains(&name.as_str()));
    named.sort();
    there.sort();
    assert_eq!(named, there);
}

#[test]
fn the_names_of_rooms_are_read_off_every_form_of_import() {
    let text =
        "use crate::{\n    run::{a, b},\n    sqs::queue::Queue,\n};\nuse crate::cli::x; fn f(m: &crate::report::y) {}";
    assert_eq!(rooms_named(text), ["cli", "report", "run", "sqs"].map(str::to_owned).into());
}

#[test]
fn the_rule_of_the_template_matches_the_words_that_the_producer_publishes() {
    let stack = Stack::shared().unwrap();
    let template = std::fs::read_to_string(stack.assembly.join("RollcallPipeline.template.json")).unwrap();
    let template: Value = serde_json::from_str(&template).unwrap();
    let resources = template["Resources"].as_object().unwrap().values();
    // A schedule is a rule without a pattern.
    let rules: Vec<_> = resources
        .filter(|resource| {
            resource["Type"] == "AWS::Events::Rule" && resource["Properties"]["EventPattern"].is_object()
        })
        .collect();
    assert_eq!(rules.len(), 1);
    let pattern = &rules[0]["Properties"]["EventPattern"];
    assert_eq!(pattern["source"], serde_json::json!([rollcall_events::SOURCE]));
    assert_eq!(pattern["detail-type"], serde_json::json!([rollcall_events::DETAIL_TYPE]));
}

/// Every page below a folder, without what is installed, built or vendored.
fn pages_below(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        let ours = !["node_modules", "target", "third-party", ".git"].iter().any(|other| name == *other);
        if path.is_dir() && ours {
            pages_below(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}

#[test]
fn every_page_links_to_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut pages = Vec::new();
    pages_below(&root, &mut pages);
    assert!(pages.len() > 40, "{} pages", pages.len());
    let mut broken = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        for link in links.filter(|link| !link.starts_with("http") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap();
            if !page.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}
