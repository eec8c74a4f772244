//! Connections to the database, whichever way the environment says to log in, and through a pooler or not.

use std::{
    io,
    ops::{Deref, DerefMut},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_types::SdkConfig;
use rollcall_aws_runtime::environment::{Environment, VariableError};
use sqlx::{ConnectOptions, Connection, PgConnection, error::DatabaseError, postgres::PgConnectOptions};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    catalogue::Catalogue,
    doubts::Doubts,
    iam_token,
    login::Login,
    session::SETTINGS,
    trouble::{self, ConnectError},
};

/// Longest wait for a new connection. A dead database must not cost a whole invocation.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Timeout for connections other than the consumer's, and for reading credentials. A host that is not there for us, because of a security group or a route, does not answer at all.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A connection that was used within this time carries the next statement unasked.
const FRESH: Duration = Duration::from_secs(10);

/// Longest wait for the answer of a connection that is not fresh any more.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

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
    login: Login,
    pub(crate) pooler: Pooler,
    pub(crate) catalogue: Catalogue,
    pub(crate) doubts: Doubts,
    /// Connections that wait for the next batch: one in Lambda, one for each worker that polls.
    idle: Mutex<Vec<Idle>>,
    /// What to connect with, and when it was made.
    options: tokio::sync::Mutex<Option<(PgConnectOptions, SystemTime)>>,
}

/// A connection that waits, and since when. The clock is the wall's: a function that is frozen does not see the other one move.
struct Idle {
    connection: PgConnection,
    since: SystemTime,
}

/// A connection in use. It is closed when this is dropped, and kept for the next batch only when it is given back:
/// a connection that has not finished its statement can never carry another one.
pub struct Lease<'a> {
    connection: PgConnection,
    database: &'a Database,
}

impl Lease<'_> {
    /// Keeps the connection, which has finished its statement.
    pub fn give_back(self) {
        let idle = Idle { connection: self.connection, since: SystemTime::now() };
        self.database.idle.lock().unwrap_or_else(PoisonError::into_inner).push(idle);
    }
}

impl Deref for Lease<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
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
                    why: "its value is unknown".to_owned(),
                });
            }
        };
        Ok(Self {
            login: Login::read(environment, aws)?,
            pooler,
            catalogue: Catalogue::default(),
            doubts: Doubts::default(),
            idle: Mutex::default(),
            options: tokio::sync::Mutex::default(),
        })
    }

    /// A connection: one that waits, or else a new one.
    ///
    /// # Errors
    ///
    /// There is none within the timeout, the database refuses us, or there is nothing to log in with ([`sqlx::Error::Configuration`]).
    pub async fn acquire(&self) -> Result<Lease<'_>, sqlx::Error> {
        self.acquire_at(SystemTime::now()).await
    }

    /// The same at another time, for tests of what time does to a token and to a connection.
    ///
    /// # Errors
    ///
    /// As [`Database::acquire`].
    pub async fn acquire_at(&self, now: SystemTime) -> Result<Lease<'_>, sqlx::Error> {
        while let Some(mut idle) = self.take_idle() {
            let is_fresh = now.duration_since(idle.since).is_ok_and(|age| age < FRESH);
            if is_fresh || answers(&mut idle.connection).await {
                return Ok(Lease { connection: idle.connection, database: self });
            }
        }
        let connection = match self.open(now).await {
            // The secret has been rotated since it was read, or the credentials that signed the token have ended.
            Err(error) if !matches!(self.login, Login::Url(_)) && refuses_login(&error) => {
                *self.options.lock().await = None;
                self.open(now).await?
            }
            opened => opened?,
        };
        Ok(Lease { connection, database: self })
    }

    fn take_idle(&self) -> Option<Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    async fn open(&self, now: SystemTime) -> Result<PgConnection, sqlx::Error> {
        let options = self.current_options(now).await?;
        let connected = timeout(CONNECT_TIMEOUT, PgConnection::connect_with(&options)).await;
        let no_answer = || sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the database does not answer"));
        connected.unwrap_or_else(|_| Err(no_answer())).map_err(|error| trouble::at(&trouble::place(&options), error))
    }

    async fn current_options(&self, now: SystemTime) -> Result<PgConnectOptions, sqlx::Error> {
        let mut current = self.options.lock().await;
        if let Some((options, made)) = &*current {
            let is_good = match self.login {
                Login::Iam { .. } => now.duration_since(*made).is_ok_and(|age| age < iam_token::USED),
                Login::Url(_) | Login::Secret { .. } => true,
            };
            if is_good {
                return Ok(options.clone());
            }
        }
        let options = self.options(now).await?;
        *current = Some((options.clone(), now));
        Ok(options)
    }

    /// A connection outside of all this, for work that is done once.
    ///
    /// # Errors
    ///
    /// There is none within 10 s, the database refuses us, or there is nothing to log in with.
    pub async fn connect(&self, now: SystemTime) -> Result<PgConnection, ConnectError> {
        let end = Instant::now() + CONNECT_LIMIT;
        let options = timeout_at(end, self.options(now)).await.map_err(|_| ConnectError::NoAnswerOfAws)?;
        let options = options.map_err(ConnectError::NoLogin)?;
        let at = trouble::place(&options);
        match timeout_at(end, PgConnection::connect_with(&options)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(ConnectError::Failed { at, error }),
            Err(_) => Err(ConnectError::NoAnswer { at }),
        }
    }

    /// Whether consecutive statements may meet different server connections.
    pub fn is_behind_a_transaction_pooler(&self) -> bool {
        self.pooler == Pooler::Transaction
    }

    /// What to connect with: what logs in, made or looked up now, and what every connection has.
    async fn options(&self, now: SystemTime) -> Result<PgConnectOptions, sqlx::Error> {
        // Boxed, because it happens seldom and the SDK's futures are large and deep.
        let login = Box::pin(self.login.options(now)).await;
        let options = login.map_err(|error| sqlx::Error::Configuration(error.into()))?;
        let options = options.application_name("rollcall").disable_statement_logging();
        Ok(match self.pooler {
            Pooler::None => options.options(SETTINGS),
            Pooler::Transaction => options.extra_float_digits(None),
        })
    }
}

async fn answers(connection: &mut PgConnection) -> bool {
    matches!(timeout(PING_TIMEOUT, connection.ping()).await, Ok(Ok(())))
}

/// Class 28 is the server's own answer; PgBouncer says 08P01 to everything that it refuses before it has a server.
/// Source: "PostgreSQL Error Codes", Appendix A of the PostgreSQL documentation.
fn refuses_login(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code.starts_with("28") || code == "08P01")
}
