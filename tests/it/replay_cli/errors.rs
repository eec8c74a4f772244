//! Errors say what failed and what to do about it.

use pipeline_tests::sqs_model::{self, Fault, OTHER_REGION};

use super::{DLQ, SOURCE, Scene};

#[test]
fn errors_say_what_to_do() {
    let scene = Scene::new();
    insta::assert_snapshot!("no_such_queue", scene.said(&["triage", "order-dlq"]));
    insta::assert_snapshot!("nothing_similar", scene.said(&["triage", "zzzzzzzzzzzzzzzz"]));
    insta::assert_snapshot!("no_source", scene.said(&["replay", "quarantine"]));
    insta::assert_snapshot!("itself", scene.said(&["move", DLQ, "--to", DLQ, "--execute"]));
    insta::assert_snapshot!("not_jq", scene.said(&["replay", DLQ, "--edit", ".a ="]));
    insta::assert_snapshot!("not_an_age", scene.said(&["list", DLQ, "--older-than", "soon"]));
    insta::assert_snapshot!("no_such_run", scene.said(&["replay", DLQ, "--resume", "20261123T230856Z-goce"]));
    assert_eq!(scene.model.count(DLQ), 6);
    scene.assert_released();
}

#[test]
fn a_region_that_contradicts_the_queue_is_a_usage_error() {
    let scene = Scene::new();
    let arn = sqs_model::arn(DLQ);
    let said = scene.said(&["purge", &arn, "--region", OTHER_REGION, "--archive", &scene.file("a"), "--execute"]);
    insta::assert_snapshot!("contradiction", said);
    assert_eq!(scene.model.count(DLQ), 6);
}

#[test]
fn a_missing_permission_is_named() {
    for (operation, queue, command, hint) in [
        (
            "SendMessageBatch",
            "quarantine",
            &["move", DLQ, "--to", "quarantine", "--execute"][..],
            "allow `sqs:SendMessage` on `quarantine`",
        ),
        ("ReceiveMessage", DLQ, &["triage", DLQ], "allow `sqs:ReceiveMessage` on `orders-dlq`"),
        ("DeleteMessage", DLQ, &["replay", DLQ, "--execute"], "allow `sqs:DeleteMessage` on `orders-dlq`"),
        ("GetQueueAttributes", DLQ, &["triage", DLQ], "allow `sqs:GetQueueAttributes` on `orders-dlq`"),
        ("GetQueueUrl", DLQ, &["triage", DLQ], "allow `sqs:GetQueueUrl` on `orders-dlq`"),
    ] {
        let scene = Scene::new();
        scene.fault(operation, queue, |_| Fault::Refused(403, "AccessDenied"));
        let said = scene.run(command);
        assert_eq!(said.code, 1, "{operation}: {}", said.text());
        assert!(
            said.err.contains("error: ") && said.err.contains(&format!("hint: {hint}")),
            "{operation}: {}",
            said.err
        );
        assert_eq!(scene.model.count(DLQ), 6);
        scene.assert_released();
    }
    let scene = Scene::new();
    scene.fault("SendMessageBatch", "quarantine", |_| Fault::Refused(403, "AccessDenied"));
    insta::assert_snapshot!("access_denied", scene.said(&["move", DLQ, "--to", "quarantine", "--execute"]));
}

#[test]
fn without_credentials_a_region_or_a_network_the_hint_says_so() {
    let scene = Scene::new();
    let without = |change: &dyn Fn(&mut std::process::Command)| {
        let mut command = scene.replayer.command(&["triage", DLQ]).unwrap();
        change(&mut command);
        let said = Scene::run_command(&mut command);
        format!("exit {}\n{}", said.code, said.text())
    };
    insta::assert_snapshot!(
        "no_region",
        without(&|command| {
            command.env_remove("AWS_REGION");
        })
    );
    insta::assert_snapshot!(
        "no_credentials",
        without(&|command| {
            command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        })
    );
    // Port 9 of loopback, where nothing listens.
    insta::assert_snapshot!(
        "no_network",
        without(&|command| {
            command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        })
    );
}

#[test]
fn what_is_wrong_with_the_command_line_is_said_before_any_call() {
    let scene = Scene::new();
    std::fs::write(scene.file("edit.jq"), ".a |").unwrap();
    for command in [
        &["list", DLQ, "--older-than", "soon"][..],
        &["list", DLQ, "--older-than", "1y"],
        &["list", DLQ, "--older-than", "200000000h"],
        &["triage", DLQ, "--newer-than", "2mo"],
        &["list", DLQ, "--where", ".a |"],
        &["replay", DLQ, "--edit", ".a |"],
        &["replay", DLQ, "--edit-file", &scene.file("edit.jq")],
        &["triage", DLQ, "--group-by", "nope(1)"],
        &["edit", "nowhere", "--where", ".a |"],
        &["triage", "bad name!"],
        &["triage", ""],
        &["triage", "arn:aws:sqs:us-east-1:1:foo"],
        &["triage", "arn:aws:s3:::bucket"],
        &["triage", DLQ, "--older-than", "2h", "--newer-than", "1h"],
        &["move", DLQ, "--to", "quarantine", "--older-than", "2h", "--newer-than", "2h"],
        &["list", DLQ, "--reason", ""],
        &["list", DLQ, "--id", ""],
        &["list", DLQ, "--attribute", "=x"],
        &["list", DLQ, "--endpoint-url", "banana"],
        &["list", DLQ, "--region", "Mars"],
        &["replay", DLQ, "--to", SOURCE, "--drop-attributes"],
        &["replay", DLQ, "--drop-attributes"],
        &["replay", DLQ, "--reveal", "--execute"],
        &["preflight", DLQ, "--to-bus", "b", "--allow-unmatched"],
        &["preflight", DLQ, "--to-bus", "b", "--drop-attributes"],
    ] {
        let said = scene.run(command);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{command:?}: {}", said.text());
        assert!(said.err.starts_with("error: ") && said.err.lines().count() <= 8, "{command:?}: {}", said.err);
    }
    assert!(scene.model.calls().is_empty());
}

