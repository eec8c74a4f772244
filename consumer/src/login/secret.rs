//! The secret of Secrets Manager.

use serde::Deserialize;
use sqlx::postgres::PgConnectOptions;

use super::{
    LoginError,
    place::{PORT, Place},
};

/// A secret as RDS and its rotation functions write it; one that RDS manages itself has only the first two.
/// Source: "JSON structure of AWS Secrets Manager secrets" in the AWS Secrets Manager user guide.
#[derive(Deserialize)]
struct Secret {
    username: String,
    password: String,
    host: Option<String>,
    port: Option<Port>,
    dbname: Option<String>,
}

/// A number, or the same as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Text(String),
}

pub(super) fn of_secret(text: &str, place: &Place) -> Result<PgConnectOptions, LoginError> {
    // serde's own words can quote the password.
    let secret: Secret = serde_json::from_str(text)
        .map_err(|_| LoginError::Malformed("`username` or `password` is missing, or a value has the wrong type"))?;
    let port = match secret.port {
        None => PORT,
        Some(Port::Number(port)) => port,
        Some(Port::Text(port)) => port.parse().map_err(|_| LoginError::Malformed("`port` is no number"))?,
    };
    let host = place.host.as_deref().or(secret.host.as_deref()).ok_or(LoginError::Malformed("it names no host"))?;
    let options = place.options().host(host).port(place.port.unwrap_or(port));
    let options = options.username(&secret.username).password(&secret.password);
    // Without a name Postgres takes the user's, which is seldom the database that was meant.
    let name = place.name.as_deref().or(secret.dbname.as_deref());
    let name = name.ok_or(LoginError::Malformed("it names no database; set DATABASE_NAME"))?;
    Ok(options.database(name))
}

#[cfg(test)]
mod tests {
    use sqlx::ConnectOptions;

    use super::*;

    fn place(variables: &[(&str, &str)]) -> Place {
        Place::read(&variables.iter().copied().collect()).unwrap()
    }

    #[test]
    fn a_secret_of_rds_is_understood_and_the_environment_wins_over_it() {
        let secret = r#"{"engine":"postgres","host":"instance","port":5433,"username":"app","password":"p@ss/word","dbname":"shop"}"#;
        let url = |secret, variables| of_secret(secret, &place(variables)).unwrap().to_url_lossy().to_string();
        assert!(
            url(secret, &[]).starts_with("postgres://app:p%40ss%2Fword@instance:5433/shop?"),
            "{}",
            url(secret, &[])
        );
        let proxy = [("DATABASE_HOST", "proxy"), ("DATABASE_PORT", "6432"), ("DATABASE_NAME", "other")];
        assert!(url(secret, &proxy).contains("@proxy:6432/other?"));
        let managed_by_rds = r#"{"username":"app","password":"x"}"#;
        let elsewhere = [("DATABASE_HOST", "proxy"), ("DATABASE_NAME", "shop")];
        assert!(url(managed_by_rds, &elsewhere).contains("app:x@proxy:5432/shop"));
        assert!(url(r#"{"username":"a","password":"x","port":"5444"}"#, &elsewhere).contains("@proxy:5444"));
    }

    #[test]
    fn a_secret_that_names_no_database_does_not_mean_the_one_that_is_called_like_its_user() {
        let secret = r#"{"host":"instance","username":"postgres","password":"x"}"#;
        let error = of_secret(secret, &place(&[])).unwrap_err().to_string();
        assert!(error.contains("it names no database; set DATABASE_NAME"), "{error}");
    }

    #[test]
    fn a_secret_that_is_none_is_named_without_showing_it() {
        for text in [
            "",
            "hunter2",
            r#"{"username":"a"}"#,
            r#"{"username":"a","password":["hunter2"]}"#,
            r#"{"username":"a","password":"hunter2"}"#,
        ] {
            let error = of_secret(text, &place(&[])).unwrap_err().to_string();
            assert!(error.contains("`username` and `password`") && !error.contains("hunter2"), "{error}");
        }
    }
}
