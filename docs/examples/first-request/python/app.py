"""GET /me: the row of the signed-in user, also when the request is quicker than the pipeline.

Run it with `uvicorn app:app`. It reads DATABASE_URL, ISSUER and CLIENT_ID.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from id_token import IdTokens, InvalidToken, KeysUnavailable

ENSURE_USER = "select cognito_sub, email, first_name, last_name, is_active from ensure_user(%s, %s, %s, %s)"

tokens = IdTokens(os.environ["ISSUER"], os.environ["CLIENT_ID"])

# With autocommit, the call is a transaction of its own: an open one would make the consumer wait for its row.
pool = ConnectionPool(
    os.environ["DATABASE_URL"], kwargs={"autocommit": True, "row_factory": dict_row}, timeout=5, open=False
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    pool.open()
    yield
    pool.close()


app = FastAPI(lifespan=lifespan)


def signed_in(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]) -> dict:
    """The claims of the request's ID token."""
    try:
        if credentials is None:
            raise InvalidToken("no token")
        return tokens.verify(credentials.credentials)
    except InvalidToken as error:
        raise HTTPException(401, "a valid ID token is needed", {"WWW-Authenticate": "Bearer"}) from error
    except KeysUnavailable as error:
        raise HTTPException(503, "tokens cannot be verified at the moment") from error


def text(claim: object) -> str | None:
    """A claim that Postgres can store as text; it cannot store NUL."""
    return claim if isinstance(claim, str) and "\0" not in claim else None


@app.get("/me")
def me(claims: Annotated[dict, Depends(signed_in)]) -> dict:
    names = [text(claims.get(claim)) for claim in ("email", "given_name", "family_name")]
    with pool.connection() as connection:
        return connection.execute(ENSURE_USER, (claims["sub"], *names)).fetchone()
