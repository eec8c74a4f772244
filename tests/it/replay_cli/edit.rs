//! `edit FILE`, with a script of the test as the editor.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use pipeline_tests::replayer::Said;

use super::{DLQ, Scene, dead_letter, id, mode};

/// A file of `pull` with two bodies, one of them not JSON.
fn scene() -> (Scene, String) {
    let scene = Scene::empty();
    scene.model.put(DLQ, dead_letter(1, "order one, not JSON", &[]));
    scene.model.put(DLQ, dead_letter(2, r#"{"order":2,"note":"x"}"#, &[]));
    let file = scene.file("messages.ndjson");
    assert_eq!(scene.run(&["pull", DLQ, &file]).code, 0);
    (scene, file)
}

/// Runs `edit` with an editor that is this shell script; `$1` is the document.
fn edit(scene: &Scene, script: &str, arguments: &[&str]) -> Said {
    let editor = scene.folder.join("editor");
    fs::write(&editor, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o700)).unwrap();
    let mut command: Command = scene.replayer.command(&[&["edit"], arguments].concat()).unwrap();
    // A second word shows that the variable may hold arguments.
    command.env("EDITOR", format!("{} --wait", editor.display())).env("PATH", "/usr/bin:/bin");
    Scene::run_command(&mut command)
}

/// An editor gets its own arguments first, and the document last.
const DOCUMENT: &str = "for document; do :; done";

fn text(file: &str) -> String {
    fs::read_to_string(file).unwrap()
}

/// The files beside the snapshot, which must not include a document that was left behind.
fn others(scene: &Scene) -> Vec<String> {
    let names = fs::read_dir(&scene.folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    super::sorted(names.filter(|name| name != "messages.ndjson" && name != "editor"))
}

#[test]
fn a_body_that_is_not_json_is_repaired_and_a_diff_is_kept() {
    let (scene, file) = scene();
    let script = format!(
        "{DOCUMENT}; stat -c %a \"$document\" > \"$0.mode\"; sed -i 's/^order one, not JSON$/{{\"order\":1}}/' \"$document\""
    );
    let said = edit(&scene, &script, &[&file]);
    assert_eq!(said.code, 0, "{}", said.text());
    insta::assert_snapshot!("edit", said.text().replace(&scene.folder.display().to_string(), "<folder>"));
    assert_eq!(text(&scene.file("editor.mode")).trim(), "600", "the document is private");
    assert_eq!((mode(&file), mode(&format!("{file}.diff"))), (0o600, 0o600));
    let lines: Vec<serde_json::Value> = text(&file).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[0].get("snapshot_of").is_some(), "the snapshot still names its queue");
    assert!(lines.last().unwrap().get("snapshot_ended").is_some(), "and it is still complete");
    assert_eq!((&lines[1]["body"], &lines[2]["body"]), (&r#"{"order":1}"#.into(), &r#"{"order":2,"note":"x"}"#.into()));
    let diff = text(&format!("{file}.diff"));
    assert!(diff.contains(&id(1)) && diff.contains("- order one, not JSON") && !diff.contains(&id(2)), "{diff}");
    assert_eq!(others(&scene), ["editor.mode", "messages.ndjson.diff"]);
}

#[test]
fn an_editor_that_changes_nothing_changes_nothing() {
    let (scene, file) = scene();
    let before = text(&file);
    let said = edit(&scene, "true", &[&file]);
    assert_eq!((said.code, said.out.as_str()), (0, "no body was changed\n"), "{}", said.text());
    assert_eq!((text(&file), others(&scene)), (before, Vec::new()));
}

#[test]
fn a_body_that_is_no_longer_json_is_an_error_and_the_edit_is_kept() {
    let (scene, file) = scene();
    let before = text(&file);
    let said = edit(&scene, &format!("{DOCUMENT}; sed -i 's/\"order\": 2/\"order\": /' \"$document\""), &[&file]);
    assert_eq!(said.code, 1, "{}", said.text());
    assert!(said.err.contains(&format!("message {} is no longer JSON at line", id(2))), "{}", said.err);
    assert_eq!(text(&file), before, "the file is as it was");
    let [kept] = &others(&scene)[..] else { panic!("the edit is kept: {:?}", others(&scene)) };
    assert!(said.err.contains(kept), "{}", said.err);
    assert_eq!(mode(&scene.file(kept)), 0o600);
}

#[test]
fn a_character_that_sqs_rejects_becomes_an_escape_in_json_and_is_an_error_elsewhere() {
    let (scene, file) = scene();
    let said = edit(&scene, &format!("{DOCUMENT}; sed -i 's/\"x\"/\"\u{fffe}\"/' \"$document\""), &[&file]);
    let line: serde_json::Value = serde_json::from_str(text(&file).lines().nth(2).unwrap()).unwrap();
    assert_eq!((said.code, &line["body"]), (0, &r#"{"order":2,"note":"\ufffe"}"#.into()), "{}", said.text());
    let before = text(&file);
    let said = edit(&scene, &format!("{DOCUMENT}; sed -i 's/one, not/\u{1}/' \"$document\""), &[&file]);
    assert!(said.code == 1 && said.err.contains("U+0001") && said.err.contains(&id(1)), "{}", said.text());
    assert_eq!(text(&file), before, "the file is as it was");
}

#[test]
fn an_editor_that_fails_changes_nothing() {
    let (scene, file) = scene();
    let before = text(&file);
    let said = edit(&scene, &format!("{DOCUMENT}; echo changed >> \"$document\"; exit 3"), &[&file]);
    assert_eq!(said.code, 1, "{}", said.text());
    let [kept] = &others(&scene)[..] else { panic!("the edit is kept: {:?}", others(&scene)) };
    let shown = said.err.replace(&scene.folder.display().to_string(), "<folder>").replace(kept, "<document>");
    insta::assert_snapshot!("editor_failed", shown);
    assert!(said.err.contains(kept) && text(&scene.file(kept)).ends_with("changed\n"), "{}", said.err);
    assert_eq!(text(&file), before);
}

#[test]
fn an_editor_that_fails_before_it_saves_leaves_nothing() {
    let (scene, file) = scene();
    let said = edit(&scene, "exit 3", &[&file]);
    assert_eq!((said.code, others(&scene)), (1, Vec::new()), "{}", said.text());
    assert!(said.err.contains("hint: nothing was changed"), "{}", said.err);
}

#[test]
fn an_editor_that_is_not_there_is_told_with_the_variable_that_names_it() {
    let (scene, file) = scene();
    for (variable, editor, why) in
        [("EDITOR", "no-such-editor -w", "it was not found"), ("VISUAL", "/etc/passwd", "it is not a program")]
    {
        let mut command: Command = scene.replayer.command(&["edit", &file]).unwrap();
        command.env(variable, editor).env("PATH", "/usr/bin:/bin");
        let said = Scene::run_command(&mut command);
        let told =
            format!("error: cannot run the editor `{editor}`: {why}\nhint: nothing was changed; set `{variable}` to");
        assert!(said.code == 1 && said.err.contains(&told), "{}", said.text());
        assert_eq!(others(&scene), Vec::<String>::new());
    }
}

#[test]
fn work_that_cannot_be_saved_is_kept_and_named() {
    let replaced = "sed -i s/order/ORDER/ \"${0%/*}/messages.ndjson\"";
    for (script, why) in [
        ("printf '\\351 long work' >> \"$document\"", "cannot read"),
        ("echo changed >> \"$document\"; kill -9 $$", "ended with"),
        (&format!("sed -i s/order/work/ \"$document\"; {replaced}"), "changed by something else"),
        ("sed -i s/order/work/ \"$document\"; rm \"${0%/*}/messages.ndjson\"", "messages.ndjson"),
    ] {
        let (scene, file) = scene();
        let said = edit(&scene, &format!("{DOCUMENT}; {script}"), &[&file]);
        assert!(said.code == 1 && said.err.contains(why), "{why}: {}", said.text());
        let [kept] = &others(&scene)[..] else { panic!("the edit is kept: {:?}", others(&scene)) };
        assert!(said.err.contains(&format!("your edit is in {}", scene.file(kept))), "{}", said.err);
        assert_eq!(mode(&scene.file(kept)), 0o600);
    }
}

/// Starts an edit whose editor waits until it is let go, and then changes the document.
fn open_editor(scene: &Scene, file: &str) -> std::process::Child {
    let editor = scene.folder.join("editor");
    let wait = "while [ ! -e \"$0.go\" ]; do sleep 0.01; done";
    let script = format!("#!/bin/sh\ntouch \"$0.open\"; {wait}; sed -i s/order/work/ \"$1\"; touch \"$0.closed\"\n");
    fs::write(&editor, script).unwrap();
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = scene.replayer.command(&["edit", file]).unwrap();
    // A file and not a pipe: the editor has it too, and may outlive the program.
    let stderr = fs::File::create(scene.folder.join("editor.stderr")).unwrap();
    command.env("EDITOR", &editor).env("PATH", "/usr/bin:/bin").stderr(stderr);
    let child = command.spawn().unwrap();
    super::until(|| scene.folder.join("editor.open").exists());
    child
}

fn signal(child: &std::process::Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn ctrl_c_is_the_editors_while_it_is_open() {
    let (scene, file) = scene();
    let mut child = open_editor(&scene, &file);
    for name in ["-INT", "-QUIT", "-INT"] {
        signal(&child, name);
    }
    fs::write(scene.folder.join("editor.go"), "").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(text(&file).contains("work one"), "{}", text(&file));
}

#[test]
fn a_closed_terminal_keeps_the_work_and_says_where_it_is() {
    for name in ["-TERM", "-HUP"] {
        let (scene, file) = scene();
        let mut child = open_editor(&scene, &file);
        signal(&child, name);
        let status = child.wait().unwrap();
        let err = text(&scene.file("editor.stderr"));
        let kept = others(&scene).into_iter().find(|name| name.contains(".edit-")).unwrap();
        assert_eq!(status.code(), Some(130), "{err}");
        assert!(err.contains(&format!("your edit is in {}", scene.file(&kept))), "{err}");
        // The editor is not this program's to end.
        fs::write(scene.folder.join("editor.go"), "").unwrap();
        super::until(|| scene.folder.join("editor.closed").exists());
    }
}

#[test]
fn a_link_stays_and_the_file_behind_it_is_edited() {
    let (scene, file) = scene();
    let (link, elsewhere) = (scene.file("link.ndjson"), scene.file("elsewhere.txt"));
    std::os::unix::fs::symlink(&file, &link).unwrap();
    // A difference that another user could read, or redirect, is made anew.
    fs::write(&elsewhere, "another file\n").unwrap();
    std::os::unix::fs::symlink(&elsewhere, format!("{file}.diff")).unwrap();
    let script = format!("{DOCUMENT}; sed -i s/order/work/ \"$document\"");
    assert_eq!(edit(&scene, &script, &[&link]).code, 0);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && text(&file).contains("work one"));
    assert_eq!((text(&elsewhere).as_str(), mode(&format!("{file}.diff"))), ("another file\n", 0o600));
    fs::set_permissions(format!("{file}.diff"), fs::Permissions::from_mode(0o644)).unwrap();
    let script = format!("{DOCUMENT}; sed -i s/work/order/ \"$document\"");
    assert_eq!(edit(&scene, &script, &[&file]).code, 0);
    assert_eq!(mode(&format!("{file}.diff")), 0o600);
    assert_eq!(text(&format!("{file}.diff")).matches("message ").count(), 4, "edits add up");
}

#[test]
fn edit_has_no_json() {
    let (scene, file) = scene();
    assert_eq!(edit(&scene, "true", &[&file, "--json"]).code, 2);
}

#[test]
fn only_the_selected_bodies_are_opened() {
    let (scene, file) = scene();
    let said = edit(&scene, &format!("{DOCUMENT}; cp \"$document\" \"$0.seen\""), &[&file, "--id", &id(2)]);
    assert_eq!(said.code, 0, "{}", said.text());
    let seen = text(&scene.file("editor.seen"));
    assert!(seen.contains(&id(2)) && !seen.contains(&id(1)), "{seen}");
    let said = edit(&scene, "exit 1", &[&file, "--reason", "panic"]);
    assert_eq!((said.code, said.out.as_str()), (3, "no message matched\n"));
}

#[test]
fn edits_add_up_and_so_does_the_diff() {
    let (scene, file) = scene();
    for (from, to) in [("x", "y"), ("y", "z")] {
        let script = format!("{DOCUMENT}; sed -i 's/\"note\": \"{from}\"/\"note\": \"{to}\"/' \"$document\"");
        assert_eq!(edit(&scene, &script, &[&file]).code, 0);
    }
    assert!(text(&file).contains(r#"\"note\":\"z\""#), "{}", text(&file));
    let diff = text(&format!("{file}.diff"));
    assert_eq!(diff.matches(&id(2)).count(), 2, "{diff}");
}

#[test]
fn without_an_editor_and_a_terminal_nothing_is_opened() {
    let (scene, file) = scene();
    let said = scene.run(&["edit", &file]);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert_eq!(
        said.err,
        "error: `EDITOR` is not set, and there is no terminal for `vi`\nhint: set `EDITOR`, or run the command at a terminal\n"
    );
    assert_eq!(others(&scene), Vec::<String>::new());
}

#[test]
fn an_id_that_is_there_twice_is_told_before_the_editor_opens() {
    let (scene, file) = scene();
    let lines = text(&file);
    fs::write(&file, format!("{lines}{}\n", lines.lines().nth(1).unwrap())).unwrap();
    let said = edit(&scene, "touch \"$0.open\"", &[&file]);
    let repeated = format!("line {} of {file} repeats the id", lines.lines().count() + 1);
    assert!(said.code == 1 && said.err.contains(&repeated), "{}", said.text());
    assert!(said.err.contains("hint: remove one of the two lines"), "{}", said.err);
    assert!(!scene.folder.join("editor.open").exists());
}

#[test]
fn an_editor_that_removes_the_document_keeps_no_work() {
    let (scene, file) = scene();
    let said = edit(&scene, &format!("{DOCUMENT}; rm \"$document\""), &[&file]);
    assert!(said.code == 1 && said.err.contains("the editor has removed"), "{}", said.text());
    assert!(said.err.contains("hint: nothing was changed") && !said.err.contains("your edit is in"), "{}", said.err);
}
