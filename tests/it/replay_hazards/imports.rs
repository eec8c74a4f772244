//! `import`: what earlier runs of the same file have sent is not sent again, unless the operator says so.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use pipeline_tests::sqs_model::{Consumer, Fault, operation};
use serde_json::Value;

use super::{DLQ, SOURCE, Scene, body, file_of, journals};

/// An import whose second batch is refused, so that only the first ten messages arrive.
fn interrupted(scene: &Scene, to: &str, file: &str) {
    let sends = AtomicUsize::new(0);
    scene.model.set_faults(move |call, _| match operation(call) {
        "SendMessageBatch" if sends.fetch_add(1, Ordering::SeqCst) == 1 => Fault::Refused(403, "AccessDenied"),
        _ => Fault::None,
    });
    let said = scene.run(&["import", to, file, "--execute", "--concurrency", "1"]);
    assert_eq!((said.code, scene.model.count(to)), (1, 10), "{}", said.text());
    scene.allow_everything();
}

/// The only journal so far.
fn journal(scene: &Scene) -> PathBuf {
    let mut files = journals(&scene.replayer.journals());
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

fn count_of(bodies: &[String], body: &str) -> usize {
    bodies.iter().filter(|one| *one == body).count()
}

#[test]
fn an_import_that_stopped_does_not_send_again_what_was_confirmed() {
    let scene = Scene::new();
    let file = file_of(&scene, 30);
    let sends = AtomicUsize::new(0);
    scene.model.set_faults(move |call, _| match operation(call) {
        "SendMessageBatch" if sends.fetch_add(1, Ordering::SeqCst) == 1 => Fault::Refused(403, "AccessDenied"),
        _ => Fault::None,
    });
    let first = scene.run(&["import", SOURCE, &file, "--execute", "--concurrency", "1"]);
    let confirmed = scene.bodies(SOURCE);
    assert_eq!((first.code, confirmed.len()), (1, 10));
    scene.allow_everything();
    let run = scene.last_run();
    let second = scene.run(&["import", SOURCE, &file, "--resume", &run, "--execute"]);
    let there = scene.bodies(SOURCE);
    let twice: Vec<_> = confirmed.iter().filter(|body| count_of(&there, body) > 1).collect();
    let named = second.text().contains("twice");
    assert!(twice.is_empty() || named, "{} sent twice and not named: {}", twice.len(), second.text());
}

#[test]
fn an_import_that_was_partly_refused_sends_only_the_rest_when_it_is_repeated() {
    let scene = Scene::new();
    let file = file_of(&scene, 12);
    let refused = AtomicBool::new(false);
    scene.model.set_faults(move |call, _| match operation(call) {
        "SendMessageBatch" if !refused.swap(true, Ordering::SeqCst) => {
            Fault::Entries(vec![0, 1], "InvalidMessageContents", true)
        }
        _ => Fault::None,
    });
    assert_eq!(scene.run(&["import", SOURCE, &file, "--execute"]).code, 4);
    assert_eq!(scene.model.count(SOURCE), 10);
    let said = scene.run(&["import", SOURCE, &file, "--execute"]);
    assert_eq!((said.code, scene.bodies(SOURCE)), (0, (0..12).map(body).collect()), "{}", said.text());
}

#[test]
fn a_file_that_repeats_an_id_is_not_imported() {
    let scene = Scene::new();
    let file = scene.file("import.ndjson");
    std::fs::write(&file, "{\"id\":\"a\",\"body\":\"1\"}\n{\"id\":\"a\",\"body\":\"2\"}\n").unwrap();
    let said = scene.run(&["import", SOURCE, &file, "--execute"]);
    assert_eq!((said.code, scene.model.count(SOURCE)), (1, 0), "{}", said.text());
    assert!(said.err.contains("line 2 of") && said.err.contains("repeats the id a"), "{}", said.err);
}

#[test]
fn a_file_is_not_imported_a_second_time_unless_the_operator_says_so() {
    let scene = Scene::new();
    let file = file_of(&scene, 12);
    assert_eq!(scene.run(&["import", SOURCE, &file, "--execute"]).code, 0);
    let dry = scene.run(&["import", SOURCE, &file]);
    assert!(dry.code == 0 && dry.text().contains("already: 12 messages"), "{}", dry.text());
    let second = scene.run(&["import", SOURCE, &file, "--execute"]);
    assert_eq!((second.code, scene.model.count(SOURCE)), (1, 12), "{}", second.text());
    assert!(second.text().contains("--again"), "{}", second.text());
    let again = scene.run(&["import", SOURCE, &file, "--execute", "--again"]);
    assert_eq!((again.code, scene.model.count(SOURCE)), (0, 24), "{}", again.text());
    scene.model.create("another");
    assert_eq!(scene.run(&["import", "another", &file, "--execute"]).code, 0);
}

#[test]
fn again_completes_an_import_that_stopped_before_it_repeats_one() {
    let scene = Scene::new();
    let file = file_of(&scene, 30);
    interrupted(&scene, SOURCE, &file);
    let again = ["import", SOURCE, &file, "--execute", "--again"];
    let said = scene.run(&again);
    scene.assert_each_once((0..30).map(body), &[SOURCE], &said.text());
    assert_eq!(said.code, 0, "{}", said.text());
    let said = scene.run(&again);
    assert_eq!((said.code, scene.model.count(SOURCE)), (0, 60), "{}", said.text());
}

#[test]
fn a_journal_without_a_first_line_does_not_keep_its_file_from_being_imported() {
    for text in ["", "{\"step\":\"be"] {
        let scene = Scene::new();
        let file = file_of(&scene, 3);
        scene.model.create("another");
        assert_eq!(scene.run(&["import", "another", &file, "--execute"]).code, 0);
        fs::write(journal(&scene).with_file_name("20991231T000000Z-aaaa.ndjson"), text).unwrap();
        let dry = scene.run(&["import", SOURCE, &file]);
        let said = scene.run(&["import", SOURCE, &file, "--execute"]);
        assert_eq!((dry.code, said.code, scene.model.count(SOURCE)), (0, 0, 3), "{}", said.text());
    }
}

#[test]
fn a_file_that_is_not_a_journal_keeps_its_file_from_being_imported_until_it_is_settled() {
    let scene = Scene::new();
    let file = file_of(&scene, 3);
    assert_eq!(scene.run(&["import", SOURCE, &file, "--execute"]).code, 0);
    let settled = journal(&scene);
    let (older, newer) = (settled.with_file_name("1.ndjson"), settled.with_file_name("20991231T000000Z-aaaa.ndjson"));
    fs::write(&newer, "garbage").unwrap();
    for execute in [&[][..], &["--execute"]] {
        let said = scene.run(&[&["import", SOURCE, &file], execute].concat());
        assert_eq!((said.code, scene.model.count(SOURCE)), (1, 3), "{}", said.text());
        assert!(said.err.contains("20991231T000000Z-aaaa.ndjson cannot be read"), "{}", said.err);
        assert!(said.err.contains("\nhint: look into it"), "{}", said.err);
    }
    fs::rename(&newer, &older).unwrap();
    let said = scene.run(&["import", SOURCE, &file, "--execute", "--again"]);
    assert_eq!((said.code, scene.model.count(SOURCE)), (0, 6), "{}", said.text());
}

#[test]
fn a_journal_whose_first_line_was_not_written_is_removed() {
    let scene = Scene::new();
    scene.fill(3);
    let filter = format!("true or \"{}\" == \"\"", "x".repeat(4_000));
    let replay = scene.replayer.command(&["replay", DLQ, "--where", &filter, "--execute"]).unwrap();
    // There is room for the lock and not for the first line.
    let mut limited = Command::new("/bin/sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""]).arg(replay.get_program());
    limited.args(replay.get_args()).env_clear();
    limited.envs(replay.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = limited.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", super::text(&output));
    assert!(super::text(&output).contains("cannot write the journal"), "{}", super::text(&output));
    assert_eq!(journals(&scene.replayer.journals()), Vec::<PathBuf>::new());
    assert_eq!(scene.model.count(SOURCE), 0);
}

#[test]
fn an_import_to_another_queue_does_not_settle_one_that_was_interrupted() {
    let scene = Scene::new();
    scene.model.create("another");
    let file = file_of(&scene, 30);
    interrupted(&scene, SOURCE, &file);
    assert_eq!(scene.run(&["import", "another", &file, "--execute"]).code, 0);
    let said = scene.run(&["import", SOURCE, &file, "--execute"]);
    assert_eq!((said.code, scene.bodies(SOURCE)), (0, (0..30).map(body).collect()), "{}", said.text());
}

#[test]
fn the_dry_run_of_an_interrupted_import_counts_what_is_left() {
    let scene = Scene::new();
    let file = file_of(&scene, 30);
    interrupted(&scene, SOURCE, &file);
    let dry = scene.run(&["import", SOURCE, &file, "--json"]);
    let report: Value = serde_json::from_str(dry.out.trim()).unwrap();
    assert_eq!((&report["would_send"], &report["would_finish"]), (&20.into(), &10.into()), "{}", dry.text());
    let said = scene.run(&["import", SOURCE, &file]);
    let left_out = "10 messages would be left out because an earlier run had already imported them";
    assert!(said.out.contains("20 messages would be imported") && said.out.contains(left_out), "{}", said.out);
    let run = scene.run(&["import", SOURCE, &file, "--execute"]);
    assert_eq!((run.code, scene.model.count(SOURCE)), (0, 30), "{}", run.text());
}

#[test]
fn an_interrupted_import_is_resumed_months_later_as_its_dry_run_says() {
    let scene = Scene::new();
    let file = file_of(&scene, 30);
    interrupted(&scene, SOURCE, &file);
    let aged = Command::new("touch").args(["-d", "91 days ago"]).arg(journal(&scene)).status().unwrap();
    assert!(aged.success());
    let dry = scene.run(&["import", SOURCE, &file, "--json"]);
    let report: Value = serde_json::from_str(dry.out.trim()).unwrap();
    assert_eq!((&report["would_send"], &report["would_finish"]), (&20.into(), &10.into()), "{}", dry.text());
    let run = scene.run(&["import", SOURCE, &file, "--execute"]);
    assert_eq!((run.code, scene.bodies(SOURCE)), (0, (0..30).map(body).collect()), "{}", run.text());
}

#[test]
fn a_second_import_says_what_all_runs_of_the_first_one_have_sent() {
    let scene = Scene::new();
    let file = file_of(&scene, 30);
    interrupted(&scene, SOURCE, &file);
    assert_eq!(scene.run(&["import", SOURCE, &file, "--execute"]).code, 0);
    let said = scene.run(&["import", SOURCE, &file, "--execute"]);
    assert_eq!((said.code, scene.model.count(SOURCE)), (1, 30), "{}", said.text());
    assert!(said.err.contains("a file of this name") && said.err.contains("30 messages"), "{}", said.err);
}

#[test]
fn an_import_that_only_learned_that_everything_was_sent_is_not_repeated_either() {
    let scene = Scene::new();
    let file = file_of(&scene, 12);
    assert_eq!(scene.run(&["import", SOURCE, &file, "--execute"]).code, 0);
    // It was killed before it could say that it had ended.
    let journal = journal(&scene);
    let text = fs::read_to_string(&journal).unwrap();
    let end = text.trim_end().rfind('\n').unwrap();
    fs::write(&journal, &text[..=end]).unwrap();
    let second = scene.run(&["import", SOURCE, &file, "--execute"]);
    assert_eq!(scene.model.count(SOURCE), 12, "{}", second.text());
    let third = scene.run(&["import", SOURCE, &file, "--execute"]);
    assert_eq!((third.code, scene.model.count(SOURCE)), (1, 12), "{}", third.text());
}

/// Imports a file, whose messages fail and are redriven under the ids that they were given, and puts them into the file anew.
fn imported_redriven_and_exported_again(scene: &Scene, messages: usize) -> String {
    let file = file_of(scene, messages);
    assert_eq!(scene.run(&["import", SOURCE, &file, "--execute"]).code, 0);
    let redrives = Consumer::Redrives { dlq: DLQ.to_owned(), after: std::time::Duration::ZERO };
    scene.model.with(SOURCE, |queue| queue.consumer = redrives);
    assert_eq!((scene.model.count(SOURCE), scene.model.count(DLQ)), (0, messages));
    scene.model.with(SOURCE, |queue| queue.consumer = Consumer::None);
    fs::remove_file(&file).unwrap();
    assert_eq!(scene.run(&["export", DLQ, &file]).code, 0);
    file
}

#[test]
fn messages_with_the_ids_of_an_earlier_import_have_not_returned_to_a_file() {
    let scene = Scene::new();
    let file = imported_redriven_and_exported_again(&scene, 12);
    let said = scene.run(&["import", SOURCE, &file, "--execute", "--again"]);
    assert_eq!((said.code, scene.bodies(SOURCE)), (0, (0..12).map(body).collect()), "{}", said.text());
}

#[test]
fn an_import_that_left_messages_out_does_not_settle_its_file() {
    let scene = Scene::new();
    let file = imported_redriven_and_exported_again(&scene, 5);
    let more = |at| serde_json::json!({ "id": format!("new-{at}"), "body": body(at) }).to_string() + "\n";
    let text = fs::read_to_string(&file).unwrap() + &(5..8).map(more).collect::<String>();
    fs::write(&file, text).unwrap();
    let said = scene.run(&["import", SOURCE, &file, "--execute", "--again"]);
    let all: Vec<_> = (0..8).map(body).collect();
    assert_eq!((said.code, scene.bodies(SOURCE)), (0, all), "{}", said.text());
}

#[test]
fn unconfirmed_messages_of_an_import_are_still_in_the_file() {
    let scene = Scene::new();
    let file = file_of(&scene, 3);
    scene.model.set_faults(|call, _| match operation(call) {
        "SendMessageBatch" => Fault::AnswerLost,
        _ => Fault::None,
    });
    let said = scene.run(&["import", SOURCE, &file, "--execute"]);
    let text = "3 messages unconfirmed: the destination may have them, and they are still in the file";
    assert!(said.code == 4 && said.out.contains(text), "{}", said.text());
}
