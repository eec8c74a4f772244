import { ArnFormat, CfnParameter, type Stack } from 'aws-cdk-lib';
import type { DatabaseLogin } from './input.ts';
import type { Permission } from './rust-function.ts';

/** What a function needs to reach the database: the variables of `docs/configuration.md`, and rights. */
export interface DatabaseAccess {
  readonly environment: Record<string, string>;
  readonly may: Permission[];
}

/** Declares the parameters that belong to a way of logging in, and says what follows from them. */
export function databaseAccess(stack: Stack, login: DatabaseLogin): DatabaseAccess {
  switch (login) {
    case 'url':
      return { environment: { DATABASE_URL: url(stack) }, may: [] };
    case 'secret':
      return secret(stack);
    case 'iam':
      return iam(stack);
  }
}

function url(stack: Stack): string {
  return new CfnParameter(stack, 'DatabaseUrl', {
    type: 'String',
    noEcho: true,
    // In words: written out here, CloudFormation's own syntax would be taken for a reference.
    description:
      'The Postgres URL that the consumer connects to; on AWS pass a dynamic reference to a Secrets Manager secret and not the URL itself, or make the template with the context database=secret.',
    allowedPattern: '(postgres(ql)?://|\\{\\{resolve:secretsmanager:).+',
    constraintDescription: 'Give a postgres:// URL or a dynamic reference to a Secrets Manager secret that holds one.',
  }).valueAsString;
}

function secret(stack: Stack): DatabaseAccess {
  const arn = new CfnParameter(stack, 'DatabaseLoginArn', {
    type: 'String',
    description: 'The secret with `username` and `password` as RDS makes it; read when the consumer connects, and again after a rotation.',
    allowedPattern: 'arn:[\\w-]+:secretsmanager:[\\w-]+:\\d{12}:secret:.+',
    constraintDescription: 'Give the full ARN of a secret, with the six letters at its end.',
  }).valueAsString;
  return {
    // The secret may say where the database is; one that RDS manages itself does not.
    environment: { DATABASE_SECRET_ARN: arn, ...place(stack, 'optional') },
    may: [{ actions: ['secretsmanager:GetSecretValue'], on: arn }],
  };
}

function iam(stack: Stack): DatabaseAccess {
  const user = name(stack, 'DatabaseUser', 'The database user that may log in with a token; it needs the role rds_iam.', 'required');
  const resource = new CfnParameter(stack, 'DatabaseResourceId', {
    type: 'String',
    description: "The database as IAM names it: an instance's db-…, a cluster's cluster-… or a proxy's prx-….",
    allowedPattern: '(db|cluster|prx)-[A-Za-z0-9]+',
    constraintDescription: 'Give the resource id of the configuration tab, such as cluster-ABCDEFGHIJKL01234, and not the name.',
  }).valueAsString;
  return {
    environment: { DATABASE_AUTH: 'iam', DATABASE_USER: user, ...place(stack, 'required') },
    may: [mayLogIn(stack, resource, user)],
  };
}

/** Logging in with a token as one user, at the database that IAM calls by this resource id. */
export function mayLogIn(stack: Stack, resourceId: string, user: string): Permission {
  const on = stack.formatArn({
    service: 'rds-db',
    resource: 'dbuser',
    resourceName: `${resourceId}/${user}`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  return { actions: ['rds-db:connect'], on };
}

type Need = 'required' | 'optional';

/** Where the database is; a variable that is empty counts as not set. */
function place(stack: Stack, need: Need): Record<string, string> {
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
      'A PEM file in the zip with the authorities to trust, such as /var/task/rds-ca.pem; the public ones if empty.',
      'optional',
    ),
  };
}

function name(stack: Stack, id: string, description: string, need: Need): string {
  return new CfnParameter(stack, id, {
    type: 'String',
    description,
    ...(need === 'optional' ? { default: '' } : { minLength: 1, constraintDescription: `Give a value for ${id}.` }),
  }).valueAsString;
}
