//! `watch`.

use std::io::{BufRead, BufReader};

use serde_json::Value;

use super::{DLQ, Scene, until};

#[test]
fn watch_shows_counts_a_line_at_a_time() {
    let scene = Scene::with_letters(3);
    insta::assert_snapshot!("watch", scene.said(&["watch", DLQ, "--count", "2", "--every", "1"]));
}

#[test]
fn watch_ends_when_its_reader_has_seen_enough() {
    let scene = Scene::with_letters(3);
    let mut child = scene.spawn(&["watch", DLQ, "--every", "1"]);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("3 visible"), "{line}");
    let mut ended = None;
    let status = std::cell::RefCell::new((&mut child, &mut ended));
    until(|| {
        let (child, ended) = &mut *status.borrow_mut();
        **ended = child.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(141));
}

#[test]
fn json_of_watch_is_one_document_a_line() {
    let scene = Scene::with_letters(3);
    let said = scene.run(&["watch", DLQ, "--count", "2", "--every", "1", "--json"]);
    let lines: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((said.code, lines.len(), &lines[0]["visible"]), (0, 2, &3.into()), "{}", said.text());
    assert!(lines[0]["per_second"].is_null() && lines[1]["per_second"].is_number(), "{}", said.out);
}
