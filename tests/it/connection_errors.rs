//! What an operator reads when the database cannot be reached: where it was looked for and what to do, and never a password.

use std::{io::Write, net::TcpListener, thread};

use consumer::trouble::describe;

use crate::{
    bench_consumer::{Bench, database, obliging, server},
    connections::name_of,
    existing_table::run_migrate,
};

/// The port of a server that is something else than Postgres.
fn not_postgres() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            // The client may have gone already.
            let _ = stream.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    port
}

#[tokio::test]
async fn an_error_of_a_connection_names_host_and_port_and_what_to_do_and_never_the_password() {
    let (url, port, other) = (database().await, server().port(), not_postgres());
    let at = |host: &str, port: u16| format!("postgres://rollcall:hunter2@{host}:{port}/{}", name_of(&url));
    for (url, place, words) in [
        (at("127.0.0.1", 1), "`127.0.0.1:1`".to_owned(), ["Connection refused", ""]),
        (
            at("127.0.0.1", other),
            format!("`127.0.0.1:{other}`"),
            ["unexpected response", "hint: what listens there is not Postgres"],
        ),
        (
            at("localhost", port),
            format!("`localhost:{port}`"),
            ["UnknownIssuer", "hint: DATABASE_CA must name a PEM file"],
        ),
        (at("no-such-host.invalid", 5432), "`no-such-host.invalid:5432`".to_owned(), ["lookup", ""]),
    ] {
        for arguments in [&["--check"][..], &[]] {
            let (code, said) = run_migrate(&[("DATABASE_URL", &url)], arguments);
            assert_eq!(code, 1, "{said}");
            assert!(said.starts_with(&format!("error: cannot connect to the database at {place}: ")), "{said}");
            assert!(words.iter().all(|words| said.contains(words)), "{said}");
            assert!(!said.contains("hunter2") && !said.contains("sqlx"), "{said}");
        }
        let bench = Bench::with(&url, obliging);
        let logged = describe(&bench.consumer.database.acquire().await.err().unwrap());
        assert!(logged.contains(words[0]) && !logged.contains("hunter2") && !logged.contains("sqlx"), "{logged}");
        assert!(logged.contains(&place), "{logged}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_told_with_what_to_do() {
    let url = database().await;
    let by_address = format!("postgres://rollcall@127.0.0.1:{}/{}", server().port(), name_of(&url));
    let ca = server().ca().to_str().unwrap();
    let (code, said) = run_migrate(&[("DATABASE_URL", &by_address), ("DATABASE_CA", ca)], &["--check"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("not valid for name"), "{said}");
    assert!(said.ends_with("hint: connect to a host name that the server's certificate has\n"), "{said}");
}