#[test]
fn what_is_wrong_with_a_file_is_said_before_any_call() {
    let scene = Scene::empty();
    std::fs::write(scene.file("bad.ndjson"), "{\"id\":\"a\",\"body\":\"b\"}\n{\"id\":\"marker\"}\n").unwrap();
    let bad = scene.file("bad.ndjson");
    for command in [&["replay", DLQ, "--from", "nowhere.ndjson"][..], &["replay", DLQ, "--from", &bad]] {
        let said = scene.run(command);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{command:?}: {}", said.text());
        assert!(said.err.contains("\nhint: ") && !said.err.contains("marker"), "{command:?}: {}", said.err);
    }
    let said = scene.run(&["list", &bad]);
    assert!(said.err.contains("line 2 of") && said.err.contains("is not a message: `body` is missing"), "{}", said.err);
    assert!(scene.model.calls().is_empty());
}

#[test]
fn a_hint_names_what_was_chosen() {
    let scene = Scene::empty();
    let folder = scene.replayer.home().join(".aws");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config"), "[profile nope]\nregion = eu-west-1\n").unwrap();
    let with = |name: &str, value: &str, arguments: &[&str]| {
        let mut command = scene.replayer.command(&[&["triage", DLQ], arguments].concat()).unwrap();
        command.env(name, value).env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        Scene::run_command(&mut command)
    };
    for said in [with("AWS_PROFILE", "nope", &[]), with("X", "", &["--profile", "nope"])] {
        assert!(said.code == 1 && said.err.contains("hint: profile `nope` has no credentials"), "{}", said.err);
    }
    let said = with("AWS_ENDPOINT_URL", "banana", &[]);
    assert!(said.code == 2 && said.err.contains("AWS_ENDPOINT_URL is `banana`, which is not a URL"), "{}", said.err);
    let said = with("AWS_REGION", "Mars", &[]);
    assert!(said.code == 2 && said.err.contains("`Mars` is not a Region"), "{}", said.err);
}

#[test]
fn a_url_without_an_account_is_not_told_with_one() {
    let scene = Scene::empty();
    let said = scene.run(&["triage", "https://sqs.eu-west-1.amazonaws.com/orders-dlq"]);
    assert_eq!(said.code, 1);
    assert!(!said.err.contains("account )") && !said.err.contains("did you mean `orders-dlq`"), "{}", said.err);
}

#[test]
fn an_answer_that_is_not_a_services_says_who_may_have_answered() {
    let scene = Scene::empty();
    scene.model.set_faults(|_, _| Fault::Refused(418, ""));
    let said = scene.run(&["triage", DLQ]);
    assert!(said.code == 1 && said.err.contains("HTTP status 418") && said.err.contains("a proxy"), "{}", said.err);
}

#[test]
fn the_last_line_of_an_error_is_not_a_riddle() {
    let scene = Scene::new();
    for command in [
        &["triage", "order-dlq"][..],
        &["replay", DLQ, "--from", "nowhere.ndjson"],
        &["import", DLQ, "nowhere.ndjson"],
        &["edit", "nowhere.ndjson"],
        &["triage", "./nowhere.ndjson"],
        &["export", DLQ, "/nowhere/letters.ndjson"],
        &["history", "20261123T230856Z-goce"],
        &["move", DLQ, "--to", "nowhere"],
        &["replay", DLQ, "--to", "nowhere"],
        &["replay", DLQ, "--quarantine", "nowhere"],
        &["replay", DLQ, "--to-lambda", "nowhere"],
        &["replay", DLQ, "--to-bus", "nowhere"],
        &["watch", "nowhere"],
        &["preflight", "nowhere"],
    ] {
        let said = scene.run(command);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{command:?}: {}", said.text());
        assert!(
            said.err.starts_with("error: ") && said.err.contains("nowhere")
                || said.err.contains("order-dlq")
                || said.err.contains("goce"),
            "{command:?}: {}",
            said.err
        );
        for line in said.err.lines() {
            let known = ["error: ", "hint: ", "caused by: "].iter().any(|label| line.starts_with(label));
            assert!(known && !line.ends_with('.'), "{command:?}: {line}");
        }
        assert!(said.err.contains("\nhint: "), "{command:?}: {}", said.err);
    }
}
