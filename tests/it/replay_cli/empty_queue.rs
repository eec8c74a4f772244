//! How long a run needs to prove that an empty queue is empty.

use std::time::{Duration, Instant};

use super::{DLQ, Scene};

/// What a run may take, the start of the process and the busy machine included; issue 10 asks for 1.5 s.
const AT_MOST: Duration = Duration::from_millis(2_500);

#[test]
fn the_end_of_an_empty_queue_is_seen_at_once() {
    let scene = Scene::empty();
    scene.model.set_long_poll_scale(1.0);
    // The first call may build the binary.
    scene.run(&["--version"]);
    for command in [&["replay", DLQ, "--execute"][..], &["replay", DLQ], &["triage", DLQ]] {
        let began = Instant::now();
        let code = scene.run(command).code;
        let took = began.elapsed();
        println!("{command:?} of an empty queue took {took:?}");
        assert_eq!(code, 3);
        assert!(took < AT_MOST, "{command:?}: {took:?}");
    }
}
