//! The replayer on the local stack: the story of a thousand dead letters, and a kill between sending and deleting.

use std::{process::Stdio, time::Duration};

use pipeline_tests::{
    Options, Stack,
    clients::Clients,
    dead_letters::{Scene, Story},
    queues::{depth, send},
    relay::{Relay, Treatment},
    replayer::Replayer,
    wait,
};
use uuid::Uuid;

/// Longest wait for anything here; each takes well under a second on an idle machine.
const SOON: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_thousand_dead_letters_are_understood_fixed_and_put_out_of_the_way() {
    let stack = Stack::start(&Options::default(), &|_| ()).unwrap();
    let mut scenes = Vec::new();
    let mut tell = |scene: &Scene| {
        println!("$ {}\n{}exit {}\n", scene.command, scene.output, scene.code);
        scenes.push(scene.code);
    };
    Story::new(&stack, &mut tell).unwrap().tell(1_000).await.unwrap();
    assert!(scenes.len() >= 20);
    stack.stop();
}

#[tokio::test]
async fn after_a_kill_between_sending_and_deleting_the_same_command_sends_nothing_twice() {
    let stack = Stack::shared().unwrap();
    let sqs = Clients::of(stack).unwrap().sqs;
    let name = format!("killed-{}", Uuid::new_v4().simple());
    let mut urls = Vec::new();
    for name in [format!("{name}-dlq"), name.clone()] {
        urls.push(sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap());
    }
    let bodies: Vec<_> = (0..10).map(|at| format!("m{at}")).collect();
    send(&sqs, &urls[0], &bodies).await.unwrap();

    // Everything passes but deletes, which then hang.
    let relay = Relay::start(&stack.aws_endpoint).unwrap();
    relay.treat("DeleteMessageBatch", Treatment::Hold);
    let gated = Replayer::new(relay.url(), stack.region);
    let dlq = format!("{name}-dlq");
    let words = ["replay", &dlq, "--to", &name, "--execute", "--visibility", "3"];
    let mut child = gated.command(&words).unwrap().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait::until("it deletes", SOON, async || Ok((relay.held() > 0).then_some(()))).await.unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let sent = depth(&sqs, &urls[1]).await.unwrap().visible;
    assert!(sent > 0, "it deletes only what it has sent");
    assert_eq!(depth(&sqs, &urls[0]).await.unwrap().total(), 10, "nothing has left the dead-letter queue");

    // The same operator types the same command, at an endpoint that lets deletes pass: no flag is needed.
    let again = gated.at(&stack.aws_endpoint).run(&words).unwrap();
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.out.contains("deleted because an earlier run had already sent them"), "{}", again.out);
    assert_eq!(depth(&sqs, &urls[0]).await.unwrap().total(), 0);
    assert_eq!(
        depth(&sqs, &urls[1]).await.unwrap().visible,
        10,
        "{sent} of the ten were there before, and none is there twice"
    );
}
