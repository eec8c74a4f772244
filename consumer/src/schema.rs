//! Bringing the database to what the consumer needs: the table, or proof that yours fits, and the rights of the consumer's own role.

use std::{fmt, time::SystemTime};

use aws_types::SdkConfig;
use rollcall_aws_runtime::environment::{Environment, VariableError};
use sqlx::{error::DatabaseError, migrate::MigrateError};

use crate::{
    classify::{Verdict, classify},
    database::Database,
    grants::{Granted, Role, grant},
    migrations::{Migrated, NoTable, migrate},
    table::Table,
    table_check::{Finding, conclusion, fits},
    trouble::ConnectError,
};

const POOLER_HOLDS: &str = "nothing when migrations run: they hold a lock that belongs to a connection, so name the database itself and not the pooler";

/// What a migration works with.
pub struct Schema {
    /// The database.
    pub database: Database,
    /// The table that receives rows.
    pub table: Table,
    /// The consumer's own role, when it has one that is to be given its rights (`DATABASE_GRANT_TO`).
    pub grant_to: Option<Role>,
}

/// What the database has become.
#[derive(Debug)]
pub struct Brought {
    /// The table that receives rows.
    pub table: Table,
    /// What was found and done.
    pub migrated: Migrated,
    /// The consumer's role.
    pub granted: Option<(Role, Granted)>,
}

/// Why the database is not what the consumer needs.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A step failed.
    #[error("the migration failed")]
    Migrate(#[source] MigrateError),
    /// Your existing table lacks something.
    #[error("{}\n{}", conclusion(.findings, .table), lines(.findings))]
    Unfit {
        /// Which.
        table: Box<Table>,
        /// What it lacks.
        findings: Vec<Finding>,
    },
    /// There is no table, and it is not ours to make.
    #[error(
        "the table `{0}` was not found; `migrate` creates `users` only while neither USERS_TABLE nor USERS_COLUMNS is set\nhint: create the table, correct USERS_TABLE, or run `migrate` once without both and add your columns"
    )]
    Absent(Box<Table>),
    /// There is no table any more.
    #[error(
        "the table `{0}` was not found, although `_rollcall_migrations` says that it was created\nhint: restore the table, or run `drop table _rollcall_migrations` to have an empty one created"
    )]
    Gone(Box<Table>),
    /// The role could not be given its rights.
    #[error("the role `{role}` cannot be given what the consumer needs")]
    Grant {
        /// Which.
        role: Role,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
}

impl Schema {
    /// Reads the `DATABASE_*` and `USERS_*` variables: see `docs/configuration.md`.
    ///
    /// # Errors
    ///
    /// [`VariableError`], for a pooler in between too.
    pub fn read(environment: &Environment, aws: &SdkConfig) -> Result<Self, VariableError> {
        let unreadable = |name, holds, why: &str| VariableError::Unreadable { name, holds, why: why.to_owned() };
        let database = Database::read(environment, aws)?;
        if database.is_behind_a_transaction_pooler() {
            return Err(unreadable("DATABASE_POOLER", POOLER_HOLDS, "it names a pooler"));
        }
        let role = environment.optional("DATABASE_GRANT_TO").map(|name| {
            Role::parse(name).ok_or_else(|| unreadable("DATABASE_GRANT_TO", Role::HOLDS, "it is not a name"))
        });
        Ok(Self { database, table: Table::read(environment)?, grant_to: role.transpose()? })
    }

    /// Makes the table, or validates yours, and gives the consumer's role its rights. Safe to run twice, and at the same time as another one.
    ///
    /// # Errors
    ///
    /// [`SchemaError`]. Your existing table is as it was.
    pub async fn bring(&self) -> Result<Brought, SchemaError> {
        let mut connection = self.database.connect(SystemTime::now()).await?;
        let table = self.table.clone();
        let migrated = match migrate(&mut connection, &table).await.map_err(SchemaError::Migrate)? {
            Err(NoTable::Absent) => return Err(SchemaError::Absent(Box::new(table))),
            Err(NoTable::Gone) => return Err(SchemaError::Gone(Box::new(table))),
            Ok(Migrated::Theirs(findings)) if !fits(&findings) => {
                return Err(SchemaError::Unfit { table: Box::new(table), findings });
            }
            Ok(migrated) => migrated,
        };
        let Some(role) = self.grant_to.clone() else { return Ok(Brought { table, migrated, granted: None }) };
        match grant(&mut connection, &role, &table).await {
            Ok(granted) => Ok(Brought { table, migrated, granted: Some((role, granted)) }),
            Err(source) => Err(SchemaError::Grant { role, source }),
        }
    }
}

impl SchemaError {
    /// Whether another attempt may succeed: the database starts, a role is not known everywhere yet, somebody holds a lock.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect(ConnectError::Failed { error, .. } | ConnectError::NoLogin(error)) => {
                !says_no_for_good(error)
            }
            Self::Connect(ConnectError::NoAnswer { .. } | ConnectError::NoAnswerOfAws) => true,
            Self::Migrate(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _))
            | Self::Grant { source: error, .. } => classify(error) == Verdict::Transient,
            Self::Migrate(_) | Self::Unfit { .. } | Self::Absent(_) | Self::Gone(_) => false,
        }
    }
}

/// A wrong password, and a database that does not exist. Anything else may be a matter of time, a token that is refused among it: IAM takes a while to know a new role.
fn says_no_for_good(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code == "28P01" || code == "3D000")
}

impl fmt::Display for Brought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.migrated {
            Migrated::Ours(steps) => {
                let applied: Vec<_> = steps.iter().map(|step| format!("{step}: applied")).collect();
                f.write_str(&applied.join("\n"))?;
            }
            Migrated::Theirs(findings) => {
                writeln!(f, "the table `{}` was not made by rollcall; it is left as it is", self.table)?;
                if !findings.is_empty() {
                    writeln!(f, "{}", lines(findings))?;
                }
                f.write_str(&conclusion(findings, &self.table))?;
            }
        }
        match &self.granted {
            None => Ok(()),
            Some((role, Granted::Made)) => write!(f, "\nrole `{role}` created; it can insert users"),
            Some((role, Granted::Found { left })) => {
                write!(f, "\nrole `{role}` already exists; it can insert users")?;
                if left.is_empty() {
                    return Ok(());
                }
                write!(f, "\nhint: if `{role}` connects through a transaction pooler, run: {};", left.join("; "))
            }
        }
    }
}

fn lines(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
