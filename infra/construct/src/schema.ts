import type { CustomResource } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { DatabaseAccess } from './database-access';
import { MIGRATE, SCHEMA_VERSION } from './limits';
import type { Packages } from './packages';
import { RustResource } from './rust-resource';
import type { Subnets } from './subnets';

export interface SchemaProps {
  /** The function's own name. */
  readonly name: string;
  readonly packages: Packages;
  readonly database: DatabaseAccess;
  readonly subnets: Subnets | undefined;
  readonly key: IKey | undefined;
  /** Another text runs it again. */
  readonly run: string;
}

/**
 * The table, made or checked by each deployment that brings another schema version or names another database; a deployment fails with its reason.
 * Whatever must not run before depends on `resource`. What it does stands in `consumer/src/schema_resource.rs`.
 */
export class Schema extends Construct {
  readonly resource: CustomResource;

  constructor(scope: Construct, id: string, { name, packages, database, subnets, key, run }: SchemaProps) {
    super(scope, id);
    const migrate = new RustResource(this, 'Migrate', {
      name,
      description: 'Makes the table that the consumer writes to, or checks yours.',
      packages,
      code: 'migrate',
      limits: MIGRATE,
      environment: database.environment,
      environmentKey: key,
      may: database.may,
      subnets,
      type: 'Custom::UsersTable',
      properties: { SchemaVersion: SCHEMA_VERSION, Database: placeOf(database), Run: run },
    });
    this.resource = migrate.resource;
  }
}

/** Where the table is and who writes to it, so that another database gets its table too; never a URL, which may hold a password. */
function placeOf({ environment }: DatabaseAccess): string {
  const { DATABASE_URL: _, ...place } = environment;
  return Object.values(place).join(' ');
}
