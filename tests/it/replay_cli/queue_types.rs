//! From a FIFO queue to a standard one, and back.

use pipeline_tests::sqs_model::NewMessage;

use super::{DLQ, Scene, dead_letter};

const FIFO: &str = "elsewhere.fifo";

fn ordered(at: usize) -> NewMessage {
    dead_letter(at, "{}", &[]).in_group("customer", &format!("d{at}"))
}

#[test]
fn what_a_standard_queue_does_not_keep_is_said_in_the_dry_run() {
    let scene = Scene::empty();
    (0..2).for_each(|at| drop(scene.model.put(FIFO, ordered(at))));
    let lost = "note: 2 messages would go from a FIFO queue to a standard queue, which neither keeps the order";
    for command in [&["move", FIFO, "--to", "quarantine"][..], &["replay", FIFO, "--to", "quarantine"]] {
        let said = scene.run(command);
        assert!(said.code == 0 && said.out.contains(lost), "{command:?}: {}", said.text());
    }
    let said = scene.run(&["move", FIFO, "--to", "quarantine", "--execute"]);
    assert_eq!((said.code, scene.model.count("quarantine"), scene.model.count(FIFO)), (0, 2, 0), "{}", said.text());
}

#[test]
fn a_message_without_a_group_is_refused_by_a_fifo_queue_beforehand() {
    let scene = Scene::with_letters(2);
    let said = scene.run(&["move", DLQ, "--to", FIFO]);
    assert_eq!(said.code, 4, "{}", said.text());
    assert!(said.out.contains("2 messages would be refused: no_group"), "{}", said.out);
    assert!(
        said.out.contains("which needs one; choose a standard queue") && !said.out.contains("from a FIFO"),
        "{}",
        said.out
    );
    let said = scene.run(&["move", DLQ, "--to", FIFO, "--execute"]);
    assert_eq!((said.code, scene.model.count(FIFO), scene.model.count(DLQ)), (4, 0, 2), "{}", said.text());
}
