//! The one INSERT: its text, made once from the table's description, and its parameters.

use std::sync::Arc;

use rollcall_events::UserData;
use sqlx::{AssertSqlSafe, Postgres, postgres::PgArguments, query::Query};
use uuid::Uuid;

use crate::table::{Attribute, Holds, Kind, Table};

/// One statement for a batch of any size: arrays as parameters, so that its text, and with it its plan, never changes.
///
/// `on conflict do nothing` waits for another transaction that is inserting the same `sub`.
/// What `returning` leaves out is not proven to be there, because a trigger of the table may have skipped it: see `present`.
/// Source: "INSERT", section "ON CONFLICT Clause", and "Overview of Trigger Behavior" in the PostgreSQL documentation.
#[derive(Clone, Debug)]
pub struct InsertStatement {
    text: Arc<str>,
    /// What the parameters hold, in order.
    attributes: Vec<Attribute>,
    /// The columns that hold them.
    written: Vec<String>,
    table: String,
    key: String,
}

impl InsertStatement {
    /// The statement for this table.
    pub fn into(table: &Table) -> Self {
        let attributes: Vec<_> = table
            .columns
            .iter()
            .filter_map(|column| match &column.holds {
                Holds::Attribute(attribute) => Some(attribute.clone()),
                Holds::Constant(_) => None,
            })
            .collect();
        let written = attributes.iter().filter_map(|attribute| table.column_of(attribute));
        Self {
            text: text(table, &attributes).into(),
            written: written.map(|column| column.name.as_str().to_owned()).collect(),
            attributes,
            table: table.quoted(),
            key: key(table),
        }
    }

    /// Whether the value of this column comes from the event. A rule of the table that concerns it is about the data.
    pub(crate) fn writes(&self, column: &str) -> bool {
        self.written.iter().any(|written| written == column)
    }

    /// The table, as SQL.
    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// The query for the rows of these keys: without parameters, so it is one message, which a transaction pooler cannot part.
    ///
    /// The keys are an untyped literal, which takes on the type of the column, so that the index of a text column is used, too.
    /// A UUID needs no escaping.
    pub(crate) fn present(&self, keys: &[Uuid]) -> AssertSqlSafe<String> {
        let Self { table, key, .. } = self;
        let mut text = format!("select {key}::uuid from {table} where {key} = any ('{{");
        for (at, key) in keys.iter().enumerate() {
            text.push_str(if at == 0 { "" } else { "," });
            text.push_str(key.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        }
        text.push_str("}')");
        AssertSqlSafe(text)
    }

    /// The attribute of this name, if a column holds it.
    pub(crate) fn stored(&self, name: &str) -> Option<&str> {
        self.attributes.iter().map(Attribute::name).find(|stored| *stored == name)
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The statement with the users' values as its parameters.
    pub(crate) fn with(&self, users: &[&UserData<'_>]) -> Query<'static, Postgres, PgArguments> {
        self.bind(Arc::clone(&self.text), users)
    }

    /// Asks for the plan, which needs everything that the statement needs and inserts nothing.
    pub(crate) fn explain(&self) -> Query<'static, Postgres, PgArguments> {
        self.bind(format!("explain {}", self.text).into(), &[])
    }

    fn bind(&self, text: Arc<str>, users: &[&UserData<'_>]) -> Query<'static, Postgres, PgArguments> {
        // Names are quoted and constants are literals that `table` has parsed; values are parameters.
        let query = sqlx::query(AssertSqlSafe(text));
        self.attributes.iter().fold(query, |query, attribute| match attribute.kind() {
            Kind::Uuid => query.bind(users.iter().map(|user| user.cognito_sub.as_uuid()).collect::<Vec<Uuid>>()),
            Kind::Boolean => query.bind(users.iter().map(|user| user.email_verified).collect::<Vec<bool>>()),
            Kind::Text => query.bind(users.iter().map(|user| attribute.text(user)).collect::<Vec<Option<&str>>>()),
        })
    }
}

/// The key may be a text in your existing table: an assignment turns a `uuid` into any kind of text, and the cast turns it back.
fn text(table: &Table, attributes: &[Attribute]) -> String {
    let columns: Vec<_> = table.columns.iter().map(|column| column.name.quoted()).collect();
    let arrived: Vec<_> = (1..=attributes.len()).map(|at| format!("a{at}")).collect();
    let mut next = arrived.iter();
    let values: Vec<_> = table
        .columns
        .iter()
        .filter_map(|column| match &column.holds {
            Holds::Attribute(_) => next.next(),
            Holds::Constant(literal) => Some(literal),
        })
        .map(String::as_str)
        .collect();
    let arrays: Vec<_> = attributes
        .iter()
        .enumerate()
        .map(|(at, attribute)| format!("${}::{}[]", at + 1, attribute.kind().sql()))
        .collect();
    let key = key(table);
    format!(
        "insert into {} ({}) select {} from unnest({}) as arrived ({}) on conflict ({key}) do nothing returning {key}::uuid",
        table.quoted(),
        columns.join(", "),
        values.join(", "),
        arrays.join(", "),
        arrived.join(", "),
    )
}

/// The key column, as SQL.
fn key(table: &Table) -> String {
    table.column_of(&Attribute::CognitoSub).map(|column| column.name.quoted()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(variables: &[(&str, &str)]) -> String {
        let table = Table::read(&variables.iter().copied().collect()).unwrap();
        InsertStatement::into(&table).text().to_owned()
    }

    #[test]
    fn the_default_writes_the_five_columns_of_the_migration() {
        assert_eq!(
            statement(&[]),
            "insert into \"users\" (\"cognito_sub\", \"email\", \"first_name\", \"last_name\", \"is_active\") \
             select a1, a2, a3, a4, true \
             from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) \
             as arrived (a1, a2, a3, a4) \
             on conflict (\"cognito_sub\") do nothing returning \"cognito_sub\"::uuid"
        );
    }

    #[test]
    fn names_are_quoted_and_the_parameters_follow_the_order_of_the_columns() {
        let variables = [
            ("USERS_TABLE", r#"app."Us""ers""#),
            ("USERS_COLUMNS", "email_verified=verified,cognito_sub=auth_id,source='O''Neil',custom:tenant=mail"),
        ];
        assert_eq!(
            statement(&variables),
            "insert into \"app\".\"Us\"\"ers\" (\"verified\", \"auth_id\", \"source\", \"mail\") \
             select a1, a2, 'O''Neil', a3 \
             from unnest($1::boolean[], $2::uuid[], $3::text[]) as arrived (a1, a2, a3) \
             on conflict (\"auth_id\") do nothing returning \"auth_id\"::uuid"
        );
    }
}
