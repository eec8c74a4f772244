//! `ALLOWED_USER_POOLS`: whose events become rows.

use consumer::user_pools::UserPools;
use serde_json::json;
use uuid::Uuid;

use crate::bench_consumer::{Bench, batch, obliging, user};

#[tokio::test]
async fn a_user_of_a_pool_that_is_not_listed_is_poison_and_the_others_become_rows() {
    let mut bench = Bench::with(&crate::bench_consumer::database().await, obliging);
    let listed = [("ALLOWED_USER_POOLS", "eu-west-1_One,eu-west-1_Two")];
    bench.consumer.user_pools = UserPools::read(&listed.into_iter().collect()).unwrap();
    let of = |pool: &str| user(Uuid::new_v4(), &json!({ "user_pool_id": pool }));
    let bodies = [of("eu-west-1_One"), of("eu-west-1_Stranger"), of("eu-west-1_Two")];
    assert!(bench.failed(batch(bodies)).await.is_empty());
    assert_eq!(bench.rows().await, 2);
    let buried = bench.buried();
    assert_eq!(buried.len(), 1);
    assert_eq!(buried[0]["MessageAttributes"]["failure_reason"]["StringValue"], "unknown_user_pool");
    let detail = &buried[0]["MessageAttributes"]["failure_detail"]["StringValue"];
    assert_eq!(detail, "the event's `user_pool_id` is not in ALLOWED_USER_POOLS");
}
