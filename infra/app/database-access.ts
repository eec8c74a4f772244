import { CfnParameter, type Stack } from 'aws-cdk-lib';
import { type DatabaseAccess, type DatabaseAccesses, mayLogIn, mayReadSecret } from '../construct/src/database-access.ts';
import type { Choice, Database } from './input.ts';
import { arnUnless, KEY, unlessGiven } from './parameters.ts';

/** A database of yours, and how the consumer logs in to it. */
export type Login = Exclude<Database, 'aurora'>;

/** Declares the parameters that belong to a way of logging in, and says what follows from them; those of `migrate` only when it is deployed. */
export function databaseAccess(stack: Stack, login: Login, migrate: Choice): DatabaseAccesses {
  const accesses = { url, secret, iam }[login](stack);
  if (migrate === 'no') return { consumer: accesses.consumer, migrate: undefined };
  const ownLogin = accesses.migrate();
  const environment = { ...ownLogin.environment, DATABASE_GRANT_TO: grantTo(stack) };
  return { consumer: accesses.consumer, migrate: { ...ownLogin, environment } };
}

/** The second one declares parameters when it is called. */
interface Declared {
  readonly consumer: DatabaseAccess;
  migrate(): DatabaseAccess;
}

function url(stack: Stack): Declared {
  const allowedPattern = '(postgres(ql)?://|\\{\\{resolve:secretsmanager:).+';
  const constraintDescription = 'Give a postgres:// URL or a dynamic reference to a Secrets Manager secret that holds one.';
  const consumer = new CfnParameter(stack, 'DatabaseUrl', {
    type: 'String',
    noEcho: true,
    // In words: written out here, CloudFormation's own syntax would be taken for a reference.
    description:
      'The Postgres URL that the consumer connects to; on AWS pass a dynamic reference to a Secrets Manager secret and not the URL itself, or make the template with the context database=secret.',
    allowedPattern,
    constraintDescription,
  }).valueAsString;
  const migrate = () =>
    unlessGiven(consumer, stack, 'MigrationDatabaseUrl', {
      noEcho: true,
      description: 'The same with a login that may make the table, if that of the consumer may not.',
      allowedPattern: `(${allowedPattern})?`,
      constraintDescription,
    });
  return {
    consumer: { environment: { DATABASE_URL: consumer }, may: [] },
    migrate: () => ({ environment: { DATABASE_URL: migrate() }, may: [] }),
  };
}

function secret(stack: Stack): Declared {
  const allowedPattern = 'arn:[\\w-]+:secretsmanager:[\\w-]+:\\d{12}:secret:.+-[A-Za-z0-9]{6}';
  const constraintDescription = 'Give the full ARN of a secret, with the six letters at its end.';
  const arn = new CfnParameter(stack, 'DatabaseLoginArn', {
    type: 'String',
    description: 'The secret with `username` and `password` as RDS makes it; read when the consumer connects, and again after a rotation.',
    allowedPattern,
    constraintDescription,
  }).valueAsString;
  // The secret may say where the database is; one that RDS manages itself does not.
  const place = placeOf(stack, 'optional');
  const key = arnUnless(arn, stack, 'DatabaseKeyArn', {
    resource: KEY,
    description: "The customer managed key that encrypts the secret, and that of the migration if it is another one; none with AWS's own key. Its policy must let this account's roles use it.",
  });
  const access = (login: string, environment: Record<string, string>): DatabaseAccess => ({
    environment: { DATABASE_SECRET_ARN: login, ...environment },
    may: mayReadSecret(stack, login, key),
  });
  const migrate = () =>
    unlessGiven(arn, stack, 'MigrationLoginArn', {
      description: 'The same for a login that may make the table, if that of the consumer may not.',
      allowedPattern: `(${allowedPattern})?`,
      constraintDescription,
    });
  return { consumer: access(arn, place), migrate: () => access(migrate(), migrationPlace(stack, place)) };
}

