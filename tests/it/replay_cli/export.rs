//! `export`, `import` and `purge`.

use pipeline_tests::sqs_model::Fault;
use serde_json::{Value, json};

use super::{DLQ, SOURCE, Scene, body, dead_letter, id, mode};

/// The messages of [`Scene::new`], and one with everything that a message can have.
fn scene() -> Scene {
    let scene = Scene::new();
    let mut message = dead_letter(7, "binary", &[]);
    message.attributes.insert("picture".into(), json!({ "DataType": "Binary.png", "BinaryValue": "AAH/" }));
    message.attributes.insert("count".into(), json!({ "DataType": "Number.int", "StringValue": "7" }));
    message.system.insert("AWSTraceHeader".into(), "Root=1".into());
    scene.model.put(DLQ, message.in_group("g", "d"));
    scene
}

/// A line of an export without the count that rises with each receive.
fn without_receives(line: &str) -> String {
    let mut message: Value = serde_json::from_str(line).unwrap();
    message["system"]["ApproximateReceiveCount"].take();
    message.to_string()
}

fn lines(file: &str) -> Vec<String> {
    super::sorted(std::fs::read_to_string(file).unwrap().lines().map(without_receives))
}

#[test]
fn a_pipe_is_not_imported() {
    let scene = Scene::with_letters(1);
    for file in ["/dev/stdin", "/tmp"] {
        let said = scene.run(&["import", SOURCE, file, "--execute"]);
        assert!(said.code == 1 && said.err.contains(&format!("{file} is not a regular file")), "{}", said.text());
    }
}

#[test]
fn the_dry_run_of_a_purge_knows_that_the_archive_exists() {
    let scene = Scene::with_letters(2);
    let archive = scene.file("old.ndjson");
    std::fs::write(&archive, "").unwrap();
    let purge = ["purge", DLQ, "--archive", &archive];
    let (dry, run) = (scene.run(&purge), scene.run(&[&purge[..], &["--execute"]].concat()));
    assert_eq!((dry.code, &dry.err), (run.code, &run.err));
    assert!(dry.code == 1 && dry.err.contains("old.ndjson exists"), "{}", dry.text());
}

#[test]
fn an_export_is_lossless_and_a_purge_deletes_only_what_it_has_written() {
    let scene = scene();
    let (export, archive) = (scene.file("export.ndjson"), scene.file("archive.ndjson"));
    insta::assert_snapshot!("export", scene.said(&["export", DLQ, &export]));
    assert_eq!((scene.model.count(DLQ), mode(&export)), (7, 0o600));
    scene.assert_released();
    insta::assert_snapshot!("purge_dry_run", scene.said(&["purge", DLQ, "--archive", &archive, "--id", &id(7)]));
    assert!(!std::path::Path::new(&archive).exists(), "a dry run writes no archive");
    let purge = ["purge", DLQ, "--archive", &archive, "--execute"];
    insta::assert_snapshot!("purge", scene.said(&purge));
    assert_eq!((scene.model.count(DLQ), mode(&archive)), (0, 0o600));
    assert_eq!(lines(&export), lines(&archive));
    insta::assert_snapshot!("purge_again", scene.said(&purge));

    insta::assert_snapshot!("import_dry_run", scene.said(&["import", "elsewhere.fifo", &export]));
    let said = scene.said(&["import", "elsewhere.fifo", &export, "--execute"]);
    insta::assert_snapshot!("import", said);
    let imported = scene.model.messages("elsewhere.fifo");
    assert_eq!(imported.len(), 1, "a FIFO queue takes only messages with a group");
    assert_eq!(imported[0].attributes["picture"], json!({ "DataType": "Binary.png", "BinaryValue": "AAH/" }));
    assert_eq!(imported[0].attributes["count"], json!({ "DataType": "Number.int", "StringValue": "7" }));
    let system = &imported[0].system;
    assert_eq!((&*system["AWSTraceHeader"], &*system["MessageGroupId"]), ("Root=1", "g"));
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let scene = scene();
    let file = scene.file("messages.ndjson");
    std::fs::write(&file, "mine").unwrap();
    for command in
        [&["export", DLQ, &file][..], &["pull", DLQ, &file], &["purge", DLQ, "--archive", &file, "--execute"]]
    {
        let said = scene.run(command);
        assert_eq!(said.code, 1, "{}", said.text());
        assert!(said.err.contains("exists"), "{}", said.err);
    }
    assert_eq!((std::fs::read_to_string(&file).unwrap(), scene.model.count(DLQ)), ("mine".to_owned(), 7));
}

