//! Every SQLSTATE that decides something, raised by a real server and judged as sqlx delivers it.

use consumer::{
    classify::{Verdict, classify},
    trouble::describe,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};

use crate::bench_consumer::Bench;

/// Codes after which the same statement may succeed.
const TRANSIENT: [&str; 20] = [
    "08000", "08003", "08006", "25006", "28000", "28P01", "40001", "40P01", "53000", "53100", "53200", "53300",
    "55006", "55P03", "57014", "57P01", "57P02", "57P03", "58000", "58030",
];

/// Codes that refuse a row, with the word for them. Raised by hand they name no rule.
const REFUSED: [(&str, &str); 12] = [
    ("22001", "text_too_long"),
    ("22021", "text_not_storable"),
    ("22P05", "text_not_storable"),
    ("22P02", "data_exception"),
    ("54000", "data_exception"),
    ("P0001", "raised_exception"),
    ("23000", "integrity_violation"),
    ("23502", "not_null_violation"),
    ("23503", "foreign_key_violation"),
    ("23505", "unique_violation"),
    ("23514", "check_violation"),
    ("23P01", "exclusion_violation"),
];

/// Codes that are the table's or the server's: a schema that is not ours, rights that are missing, a sequence that is exhausted.
const UNFIT: [&str; 8] = ["42P01", "42703", "42501", "0A000", "P0002", "XX000", "2200H", "22023"];

async fn raised(pool: &PgPool, code: &str) -> sqlx::Error {
    let statement = format!("do $$ begin raise exception 'marker' using errcode = '{code}'; end $$");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(pool).await.unwrap_err()
}

#[tokio::test]
async fn every_code_that_a_server_raises_means_what_the_table_says() {
    let bench = Bench::new().await;
    for code in TRANSIENT {
        assert_eq!(classify(&raised(&bench.pool, code).await), Verdict::Transient, "{code}");
    }
    for (code, word) in REFUSED {
        let Verdict::Refused(reason, None) = classify(&raised(&bench.pool, code).await) else { panic!("{code}") };
        assert_eq!((reason.word, reason.code.as_str()), (word, code));
    }
    for code in UNFIT {
        let error = raised(&bench.pool, code).await;
        assert_eq!(classify(&error), Verdict::Unfit, "{code}");
        assert!(!describe(&error).contains("marker"), "the server's own text can quote a value");
    }
}

#[tokio::test]
async fn a_connection_that_is_refused_or_cut_is_transient() {
    let refused = PgConnection::connect("postgres://nobody@127.0.0.1:1/none?sslmode=disable").await.unwrap_err();
    assert_eq!(classify(&refused), Verdict::Transient);

    let bench = Bench::new().await;
    let cut = sqlx::raw_sql("select pg_terminate_backend(pg_backend_pid())").execute(&bench.pool).await.unwrap_err();
    assert_eq!(classify(&cut), Verdict::Transient);
}

#[tokio::test]
async fn the_names_in_a_violation_come_from_a_real_one() {
    let bench = Bench::new().await;
    let fails = async |statement: &'static str| {
        let error = sqlx::raw_sql(statement).execute(&bench.pool).await.unwrap_err();
        let Verdict::Refused(reason, Some(rule)) = classify(&error) else { panic!("{error}") };
        assert_eq!((rule.schema.as_deref(), rule.table.as_deref()), (Some("public"), Some("users")));
        reason.to_string()
    };
    assert_eq!(fails("insert into users (cognito_sub) values (null)").await, "not_null_violation:cognito_sub");
    bench.sql("create unique index users_email_key on users (email)").await;
    let twice = "insert into users (cognito_sub, email) select gen_random_uuid(), 'a' from generate_series(1, 2)";
    assert_eq!(fails(twice).await, "unique_violation:users_email_key");
}
