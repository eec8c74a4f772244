//! Connections whose other end is gone without a word: a route, a firewall or a host that vanished.

use std::time::{Duration, SystemTime};

use pipeline_tests::tcp_proxy::TcpProxy;
use tokio::time::Instant;

use crate::bench_consumer::{Bench, batch, database, obliging, people, server};

/// A consumer whose connections lead through a proxy.
pub(crate) async fn through_a_proxy(variables: &[(&str, &str)]) -> (Bench, TcpProxy) {
    let url = database().await;
    let proxy = TcpProxy::start(server().port()).await.unwrap();
    let through = url.replace(&server().port().to_string(), &proxy.port().to_string());
    let variables = [&[("DATABASE_URL", through.as_str())], variables].concat();
    (Bench::logged_in(&url, &variables, obliging), proxy)
}

#[tokio::test]
async fn a_statement_that_is_dropped_on_a_silent_connection_leaves_the_next_batch_a_new_one_at_once() {
    let (bench, proxy) = through_a_proxy(&[]).await;
    for round in 0..3 {
        assert!(bench.failed(batch(people(2))).await.is_empty(), "round {round}");
        proxy.silence();
        // Its statement has no answer when its time is up.
        assert_eq!(bench.failed_within(batch(people(2)), Duration::from_secs(4)).await, ["m0", "m1"], "round {round}");
        let start = Instant::now();
        assert!(bench.failed(batch(people(2))).await.is_empty(), "round {round}");
        assert!(start.elapsed() < Duration::from_secs(1), "round {round}: {:?}", start.elapsed());
    }
    assert_eq!(bench.rows().await, 12);
}

#[tokio::test]
async fn a_connection_that_has_idled_is_tried_before_it_carries_a_batch_and_replaced_when_it_is_dead() {
    let (bench, proxy) = through_a_proxy(&[]).await;
    let database = &bench.consumer.database;
    database.acquire().await.unwrap().give_back();
    proxy.silence();
    let start = Instant::now();
    let later = SystemTime::now() + Duration::from_mins(1);
    assert!(database.acquire_at(later).await.is_ok());
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(proxy.connections(), 2);
}
