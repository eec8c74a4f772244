// GET /me: the row of the signed-in user, also when the request is quicker than the pipeline.
// It reads DATABASE_URL, ISSUER, CLIENT_ID and PORT.

import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import pg from 'pg';

import { idTokens, InvalidToken, KeysUnavailable } from './id-token.js';

const ENSURE_USER = 'select cognito_sub, email, first_name, last_name, is_active from ensure_user($1, $2, $3, $4)';

function variable(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

const verify = idTokens(variable('ISSUER'), variable('CLIENT_ID'));
const pool = new pg.Pool({ connectionString: variable('DATABASE_URL'), connectionTimeoutMillis: 5_000 });
// Without a listener, a connection that breaks while it is idle ends the process.
pool.on('error', (error) => console.error('an idle connection broke', error.message));

const app = new Hono();

app.get('/me', async (context) => {
  const token = /^Bearer (\S+)$/i.exec(context.req.header('Authorization') ?? '')?.[1];
  if (!token) throw new InvalidToken('no token');
  const { sub, email, givenName, familyName } = await verify(token);
  // One statement outside of a transaction: an open one would make the consumer wait for its row.
  const { rows } = await pool.query(ENSURE_USER, [sub, email, givenName, familyName]);
  return context.json(rows[0]);
});

app.onError((error, context) => {
  if (error instanceof InvalidToken) {
    return context.json({ error: 'a valid ID token is needed' }, 401, { 'WWW-Authenticate': 'Bearer' });
  }
  if (error instanceof KeysUnavailable) {
    return context.json({ error: 'tokens cannot be verified at the moment' }, 503);
  }
  console.error('the request failed', error.message);
  return context.json({ error: 'the request failed' }, 500);
});

serve({ fetch: app.fetch, port: Number(variable('PORT')), hostname: process.env['HOST'] ?? '127.0.0.1' });
