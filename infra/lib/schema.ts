import { CfnParameter, CustomResource, Duration, Stack } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { DatabaseAccess } from './database-access.ts';
import { MIGRATE } from './limits.ts';
import type { Subnets } from './network-access.ts';
import { digestOf, type Packages } from './packages.ts';
import { RustFunction } from './rust-function.ts';

export interface SchemaProps {
  /** The function's own name. */
  readonly name: string;
  readonly packages: Packages;
  readonly database: DatabaseAccess;
  readonly subnets: Subnets | undefined;
  readonly key: IKey | undefined;
}

/**
 * The table, made or checked by each deployment that brings another `migrate`; a deployment fails with its reason.
 * Whatever must not run before depends on `resource`. What it does stands in `consumer/src/schema_resource.rs`.
 */
export class Schema extends Construct {
  readonly resource: CustomResource;

  constructor(scope: Construct, id: string, props: SchemaProps) {
    super(scope, id);
    const migrate = new RustFunction(this, 'Migrate', {
      name: props.name,
      description: 'Makes the table that the consumer writes to, or checks yours.',
      packages: props.packages,
      code: 'migrate',
      timeout: Duration.seconds(MIGRATE.timeoutSeconds),
      memoryMiB: MIGRATE.memoryMiB,
      environment: props.database.environment,
      environmentKey: props.key,
      may: props.database.may,
      subnets: props.subnets,
    });
    this.resource = new CustomResource(this, 'Table', {
      resourceType: 'Custom::UsersTable',
      serviceToken: migrate.lambda.functionArn,
      // Longer than the function may run, so that a function that does not even start fails the deployment in minutes.
      serviceTimeout: Duration.seconds(MIGRATE.timeoutSeconds + MIGRATE.graceSeconds),
      // CloudFormation runs a custom resource again only when one of its properties has changed.
      properties: { Migrations: digestOf(props.packages, 'migrate'), Run: run(Stack.of(this)) },
    });
    // Its own permissions first: the function is called as soon as it is there.
    this.resource.node.addDependency(migrate);
  }
}

function run(stack: Stack): string {
  return new CfnParameter(stack, 'MigrationRun', {
    type: 'String',
    default: '1',
    description: 'Any text: change it to run the migration again, after the database was moved for example.',
  }).valueAsString;
}
