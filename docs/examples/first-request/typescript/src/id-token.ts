// Verifies the ID tokens of one user pool's app client.

import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

/** The token does not prove who sent it: 401. */
export class InvalidToken extends Error {}

/** The pool's keys could not be fetched, so nothing is known about the token: 503. */
export class KeysUnavailable extends Error {}

export interface Claims {
  sub: string;
  email: string | null;
  givenName: string | null;
  familyName: string | null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Accepts tokens from this issuer, for this app client. */
export function idTokens(issuer: string, clientId: string): (token: string) => Promise<Claims> {
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), {
    // An unknown key id causes at most one request for the keys in this time, or anybody could make us flood Cognito.
    cooldownDuration: 5_000,
    // Keys are fetched again after this time, so that one that the pool no longer publishes is forgotten.
    cacheMaxAge: 3_600_000,
    timeoutDuration: 5_000,
  });
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ['RS256'],
        issuer,
        audience: clientId,
        requiredClaims: ['exp', 'sub', 'token_use'],
      });
      // An access token has no e-mail address and no names; the row would lack them for good.
      if (payload['token_use'] !== 'id') throw new InvalidToken('not an ID token');
      if (!UUID.test(payload.sub ?? '')) throw new InvalidToken('not the sub of a user');
      return {
        sub: payload.sub!,
        email: text(payload['email']),
        givenName: text(payload['given_name']),
        familyName: text(payload['family_name']),
      };
    } catch (error) {
      if (error instanceof InvalidToken) throw error;
      throw isAboutTheKeys(error) ? new KeysUnavailable('no keys', { cause: error }) : new InvalidToken('no proof', { cause: error });
    }
  };
}

/** A claim that Postgres can store as text; it cannot store NUL. */
function text(claim: unknown): string | null {
  return typeof claim === 'string' && !claim.includes('\0') ? claim : null;
}

/** A failed request is not an error of jose's own; a response that holds no keys is. */
function isAboutTheKeys(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return true;
  return ['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID'].includes(error.code);
}
