import { Annotations, type SecretValue, Stack, Token } from 'aws-cdk-lib';
import { type IConnectable, type ISecurityGroup, type IVpc, SecurityGroup, type SubnetSelection, SubnetType } from 'aws-cdk-lib/aws-ec2';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { type DatabaseAccess, type DatabaseAccesses, mayLogIn, mayReadSecret, type ReachableDatabase } from './database-access';
import { keyItself } from './encryption-key';
import type { PackagesInFolder } from './packages';
import { INTERFACES } from './subnets';

/** What is the same for every way of logging in. */
export interface DatabaseOptions {
  /**
   * The VPC from which the database can be reached.
   * Its subnets need a way to SQS, to S3, through which the migration responds to CloudFormation, and to Secrets Manager if a secret is read: a NAT gateway or endpoints.
   *
   * @default - the functions run in Lambda's own network
   */
  readonly vpc?: IVpc;

  /**
   * Subnets of that VPC, in two zones or more.
   *
   * @default - the private ones that have a way out
   */
  readonly vpcSubnets?: SubnetSelection;

  /**
   * Groups of the functions; the database's own must let them in.
   *
   * @default - one is made, which `Rollcall.connections` opens to and from others
   */
  readonly securityGroups?: ISecurityGroup[];

  /**
   * The database or its proxy, whose group lets the functions in at its default port.
   *
   * @default - you let them in: `rollcall.connections.allowToDefaultPort(database)`
   */
  readonly instance?: IConnectable;

  /**
   * Whether a deployment makes the table `users`, or checks yours, before anything is written to it.
   *
   * @default true
   */
  readonly migrate?: boolean;

  /**
   * A database role that the migration makes unless it is there, and lets insert users: whom the consumer logs in as.
   *
   * @default - the consumer's login may insert already
   */
  readonly consumerRole?: string;
}

/** Where the database is, for logins other than a URL. */
export interface DatabasePlace {
  /** @default - what the secret says */
  readonly host?: string;
  /** @default - what the secret says, or 5432 */
  readonly port?: number;
  /** @default - what the secret says */
  readonly databaseName?: string;

  /**
   * Whether the consumer goes through RDS Proxy or a PgBouncer in transaction mode. The migration connects to the database itself.
   *
   * @default false
   */
  readonly transactionPooler?: boolean;

  /**
   * `verify-full`, `verify-ca`, `require` or `disable`, as for libpq.
   *
   * @default verify-full
   */
  readonly sslMode?: string;

  /**
   * A PEM file of CA certificates to trust in addition to the public ones, by its path inside the function.
   *
   * @default - the CA certificates of RDS for the stack's Region
   */
  readonly caCertificates?: string;
}

/** For `Database.fromSecret`. */
export interface SecretDatabaseOptions extends DatabaseOptions, DatabasePlace {
  /**
   * The secret of a login that may make the table.
   *
   * @default - the consumer's
   */
  readonly migrationSecret?: ISecret;

  /**
   * The database itself, when `host` is that of a proxy.
   *
   * @default - `host`
   */
  readonly migrationHost?: string;
}

/** For `Database.fromUrl`. */
export interface UrlDatabaseOptions extends DatabaseOptions {
  /**
   * The same with a login that may make the table.
   *
   * @default - the consumer's
   */
  readonly migrationUrl?: SecretValue;
}

/** For `Database.fromIam`. */
export interface IamDatabaseOptions extends DatabaseOptions, DatabasePlace {
  /** The user that logs in with a token; it needs the role `rds_iam`. */
  readonly user: string;
  /** The database as IAM names it: `db-…`, `cluster-…` or `prx-…`. */
  readonly resourceId: string;

  /**
   * A user that may make the table.
   *
   * @default - the consumer's
   */
  readonly migrationUser?: string;

  /**
   * The database itself, when `host` and `resourceId` are those of a proxy.
   *
   * @default - `host`
   */
  readonly migrationHost?: string;

  /** @default - `resourceId` */
  readonly migrationResourceId?: string;
}

/** A Postgres of yours, and how the functions log in to it. */
export class Database {
  /**
   * With a secret as RDS makes it: `username` and `password`, and if it is there `host`, `port` and `dbname`.
   * It is read by the functions themselves, and again after a rotation.
   */
  public static fromSecret(secret: ISecret, options: SecretDatabaseOptions = {}): Database {
    return new Database(options, (scope, packages) => {
      const place = placeOf(scope, packages, options);
      const access = (login: ISecret, at: Record<string, string>): DatabaseAccess => ({
        environment: { DATABASE_SECRET_ARN: login.secretArn, ...at },
        // Of a secret that is only known by its name, the six characters at the end of its ARN are not.
        may: mayReadSecret(Stack.of(scope), login.secretFullArn ?? `${login.secretArn}-??????`, login.encryptionKey && keyItself(login.encryptionKey).keyArn),
      });
      return {
        consumer: access(secret, { ...place, ...pooler(options) }),
        migrate: access(options.migrationSecret ?? secret, { ...place, ...otherHost(options.migrationHost) }),
      };
    });
  }

  /**
   * With a `postgres://` URL in Secrets Manager, as in `SecretValue.secretsManager('app/database', { jsonField: 'url' })`.
   * CloudFormation puts the value into the functions' configuration, so a rotation needs a deployment; `fromSecret` does not.
   */
  public static fromUrl(url: SecretValue, options: UrlDatabaseOptions = {}): Database {
    // Into the configuration of a function, as documented: every principal that may read the configuration can read the URL.
    const access = (value: SecretValue): DatabaseAccess => ({ environment: { DATABASE_URL: value.unsafeUnwrap() }, may: [] });
    return new Database(options, () => ({ consumer: access(url), migrate: access(options.migrationUrl ?? url) }));
  }

