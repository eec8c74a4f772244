//! The text of the one INSERT, what is bound to it, and how its rows are found again.

use rollcall_events::{EmailAddress, PersonName, UserData};
use sqlx::{
    AssertSqlSafe, Postgres,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use uuid::Uuid;

/// The columns whose values come from the event. A rule of the table that concerns one of them is about the data.
pub(crate) const WRITTEN: [&str; 4] = ["cognito_sub", "email", "first_name", "last_name"];

/// One statement for a batch of any size: arrays as parameters, so that its text, and with it its plan, never changes.
///
/// `on conflict do nothing` waits for another transaction that is inserting the same `sub`.
/// What `returning` leaves out is not proven to be there, because a trigger of the table may have skipped it: see [`present`].
/// Source: "INSERT", section "ON CONFLICT Clause", and "Overview of Trigger Behavior" in the PostgreSQL documentation.
///
/// In your existing table the key may be a text: an assignment turns a `uuid` into any kind of text, and the cast turns it back.
const INSERT: &str = "\
insert into users (cognito_sub, email, first_name, last_name, is_active) \
select cognito_sub, email, first_name, last_name, true \
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as arrived (cognito_sub, email, first_name, last_name) \
on conflict (cognito_sub) do nothing \
returning cognito_sub::uuid";

/// Which of these keys have a row, without the closing bracket and quotation mark.
///
/// The keys are an untyped literal, which takes on the type of the column, so that the index of a text column is used, too.
const PRESENT: &str = "select cognito_sub::uuid from users where cognito_sub = any ('{";

/// The insert of these users; it returns the keys of the rows that it made.
pub(crate) fn insert(users: &[&UserData]) -> Query<'static, Postgres, PgArguments> {
    let keys: Vec<Uuid> = users.iter().map(|user| user.cognito_sub.as_uuid()).collect();
    let emails: Vec<_> = users.iter().map(|user| user.email.as_ref().map(EmailAddress::as_str)).collect();
    let first_names: Vec<_> = users.iter().map(|user| user.first_name.as_ref().map(PersonName::as_str)).collect();
    let last_names: Vec<_> = users.iter().map(|user| user.last_name.as_ref().map(PersonName::as_str)).collect();
    sqlx::query(INSERT).bind(keys).bind(emails).bind(first_names).bind(last_names)
}

/// The query for the rows of these keys: without parameters, so it is one message, which a transaction pooler cannot part.
/// A UUID needs no escaping.
pub(crate) fn present(keys: &[Uuid]) -> AssertSqlSafe<String> {
    let mut text = String::with_capacity(PRESENT.len() + keys.len() * 37 + 3);
    text.push_str(PRESENT);
    for (at, key) in keys.iter().enumerate() {
        text.push_str(if at == 0 { "" } else { "," });
        text.push_str(key.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }
    text.push_str("}')");
    AssertSqlSafe(text)
}

/// The keys in the first column, sorted.
pub(crate) fn keys(rows: &[PgRow]) -> Result<Vec<Uuid>, sqlx::Error> {
    use sqlx::Row;
    let mut keys = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<Uuid>, _>>()?;
    keys.sort_unstable();
    Ok(keys)
}
