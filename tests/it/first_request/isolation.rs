//! Two transactions meet at one user: who waits, who sees whose row, and who has to retry.

use uuid::Uuid;

use super::{Person, ada, connect, count, ensure, ensure_ada, execute, migrated, sqlstate, until_a_session_waits};
use crate::bench_consumer::database;

/// Leaves an insert of this user uncommitted while another session calls the function, then ends it as `end` says.
async fn meet_an_uncommitted_row(sub: Uuid, end: &str) -> Person {
    let url = database().await;
    let (mut other, mut caller, mut observer) = (connect(&url).await, connect(&url).await, connect(&url).await);
    execute(
        &mut other,
        &format!("begin; insert into users (cognito_sub, first_name, is_active) values ('{sub}', 'Grace', true)"),
    )
    .await;
    let (returned, ()) = tokio::join!(ensure_ada(&mut caller, sub), async {
        until_a_session_waits(&mut observer).await;
        execute(&mut other, end).await;
    });
    assert_eq!(count(&mut observer).await, 1);
    returned.unwrap()
}

#[tokio::test]
async fn a_row_that_another_transaction_is_inserting_is_waited_for_and_returned() {
    let sub = Uuid::new_v4();
    let grace = (sub, None, Some("Grace".to_owned()), None, true);
    assert_eq!(meet_an_uncommitted_row(sub, "commit").await, grace);
}

#[tokio::test]
async fn a_row_that_another_transaction_rolls_back_is_inserted() {
    let sub = Uuid::new_v4();
    assert_eq!(meet_an_uncommitted_row(sub, "rollback").await, ada(sub));
}

#[tokio::test]
async fn a_row_that_is_deleted_between_the_insert_and_the_second_look_is_inserted_again() {
    let url = database().await;
    let (mut connection, sub) = (connect(&url).await, Uuid::new_v4());
    // The trigger is the other session: a row that appears after the first look and vanishes before the second one.
    let statements = "create table looks (n int); \
         create function flicker() returns trigger language plpgsql as $$ begin \
           insert into looks values (1); \
           if (select count(*) from looks) < 2 then return null; end if; return new; end $$; \
         create trigger flicker before insert on users for each row execute function flicker()";
    execute(&mut connection, statements).await;
    assert_eq!(ensure_ada(&mut connection, sub).await.unwrap(), ada(sub));
    assert_eq!(count(&mut connection).await, 1);
}

#[tokio::test]
async fn a_stricter_transaction_whose_snapshot_is_too_old_fails_with_40001_and_succeeds_when_it_is_retried() {
    for level in ["repeatable read", "serializable"] {
        let url = database().await;
        let (mut caller, mut other) = (connect(&url).await, connect(&url).await);
        let sub = Uuid::new_v4();
        execute(&mut caller, &format!("begin transaction isolation level {level}; select count(*) from users")).await;
        let grace = ensure(&mut other, sub, [None, Some("Grace"), None]).await.unwrap();
        assert_eq!(sqlstate(ensure_ada(&mut caller, sub).await), "40001", "{level}: never an empty row");
        execute(&mut caller, &format!("rollback; begin transaction isolation level {level}")).await;
        assert_eq!(ensure_ada(&mut caller, sub).await.unwrap(), grace, "{level}");
        execute(&mut caller, "commit").await;
    }
}

#[tokio::test]
async fn a_row_of_the_same_transaction_is_returned_at_every_level() {
    let mut connection = migrated().await;
    for level in ["read committed", "repeatable read", "serializable"] {
        let sub = Uuid::new_v4();
        execute(&mut connection, &format!("begin transaction isolation level {level}")).await;
        for call in 0..2 {
            assert_eq!(ensure_ada(&mut connection, sub).await.unwrap(), ada(sub), "{level}, call {call}");
        }
        execute(&mut connection, "commit").await;
    }
    assert_eq!(count(&mut connection).await, 3);
}