  /** With RDS IAM tokens. The user must be there already, and so must the database. */
  public static fromIam(options: IamDatabaseOptions): Database {
    if (options.host === undefined || options.databaseName === undefined) {
      throw new Error('`Database.fromIam` needs `host` and `databaseName`: there is no secret to read them from');
    }
    return new Database(options, (scope, packages) => {
      const place = placeOf(scope, packages, options);
      const access = (user: string, resourceId: string, at: Record<string, string>): DatabaseAccess => ({
        environment: { DATABASE_AUTH: 'iam', DATABASE_USER: user, ...at },
        may: [mayLogIn(Stack.of(scope), resourceId, user)],
      });
      return {
        consumer: access(options.user, options.resourceId, { ...place, ...pooler(options) }),
        migrate: access(options.migrationUser ?? options.user, options.migrationResourceId ?? options.resourceId, {
          ...place,
          ...otherHost(options.migrationHost),
        }),
      };
    });
  }

  private readonly options: DatabaseOptions;
  private readonly login: (scope: Construct, packages: PackagesInFolder) => DatabaseAccesses;

  private constructor(options: DatabaseOptions, login: (scope: Construct, packages: PackagesInFolder) => DatabaseAccesses) {
    this.options = options;
    this.login = login;
  }

  /** @internal */
  public _reachFrom(scope: Construct, packages: PackagesInFolder): ReachableDatabase & { readonly groups: ISecurityGroup[] } {
    const { consumer, migrate } = this.login(scope, packages);
    const { consumerRole, instance } = this.options;
    const grantTo: Record<string, string> = consumerRole === undefined ? {} : { DATABASE_GRANT_TO: consumerRole };
    const groups = this.groupsIn(scope);
    // From our side, so that the rule is in our stack: in the database's, the two stacks would need each other.
    for (const group of instance ? groups : []) if (instance) group.connections.allowToDefaultPort(instance, 'The functions of rollcall.');
    return {
      consumer,
      migrate: migrate && this.options.migrate !== false ? { ...migrate, environment: { ...migrate.environment, ...grantTo } } : undefined,
      subnets: this.subnets(groups),
      after: Construct.isConstruct(instance) ? [instance] : [],
      groups,
    };
  }

  private groupsIn(scope: Construct): ISecurityGroup[] {
    const { vpc, securityGroups, vpcSubnets, instance } = this.options;
    if (vpc) return securityGroups ?? [new SecurityGroup(scope, 'Functions', { vpc, description: 'The functions of rollcall.' })];
    if (securityGroups || vpcSubnets || instance) {
      throw new Error('`securityGroups`, `vpcSubnets` and `instance` of a database need its `vpc`, in which the functions then run');
    }
    return [];
  }

  private subnets(groups: ISecurityGroup[]): ReachableDatabase['subnets'] {
    const { vpc, vpcSubnets } = this.options;
    if (!vpc) return undefined;
    const { subnetIds, internetConnectivityEstablished: wayOut } = vpc.selectSubnets(vpcSubnets ?? { subnetType: SubnetType.PRIVATE_WITH_EGRESS });
    return { subnetIds, securityGroupIds: groups.map(({ securityGroupId }) => securityGroupId), may: [INTERFACES], wayOut };
  }
}

const SSL_MODES = ['verify-full', 'verify-ca', 'require', 'disable'];

function placeOf(scope: Construct, packages: PackagesInFolder, place: DatabasePlace): Record<string, string> {
  const { host, port, databaseName, sslMode } = place;
  if (sslMode !== undefined && !SSL_MODES.includes(sslMode)) {
    throw new Error(`the \`sslMode\` is \`${sslMode}\`: give ${SSL_MODES.map((mode) => `\`${mode}\``).join(' or ')}`);
  }
  const ca = sslMode === 'disable' ? undefined : (place.caCertificates ?? caOfRds(scope, packages));
  return {
    ...(host === undefined ? {} : { DATABASE_HOST: host }),
    ...(port === undefined ? {} : { DATABASE_PORT: String(port) }),
    ...(databaseName === undefined ? {} : { DATABASE_NAME: databaseName }),
    ...(sslMode === undefined ? {} : { DATABASE_SSLMODE: sslMode }),
    ...(ca ? { DATABASE_CA: ca } : {}),
  };
}

/**
 * Public trust stores do not have them, so the functions carry a file for most Regions.
 * If the Region is only known at deployment and has no file, `migrate` fails the deployment and names the file.
 */
function caOfRds(scope: Construct, packages: PackagesInFolder): string | undefined {
  const { region } = Stack.of(scope);
  if (!Token.isUnresolved(region) && !packages.hasAuthoritiesOf(region)) {
    Annotations.of(scope).addWarningV2(
      'rollcall-cdk:ca-certificates',
      `the functions carry no CA certificates of RDS for ${region}, so they trust the public ones only: name a PEM file of your own in \`caCertificates\` if the database is RDS's`,
    );
    return undefined;
  }
  return `/var/task/rds/${region}.pem`;
}

function pooler({ transactionPooler }: DatabasePlace): Record<string, string> {
  return transactionPooler ? { DATABASE_POOLER: 'transaction' } : {};
}

function otherHost(host: string | undefined): Record<string, string> {
  return host === undefined ? {} : { DATABASE_HOST: host };
}