function iam(stack: Stack): Declared {
  const user = name(stack, 'DatabaseUser', 'The database user that may log in with a token; it needs the role rds_iam.', 'required');
  const allowedPattern = '(db|cluster|prx)-[A-Za-z0-9]+';
  const constraintDescription =
    'Give the resource id of the configuration tab, such as cluster-ABCDEFGHIJKL01234, and not the name.';
  const resource = new CfnParameter(stack, 'DatabaseResourceId', {
    type: 'String',
    description: "The database as IAM names it: an instance's db-…, a cluster's cluster-… or a proxy's prx-….",
    allowedPattern,
    constraintDescription,
  }).valueAsString;
  const place = placeOf(stack, 'required');
  const access = (at: string, as: string, environment: Record<string, string>): DatabaseAccess => ({
    environment: { DATABASE_AUTH: 'iam', DATABASE_USER: as, ...environment },
    may: [mayLogIn(stack, at, as)],
  });
  const migrationUser = () =>
    unlessGiven(user, stack, 'MigrationUser', { description: 'A user that may make the table, if that of the consumer may not.' });
  const migrationResource = () =>
    unlessGiven(resource, stack, 'MigrationResourceId', {
      description: 'The database itself as IAM names it, if the consumer goes through a proxy.',
      allowedPattern: `(${allowedPattern})?`,
      constraintDescription,
    });
  return {
    consumer: access(resource, user, place),
    migrate: () => access(migrationResource(), migrationUser(), migrationPlace(stack, place)),
  };
}

type Need = 'required' | 'optional';

/** Where the database is; a variable that is empty counts as not set. */
function placeOf(stack: Stack, need: Need): Record<string, string> {
  return {
    DATABASE_HOST: name(stack, 'DatabaseHost', 'The endpoint of the database or of its proxy, as RDS names it.', need),
    DATABASE_PORT: name(stack, 'DatabasePort', 'Its port; 5432 if empty.', 'optional'),
    DATABASE_NAME: name(stack, 'DatabaseName', 'The database on that server.', need),
    DATABASE_POOLER: new CfnParameter(stack, 'DatabasePooler', {
      type: 'String',
      default: '',
      allowedValues: ['', 'transaction'],
      description: 'Give `transaction` behind RDS Proxy or a PgBouncer in transaction mode.',
    }).valueAsString,
    DATABASE_CA: name(
      stack,
      'DatabaseCa',
      "A PEM file in the zip with the authorities to trust: RDS's own of this Region are /var/task/rds/<Region>.pem; the public ones if empty.",
      'optional',
    ),
  };
}

/** A migration holds a lock that belongs to a connection, so it goes to the database itself. */
function migrationPlace(stack: Stack, { DATABASE_HOST, DATABASE_PORT, DATABASE_NAME, DATABASE_CA }: Record<string, string>): Record<string, string> {
  const otherwise = (given: string | undefined, id: string, description: string) => unlessGiven(given ?? '', stack, id, { description });
  return {
    DATABASE_HOST: otherwise(DATABASE_HOST, 'MigrationHost', 'The endpoint of the database itself, if the consumer goes through a proxy.'),
    DATABASE_PORT: DATABASE_PORT ?? '',
    DATABASE_NAME: DATABASE_NAME ?? '',
    DATABASE_CA: otherwise(DATABASE_CA, 'MigrationCa', "The authorities to trust there: RDS's own of this Region are /var/task/rds/<Region>.pem."),
  };
}

function grantTo(stack: Stack): string {
  return new CfnParameter(stack, 'DatabaseRole', {
    type: 'String',
    default: '',
    description: "The consumer's own database role, which the migration makes unless it is there, and lets insert users; none if empty.",
    allowedPattern: '([a-z][a-z0-9_]{0,62})?',
    constraintDescription: 'Give a role in small letters, digits and underscores, or nothing.',
  }).valueAsString;
}

function name(stack: Stack, id: string, description: string, need: Need): string {
  return new CfnParameter(stack, id, {
    type: 'String',
    description,
    ...(need === 'optional' ? { default: '' } : { minLength: 1, constraintDescription: `Give a value for ${id}.` }),
  }).valueAsString;
}
