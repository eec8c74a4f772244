import { ArnFormat, type Stack } from 'aws-cdk-lib';
import type { IDependable } from 'constructs';
import type { Permission } from './permission';
import type { Subnets } from './subnets';

/** What a function needs to reach the database: the variables of `docs/configuration.md`, and rights. */
export interface DatabaseAccess {
  readonly environment: Record<string, string>;
  readonly may: Permission[];
}

/** The consumer writes rows; `migrate` makes the table, which is more than the consumer may be allowed to. */
export interface DatabaseAccesses {
  readonly consumer: DatabaseAccess;
  /** Nothing when no deployment shall migrate. */
  readonly migrate: DatabaseAccess | undefined;
}

/** A database, and the subnets that it can be reached from, if not every network. */
export interface ReachableDatabase extends DatabaseAccesses {
  readonly subnets: Subnets | undefined;
  /** What must be there before anything connects: an instance, and the rule that lets the functions in. */
  readonly after?: IDependable[];
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

/** Reading a secret, and decrypting it where a customer managed key encrypts it: `key` may be any ARN that permits nothing here. */
export function mayReadSecret(stack: Stack, secret: string, key: string | undefined): Permission[] {
  const read = { actions: ['secretsmanager:GetSecretValue'], on: secret };
  if (key === undefined) return [read];
  // Secrets Manager decrypts in the function's name; the function itself has nothing that is under the key.
  const when = { StringEquals: { 'kms:ViaService': `secretsmanager.${stack.region}.amazonaws.com` } };
  return [read, { actions: ['kms:Decrypt'], on: key, when }];
}
