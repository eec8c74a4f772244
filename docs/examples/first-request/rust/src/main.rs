//! `GET /me`: the row of the signed-in user, also when the request is quicker than the pipeline.
//!
//! Reads `DATABASE_URL`, `ISSUER`, `CLIENT_ID` and `PORT`.

mod id_token;
mod keys;

use std::{env, sync::Arc, time::Duration};

use anyhow::Context;
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use sqlx::{
    PgPool, Row,
    postgres::{PgPoolOptions, PgRow},
};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::id_token::{IdTokens, TokenError};

const ENSURE_USER: &str =
    "select cognito_sub, email, first_name, last_name, is_active from ensure_user($1, $2, $3, $4)";

/// Longest wait for a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

struct App {
    tokens: IdTokens,
    pool: PgPool,
}

#[derive(Serialize)]
struct User {
    cognito_sub: Uuid,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    is_active: bool,
}

#[derive(Debug, thiserror::Error)]
enum RequestError {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("the request failed")]
    Database(#[from] sqlx::Error),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let variable = |name: &str| env::var(name).with_context(|| format!("{name} is not set"));
    let app = App {
        tokens: IdTokens::new(&variable("ISSUER")?, &variable("CLIENT_ID")?),
        pool: PgPoolOptions::new().acquire_timeout(CONNECT_LIMIT).connect_lazy(&variable("DATABASE_URL")?)?,
    };
    let host = env::var("HOST").unwrap_or_else(|_| "127.0.0.1".to_owned());
    let listener = TcpListener::bind((host, variable("PORT")?.parse()?)).await?;
    axum::serve(listener, Router::new().route("/me", get(me)).with_state(Arc::new(app))).await?;
    Ok(())
}

async fn me(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Json<User>, RequestError> {
    let claims = app.tokens.verify(bearer(&headers).ok_or(TokenError::Invalid)?).await?;
    // One statement outside of a transaction: an open one would make the consumer wait for its row.
    let row = sqlx::query(ENSURE_USER)
        .bind(claims.sub)
        .bind(claims.email)
        .bind(claims.given_name)
        .bind(claims.family_name)
        .fetch_one(&app.pool)
        .await?;
    Ok(Json(User::read(&row)?))
}

impl User {
    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            cognito_sub: row.try_get("cognito_sub")?,
            email: row.try_get("email")?,
            first_name: row.try_get("first_name")?,
            last_name: row.try_get("last_name")?,
            is_active: row.try_get("is_active")?,
        })
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

impl IntoResponse for RequestError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Token(TokenError::Invalid) => StatusCode::UNAUTHORIZED,
            Self::Token(TokenError::KeysUnavailable) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut response = (status, Json(serde_json::json!({ "error": self.to_string() }))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response
    }
}
