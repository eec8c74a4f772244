//! A5: `purge --resume` deletes on the word of a journal although the archive is gone.

use super::{DLQ, Scene, body};

#[test]
fn a5_a_purge_that_is_resumed_deletes_nothing_that_is_not_in_an_archive() {
    const MESSAGES: usize = 30;
    let scene = Scene::new();
    scene.fill(MESSAGES);
    let archive = scene.file("archive.ndjson");
    scene.deny_deletes();
    let first = scene.run(&["purge", DLQ, "--archive", &archive, "--execute"]);
    assert_eq!((first.code, scene.model.count(DLQ)), (1, MESSAGES), "{}", first.text());
    std::fs::remove_file(&archive).unwrap();
    scene.allow_everything();
    scene.let_visibility_run_out();
    let run = scene.last_run();
    let said = scene.run(&["purge", DLQ, "--archive", &archive, "--resume", &run, "--execute"]);
    let (archived, queued) = (std::fs::read_to_string(&archive).unwrap_or_default(), scene.bodies(DLQ));
    let lost: Vec<_> =
        (0..MESSAGES).map(body).filter(|body| !archived.contains(body) && !queued.contains(body)).collect();
    assert!(lost.is_empty(), "deleted and in no archive: {lost:?}\n{}", said.text());
}
