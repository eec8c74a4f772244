//! A destination that gives no answers, and a caller whom it does not believe: a run stops, and does not try everything.

use std::{
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use pipeline_tests::sqs_model::{Fault, NewMessage, operation};
use serde_json::{Value, json};

use super::{DLQ, SOURCE, Scene, body, file_of, old};

/// A port that passes connections on while it is open. Shut, it refuses them.
#[derive(Clone)]
struct Door {
    port: u16,
    upstream: u16,
    streams: Arc<Mutex<Vec<TcpStream>>>,
    open: Arc<AtomicBool>,
}

impl Door {
    fn to(url: &str) -> Self {
        let upstream = url.rsplit(':').next().unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let door = Self { port, upstream, streams: Arc::default(), open: Arc::default() };
        door.pass_on(listener);
        door
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn pass_on(&self, listener: TcpListener) {
        self.open.store(true, Ordering::SeqCst);
        listener.set_nonblocking(true).unwrap();
        let door = self.clone();
        thread::spawn(move || {
            while door.open.load(Ordering::SeqCst) {
                let Ok((client, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                };
                client.set_nonblocking(false).unwrap();
                let server = TcpStream::connect(("127.0.0.1", door.upstream)).unwrap();
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || {
                        // A connection that is shut ends both ways.
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
                door.streams.lock().unwrap().extend([client, server]);
            }
        });
    }

    fn shut(&self) {
        self.open.store(false, Ordering::SeqCst);
        for stream in self.streams.lock().unwrap().drain(..) {
            // Its client may be gone.
            let _ = stream.shutdown(Shutdown::Both);
        }
        // The listener is closed when its thread has looked.
        super::until(|| TcpStream::connect(("127.0.0.1", self.port)).is_err());
    }

    fn open_again(&self) {
        self.pass_on(TcpListener::bind(("127.0.0.1", self.port)).unwrap());
    }
}

/// An import through a door that is shut by its first send, and opened again after a while if at all.
fn import_through_a_door(messages: usize, shut_for: Option<Duration>) -> (Scene, i32, Value) {
    let scene = Scene::new();
    let file = file_of(&scene, messages);
    let door = Door::to(&scene.model.serve().unwrap().url());
    let endpoint = door.url();
    let once = AtomicBool::new(false);
    scene.model.set_faults(move |call, _| {
        if operation(call) != "SendMessageBatch" || once.swap(true, Ordering::SeqCst) {
            return Fault::None;
        }
        door.shut();
        if let (Some(shut_for), door) = (shut_for, door.clone()) {
            thread::spawn(move || {
                thread::sleep(shut_for);
                door.open_again();
            });
        }
        Fault::RequestLost
    });
    let command = ["import", SOURCE, &file, "--execute", "--yes", "--concurrency", "4", "--json"];
    let said = scene.run(&[&command[..], &["--endpoint-url", &endpoint]].concat());
    (scene, said.code, serde_json::from_str(said.out.trim()).unwrap())
}

#[test]
fn connections_that_are_refused_for_a_moment_do_not_end_a_run() {
    let (scene, code, report) = import_through_a_door(300, Some(Duration::from_millis(250)));
    assert_eq!(code, 0, "{report:#}");
    let there = scene.bodies(SOURCE);
    assert!((0..300).map(body).all(|body| there.contains(&body)), "{report:#}");
}

#[test]
fn a_run_ends_soon_when_every_connection_is_refused() {
    let began = Instant::now();
    let (_, code, report) = import_through_a_door(5_000, None);
    let tried: u64 = report["counts"]["failed"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert!(code == 1 && tried <= 100, "exit {code}, {tried} tried: {report:#}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn an_import_without_a_network_stops_and_does_not_doubt_every_message() {
    let scene = Scene::new();
    let file = file_of(&scene, 2_000);
    scene.model.set_faults(|call, _| match operation(call) {
        "SendMessageBatch" => Fault::RequestLost,
        _ => Fault::None,
    });
    let said = scene.run(&["import", SOURCE, &file, "--execute", "--yes", "--concurrency", "4", "--json"]);
    let report: Value = serde_json::from_str(said.out.trim()).unwrap();
    let doubted = report["counts"]["unconfirmed"]["count"].as_u64().unwrap();
    assert!(said.code == 1 && doubted <= 150, "exit {}, {doubted} unconfirmed: {}", said.code, said.text());
}

#[test]
fn a_function_that_gives_no_answers_stops_a_run_too() {
    for fault in [Fault::RequestLost, Fault::Refused(500, "ServiceException")] {
        let scene = Scene::new();
        scene.model.here().create_function("fn");
        (0..1_000)
            .for_each(|at| drop(scene.model.put(DLQ, old(NewMessage::new(json!({ "at": at }).to_string(), &[])))));
        let of_event = fault.clone();
        scene.model.set_faults(move |call, _| match call.headers.get("x-amz-invocation-type") {
            Some(kind) if kind == "Event" => of_event.clone(),
            _ => Fault::None,
        });
        let command = ["replay", DLQ, "--to-lambda", "fn", "--execute", "--yes", "--concurrency", "4", "--json"];
        let said = scene.run(&command);
        let report: Value = serde_json::from_str(said.out.trim()).unwrap();
        let doubted = report["counts"]["unconfirmed"]["count"].as_u64().unwrap();
        assert!(said.code == 1 && doubted <= 150, "{fault:?}: exit {}, {doubted} unconfirmed", said.code);
    }
}

#[test]
fn expired_credentials_of_a_function_stop_a_run_at_once() {
    let scene = Scene::new();
    scene.model.here().create_function("fn");
    (0..40).for_each(|at| drop(scene.model.put(DLQ, old(NewMessage::new(json!({ "at": at }).to_string(), &[])))));
    scene.model.here().refuse_invocations("fn", Some((403, "ExpiredTokenException")));
    let said = scene.run(&["replay", DLQ, "--to-lambda", "fn", "--execute", "--concurrency", "1"]);
    assert_eq!((said.code, scene.model.count(DLQ)), (1, 40), "{}", said.text());
    assert!(!said.text().contains("not accepted by the destination"), "{}", said.text());
}

#[test]
fn credentials_that_can_no_longer_be_had_stop_a_run_at_once_and_leave_nothing_in_doubt() {
    let scene = Scene::new();
    let file = file_of(&scene, 400);
    // Credentials that are as good as expired are asked for before each call.
    let (script, gone) = (scene.file("credentials.sh"), scene.file("gone"));
    let key = json!({ "Version": 1, "AccessKeyId": "test", "SecretAccessKey": "test", "Expiration": "EXPIRES" });
    let key = key.to_string().replace("EXPIRES", "'\"$(date -u -d '+3 seconds' +%Y-%m-%dT%H:%M:%SZ)\"'");
    std::fs::write(&script, format!("test -e '{gone}' && exit 1\necho '{key}'\n")).unwrap();
    let config = scene.file("config");
    let profile = format!("[default]\nregion = eu-west-1\ncredential_process = /bin/sh {script}\n");
    std::fs::write(&config, profile).unwrap();
    scene.model.set_faults(move |call, _| {
        if operation(call) == "SendMessageBatch" {
            std::fs::write(&gone, "").unwrap();
        }
        Fault::None
    });
    let import = ["import", SOURCE, &file, "--execute", "--yes", "--concurrency", "4", "--json"];
    let mut command = scene.replayer.command(&import).unwrap();
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env("AWS_CONFIG_FILE", &config);
    command.env("PATH", "/usr/bin:/bin");
    let output = command.output().unwrap();
    let said = super::text(&output);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (sent, doubted) = (&report["counts"]["sent"], &report["counts"]["unconfirmed"]["count"]);
    assert_eq!((output.status.code(), doubted), (Some(1), &0.into()), "{said}");
    assert!(said.contains("not sent") && *sent == scene.model.count(SOURCE), "{said}");
}
