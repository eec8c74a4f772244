"""Verifies the ID tokens of one user pool's app client."""

import json
import threading
import time
import urllib.request
from uuid import UUID

import jwt

# An unknown key id causes at most one request for the keys in this time, or anybody could make us flood Cognito.
COOLDOWN_S = 5

# Keys are fetched again after this time, so that one that the pool no longer publishes is forgotten.
MAX_AGE_S = 3600

FETCH_TIMEOUT_S = 5


class InvalidToken(Exception):
    """The token does not prove who sent it: 401."""


class KeysUnavailable(Exception):
    """The pool's keys could not be fetched, so nothing is known about the token: 503."""


class SigningKeys:
    """The public keys of a pool by their ids, fetched when they are needed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str, jwt.PyJWK] = {}
        self._tried_at: float | None = None
        self._refreshing = threading.Lock()

    def get(self, key_id: str) -> jwt.PyJWK:
        """The key with this id. A request with a known key never waits for one with an unknown key."""
        if key_id not in self._keys:
            with self._refreshing:
                if key_id not in self._keys and self._is_older_than(COOLDOWN_S):
                    self._fetch()
        elif self._is_older_than(MAX_AGE_S) and self._refreshing.acquire(blocking=False):
            try:
                self._fetch()
            finally:
                self._refreshing.release()
        keys = self._keys
        if not keys:
            raise KeysUnavailable
        if key_id not in keys:
            raise InvalidToken("unknown key id")
        return keys[key_id]

    def _is_older_than(self, seconds: float) -> bool:
        return self._tried_at is None or time.monotonic() - self._tried_at > seconds

    def _fetch(self) -> None:
        """Keeps the keys that we have if the new ones cannot be fetched."""
        self._tried_at = time.monotonic()
        try:
            with urllib.request.urlopen(self._url, timeout=FETCH_TIMEOUT_S) as response:
                keys = json.load(response)["keys"]
            self._keys = {key["kid"]: jwt.PyJWK(key, algorithm="RS256") for key in keys if key.get("kty") == "RSA"}
        except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError):
            return


class IdTokens:
    """Tokens are accepted from this issuer, for this app client."""

    def __init__(self, issuer: str, client_id: str) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._keys = SigningKeys(f"{issuer}/.well-known/jwks.json")

    def verify(self, token: str) -> dict:
        """The claims of a valid token, with `sub` as a UUID."""
        try:
            header = jwt.get_unverified_header(token)
            key_id = header.get("kid")
            # Before the key is looked up: the header is not to be trusted in anything but the choice of the key.
            if header.get("alg") != "RS256" or not isinstance(key_id, str):
                raise InvalidToken("not signed as Cognito signs")
            claims = jwt.decode(
                token,
                self._keys.get(key_id),
                algorithms=["RS256"],
                audience=self._client_id,
                issuer=self._issuer,
                options={
                    "require": ["exp", "iss", "aud", "sub", "token_use"],
                    # If our clock is a second behind Cognito's, a token that was issued just now comes from the future.
                    "verify_iat": False,
                },
            )
            # An access token has no e-mail address and no names; the row would lack them for good.
            if claims["token_use"] != "id":
                raise InvalidToken("not an ID token")
            return {**claims, "sub": UUID(claims["sub"])}
        except (jwt.PyJWTError, ValueError) as error:
            raise InvalidToken(str(error)) from error
