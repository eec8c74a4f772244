//! libpq's variables have no say: a laptop's `PGHOST` or `PGOPTIONS` must not decide where rows go.

use std::{
    env, io,
    os::unix::{ffi::OsStrExt, process::CommandExt},
    process::Command,
};

/// Replaces this process by itself without `PGHOST`, `PGOPTIONS`, `PGSSLCERT` and their like, if any is set.
///
/// sqlx fills in from them whatever its caller leaves out, and nothing turns that off.
/// A variable cannot be removed from a running process without `unsafe`, but a new one can be started without it.
///
/// # Errors
///
/// The program cannot be started again. On success there is nothing to return to.
pub fn discard_variables() -> io::Result<()> {
    let variables = env::vars_os().map(|(name, _)| name).filter(|name| name.as_bytes().starts_with(b"PG"));
    let variables: Vec<_> = variables.collect();
    if variables.is_empty() {
        return Ok(());
    }
    let mut command = Command::new(env::current_exe()?);
    command.args(env::args_os().skip(1));
    for variable in variables {
        command.env_remove(variable);
    }
    Err(command.exec())
}
