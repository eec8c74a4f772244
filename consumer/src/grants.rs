//! What the consumer's own database role may do: put users into the table, and nothing else.

use std::fmt;

use sqlx::{AssertSqlSafe, Connection, PgConnection, error::DatabaseError, postgres::types::Oid};

use crate::{
    sequences::closed_to,
    session::SETTINGS,
    table::{Attribute, LONGEST_NAME, Table},
};

/// Held until the end of the transaction, so that two deployments do not make the same role at the same moment.
/// The number is ours alone: sqlx takes its own for migrations from the database's name.
const LOCK: &str = "select pg_advisory_xact_lock(7246183095528801)";

/// The role that RDS lets log in with IAM tokens whoever is a member of it.
/// Source: "Creating a database account using IAM authentication" in the Amazon RDS user guide.
const RDS_IAM: &str = "rds_iam";

/// A database role in small letters, digits and underscores, so that it needs no quoting anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role(String);

/// What became of the role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    /// There was none.
    Made,
    /// It was there, and has been given what it needs.
    Found {
        /// Statements that give it the settings of our sessions, which are not ours to change.
        left: Vec<String>,
    },
}

impl Role {
    /// What a role's name must be, for errors.
    pub const HOLDS: &str = "a database role: small letters, digits and underscores, beginning with a letter";

    /// Takes a name that needs no quoting, and no other text.
    pub fn parse(text: &str) -> Option<Self> {
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let well_formed = text.len() <= LONGEST_NAME
            && text.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
            && text.bytes().all(word);
        well_formed.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes the role unless there is one, and lets it insert into the table.
///
/// A role that it makes has no password: on RDS it logs in with IAM tokens, elsewhere give it a password.
/// It also has our session's settings, which a transaction pooler would not let a connection set.
///
/// # Errors
///
/// The database's error: the login may not make roles, or does not own the table.
pub async fn grant(connection: &mut PgConnection, role: &Role, table: &Table) -> Result<Granted, sqlx::Error> {
    // In one transaction: a role without its rights would stay behind otherwise.
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(LOCK).execute(&mut *transaction).await?;
    let granted = if exists(&mut transaction, &role.0).await? {
        Granted::Found { left: complete_settings(&mut transaction, role).await? }
    } else {
        make(&mut transaction, role).await?;
        Granted::Made
    };
    let mut statements = Vec::from_iter(schema_grant(&mut transaction, role, table).await?);
    statements.push(table_grant(role, table));
    statements.extend(sequence_grants(&mut transaction, role, table).await?);
    execute(&mut transaction, &statements).await?;
    transaction.commit().await?;
    Ok(granted)
}

async fn make(connection: &mut PgConnection, role: &Role) -> Result<(), sqlx::Error> {
    let mut statements = vec![format!("create role {role} login")];
    statements.extend(SETTINGS.map(|setting| alter(role, setting)));
    if exists(connection, RDS_IAM).await? {
        statements.push(format!("grant {RDS_IAM} to {role}"));
    }
    execute(connection, &statements).await
}

fn alter(role: &Role, (name, value): (&str, &str)) -> String {
    format!("alter role {role} set {name} = '{value}'")
}

/// Gives a role of an earlier version the settings that it lacks in this database, and gives back the statements that were not ours to execute.
///
/// Earlier versions set our `statement_timeout` alone. A role without it may be an application's, whose own statements may take longer.
async fn complete_settings(connection: &mut PgConnection, role: &Role) -> Result<Vec<String>, sqlx::Error> {
    const THERE: &str = "\
select setting from pg_db_role_setting s join pg_roles r on r.oid = s.setrole, unnest(s.setconfig) as setting \
where r.rolname = $1 and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))";
    let there: Vec<(String,)> = sqlx::query_as(THERE).bind(&role.0).fetch_all(&mut *connection).await?;
    let has = |name| there.iter().any(|(setting,)| setting.split_once('=').is_some_and(|(set, _)| set == name));
    let missing: Vec<_> =
        SETTINGS.iter().filter(|(name, _)| !has(*name)).map(|setting| alter(role, *setting)).collect();
    let [(name, value), ..] = SETTINGS;
    let made_by_us = there.iter().any(|(setting,)| setting.split_once('=') == Some((name, value)));
    if !made_by_us {
        return Ok(missing);
    }
    let mut savepoint = connection.begin().await?;
    match execute(&mut savepoint, &missing).await {
        Ok(()) => savepoint.commit().await.map(|()| Vec::new()),
        Err(error) if is_forbidden(&error) => savepoint.rollback().await.map(|()| missing),
        Err(error) => Err(error),
    }
}

fn is_forbidden(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(DatabaseError::code).is_some_and(|code| code == "42501")
}

async fn execute(connection: &mut PgConnection, statements: &[String]) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statements.join("; "))).execute(connection).await.map(drop)
}

/// To insert each column, and to read the key for `on conflict` and `returning`.
/// Source: "INSERT" in the PostgreSQL documentation, on the privileges that they ask for.
pub(crate) fn table_grant(role: &Role, table: &Table) -> String {
    let inserts: Vec<_> = table.columns.iter().map(|column| column.name.quoted()).collect();
    let key = table.column_of(&Attribute::CognitoSub).map(|column| column.name.quoted()).unwrap_or_default();
    format!("grant insert ({}), select ({key}) on {} to {role}", inserts.join(", "), table.quoted())
}

/// To use the table's schema, unless every role may, as with `public`. Asked first, because the schema may not be ours to grant.
async fn schema_grant(
    connection: &mut PgConnection,
    role: &Role,
    table: &Table,
) -> Result<Option<String>, sqlx::Error> {
    const PUBLIC_MAY: &str = "select exists (select from pg_namespace n, aclexplode(n.nspacl) as acl \
      where n.nspname = $1 and acl.grantee = 0 and acl.privilege_type = 'USAGE')";
    let Some(schema) = &table.schema else { return Ok(None) };
    let public_may: (bool,) = sqlx::query_as(PUBLIC_MAY).bind(schema.as_str()).fetch_one(connection).await?;
    Ok((!public_may.0).then(|| format!("grant usage on schema {} to {role}", schema.quoted())))
}

/// To use the sequences that its rows need, unless it may. Asked first, because a sequence may not be ours to grant.
async fn sequence_grants(
    connection: &mut PgConnection,
    role: &Role,
    table: &Table,
) -> Result<Vec<String>, sqlx::Error> {
    let oid: (Oid,) =
        sqlx::query_as("select $1::regclass::oid").bind(table.quoted()).fetch_one(&mut *connection).await?;
    let closed = closed_to(connection, oid.0, table, Some(&role.0)).await?;
    Ok(closed.iter().map(|closed| format!("grant usage on sequence {} to {role}", closed.sequence)).collect())
}

async fn exists(connection: &mut PgConnection, role: &str) -> Result<bool, sqlx::Error> {
    let found: (bool,) = sqlx::query_as("select exists (select from pg_roles where rolname = $1)")
        .bind(role)
        .fetch_one(connection)
        .await?;
    Ok(found.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_a_name_that_needs_no_quoting() {
        for good in ["rollcall", "app_2", &"a".repeat(63)] {
            assert!(Role::parse(good).is_some(), "{good}");
        }
        for bad in ["", "Rollcall", "1app", "_app", "a-b", "a\"; drop table users; --", "ä", &"a".repeat(64)] {
            assert!(Role::parse(bad).is_none(), "{bad}");
        }
    }
}
