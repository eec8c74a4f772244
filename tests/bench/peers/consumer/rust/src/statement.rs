//! The statements of the peers.

use sqlx::{PgConnection, Postgres, postgres::PgArguments, query::Query};
use uuid::Uuid;

/// A row.
pub const ONE: &str = "insert into users (cognito_sub, email, first_name, last_name, is_active) \
                       values ($1, $2, $3, $4, true) on conflict (cognito_sub) do nothing";

/// All rows of a batch.
const ALL: &str = "insert into users (cognito_sub, email, first_name, last_name, is_active) \
                   select s, e, f, l, true from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as t (s, e, f, l) \
                   on conflict (cognito_sub) do nothing";

/// The columns of a batch.
#[derive(Default)]
pub struct Columns<'a> {
    pub subs: Vec<Uuid>,
    pub emails: Vec<Option<&'a str>>,
    pub first_names: Vec<Option<&'a str>>,
    pub last_names: Vec<Option<&'a str>>,
}

impl Columns<'_> {
    /// Inserts them with one prepared statement.
    ///
    /// # Errors
    ///
    /// Whatever the database says.
    pub async fn insert(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let query: Query<'_, Postgres, PgArguments> = sqlx::query(ALL);
        let query = query.bind(self.subs).bind(self.emails).bind(self.first_names).bind(self.last_names);
        query.execute(connection).await.map(|_| ())
    }
}
