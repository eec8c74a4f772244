//! Connections to the database, whichever way the environment says to log in, and through a pooler or not.

use std::time::{Duration, SystemTime};

use aws_types::SdkConfig;
use rollcall_aws_runtime::environment::{Environment, VariableError};
use sqlx::{
    Connection, PgConnection, PgPool, Postgres,
    error::DatabaseError,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::sync::Mutex;

use crate::{iam_token, login::Login, session::SETTINGS};

/// Connections of one process. A Lambda handles one batch at a time with one statement; the second one is for the moment in which the first is being replaced.
const CONNECTIONS: u32 = 2;

/// Longest wait for a connection. sqlx's default of 30 s is a whole invocation, and a dead database would look like a slow one.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// What stands between the consumer and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooler {
    /// Nothing, or a pooler that gives each client a server connection of its own.
    None,
    /// One that gives out a server connection for each transaction: RDS Proxy, or `PgBouncer` with `pool_mode=transaction`.
    ///
    /// A statement then travels inside an explicit transaction: preparing and executing are two messages, and between them another client's statement may take the place of ours.
    /// Start-up options are left out, because such poolers refuse them: the role has them (`alter role … set`).
    Transaction,
}

/// The database of one process. It connects when it is first used, so a database that is down does not fail the start.
pub struct Database {
    pool: PgPool,
    login: Login,
    pub(crate) pooler: Pooler,
    /// When the pool was given what it logs in with.
    renewed: Mutex<Option<SystemTime>>,
}

impl Database {
    /// Reads the `DATABASE_*` variables: see `docs/configuration.md`.
    ///
    /// # Errors
    ///
    /// [`VariableError`] names the variable; it never shows a URL, which may hold a password.
    pub fn read(environment: &Environment, aws: &SdkConfig) -> Result<Self, VariableError> {
        let pooler = match environment.optional("DATABASE_POOLER") {
            None => Pooler::None,
            Some("transaction") => Pooler::Transaction,
            Some(_) => {
                return Err(VariableError::Unreadable {
                    name: "DATABASE_POOLER",
                    holds: "`transaction` behind RDS Proxy or a PgBouncer in transaction mode, or nothing",
                    why: "it is something else".to_owned(),
                });
            }
        };
        // Until the login is known the pool leads nowhere; nobody gets a connection before.
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(PgConnectOptions::new_without_pgpass());
        Ok(Self { pool, login: Login::read(environment, aws)?, pooler, renewed: Mutex::new(None) })
    }

    /// A connection that works.
    ///
    /// # Errors
    ///
    /// There is none within the time-out, the database refuses us, or there is nothing to log in with ([`sqlx::Error::Configuration`]).
    pub async fn acquire(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        self.acquire_at(SystemTime::now()).await
    }

    /// The same at another time, for tests of what a token's end does.
    ///
    /// # Errors
    ///
    /// As [`Database::acquire`].
    pub async fn acquire_at(&self, now: SystemTime) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        self.renew_unless(now, |renewed| match self.login {
            Login::Iam { .. } => now.duration_since(renewed).is_ok_and(|age| age < iam_token::USED),
            Login::Url(_) | Login::Secret { .. } => true,
        })
        .await?;
        match self.pool.acquire().await {
            // The password is another one since it was read: the secret has been rotated.
            Err(error) if matches!(self.login, Login::Secret { .. }) && refuses_login(&error) => {
                self.renew_unless(now, |_| false).await?;
                self.pool.acquire().await
            }
            acquired => acquired,
        }
    }

    /// A connection outside the pool, for work that is done once: its error is the server's own, and not that of a wait for the pool.
    ///
    /// # Errors
    ///
    /// The database refuses us, or there is nothing to log in with ([`sqlx::Error::Configuration`]).
    pub async fn connect(&self, now: SystemTime) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect_with(&self.options(now).await?).await
    }

    /// Whether consecutive statements may meet different server connections.
    pub fn is_behind_a_transaction_pooler(&self) -> bool {
        self.pooler == Pooler::Transaction
    }

    async fn renew_unless(&self, now: SystemTime, is_good: impl Fn(SystemTime) -> bool) -> Result<(), sqlx::Error> {
        let mut renewed = self.renewed.lock().await;
        if !renewed.is_some_and(is_good) {
            self.pool.set_connect_options(self.options(now).await?);
            *renewed = Some(now);
        }
        Ok(())
    }

    /// What to connect with: what logs in, made or looked up now, and what every connection has.
    async fn options(&self, now: SystemTime) -> Result<PgConnectOptions, sqlx::Error> {
        // Boxed, because it happens seldom and the SDK's futures are large and deep.
        let login = Box::pin(self.login.options(now)).await;
        let options = login.map_err(|error| sqlx::Error::Configuration(error.into()))?.application_name("rollcall");
        Ok(match self.pooler {
            Pooler::None => options.options(SETTINGS),
            Pooler::Transaction => options.extra_float_digits(None),
        })
    }
}

/// Class 28 is the server's own answer; PgBouncer says 08P01 to everything that it refuses before it has a server.
/// Source: "PostgreSQL Error Codes", Appendix A of the PostgreSQL documentation.
fn refuses_login(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code.starts_with("28") || code == "08P01")
}