#[test]
fn a_purge_says_archived() {
    let scene = Scene::with_letters(3);
    let said = scene.run(&["purge", DLQ, "--archive", &scene.file("a.ndjson"), "--execute"]);
    assert_eq!(said.code, 0);
    assert!(said.out.contains("3 messages archived") && !said.out.contains("sent"), "{}", said.out);
    let said = scene.run(&["history"]);
    assert!(said.out.contains("purge"), "{}", said.out);
}

#[test]
fn a_purge_whose_deletes_fail_keeps_its_messages_in_both_places() {
    let scene = Scene::with_letters(3);
    scene.fault("DeleteMessageBatch", DLQ, |_| Fault::Refused(403, "AccessDenied"));
    let archive = scene.file("a.ndjson");
    assert_ne!(scene.run(&["purge", DLQ, "--archive", &archive, "--execute"]).code, 0);
    assert_eq!((scene.model.count(DLQ), lines(&archive).len()), (3, 3));
    scene.model.set_faults(|_, _| Fault::None);
    assert_eq!(scene.run(&["purge", DLQ, "--resume", "last", "--execute"]).code, 0);
    assert_eq!((scene.model.count(DLQ), lines(&archive).len()), (0, 3));
}

#[test]
fn a_file_whose_line_is_not_a_message_is_named_by_line_and_not_shown() {
    let scene = Scene::empty();
    let file = scene.file("messages.ndjson");
    std::fs::write(&file, "{\"id\":\"a\",\"body\":\"b\"}\n{\"id\":\"marker\"}\n").unwrap();
    let said = scene.run(&["import", "quarantine", &file, "--execute"]);
    assert_eq!(said.code, 1, "{}", said.text());
    assert!(said.err.contains("line 2 of") && !said.text().contains("marker\""), "{}", said.err);
}

#[test]
fn an_export_in_the_middle_of_which_a_call_fails_says_how_many_were_written() {
    let scene = Scene::with_letters(30);
    scene.fault("ReceiveMessage", DLQ, |at| if at < 1 { Fault::None } else { Fault::Refused(403, "AccessDenied") });
    let file = scene.file("messages.ndjson");
    let said = scene.run(&["export", DLQ, &file, "--concurrency", "1"]);
    assert_eq!(said.code, 1, "{}", said.text());
    assert!(said.err.contains("is incomplete: it holds 10 messages"), "{}", said.err);
    assert_eq!(lines(&file).len(), 10);
    scene.assert_each_once((0..30).map(body), &[DLQ]);
}

#[test]
fn a_file_without_messages_does_not_block_the_next_try() {
    let scene = Scene::with_letters(3);
    let file = scene.file("messages.ndjson");
    for command in
        [&["export", DLQ, &file][..], &["pull", DLQ, &file], &["purge", DLQ, "--archive", &file, "--execute"]]
    {
        assert_eq!(scene.run(&[command, &["--reason", "nope"]].concat()).code, 3, "{command:?}");
        assert!(!std::path::Path::new(&file).exists(), "{command:?}");
    }
    for command in [&["export", DLQ, &file][..], &["pull", DLQ, &file]] {
        scene.fault("ReceiveMessage", DLQ, |_| Fault::Refused(403, "AccessDenied"));
        assert_eq!(scene.run(command).code, 1, "{command:?}");
        assert!(!std::path::Path::new(&file).exists(), "{command:?}");
    }
    scene.model.set_faults(|_, _| Fault::None);
    assert_eq!(scene.run(&["purge", DLQ, "--archive", &file, "--execute"]).code, 0);
    assert_eq!(lines(&file).len(), 3);
}

#[test]
fn standard_output_is_not_a_file() {
    let scene = Scene::with_letters(1);
    for command in [&["export", DLQ, "-"][..], &["pull", DLQ, "-"], &["purge", DLQ, "--archive", "-", "--execute"]] {
        let mut command = scene.replayer.command(command).unwrap();
        let said = Scene::run_command(command.current_dir(&scene.folder));
        assert!(said.code == 2 && said.err.contains("`-` cannot be standard output"), "{}", said.text());
    }
    assert!(!scene.folder.join("-").exists() && scene.model.calls().is_empty());
}

#[test]
fn a_file_that_exists_is_told_before_any_call() {
    let scene = Scene::with_letters(1);
    let file = scene.file("messages.ndjson");
    std::fs::write(&file, "mine").unwrap();
    for command in [&["export", DLQ, &file][..], &["pull", DLQ, &file], &["purge", DLQ, "--archive", &file]] {
        let said = scene.run(command);
        assert!(said.code == 1 && said.err.contains("\nhint: choose another file"), "{}", said.text());
    }
    assert!(scene.model.calls().is_empty());
}
