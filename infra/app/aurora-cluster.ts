import { RemovalPolicy } from 'aws-cdk-lib';
import { SubnetType, type Vpc } from 'aws-cdk-lib/aws-ec2';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { AuroraPostgresEngineVersion, ClusterInstance, DatabaseCluster, DatabaseClusterEngine } from 'aws-cdk-lib/aws-rds';
import { Construct } from 'constructs';
import { ClosedGroup } from './closed-group.ts';
import { LOG_RETENTION } from '../construct/src/limits.ts';
import { DATA } from './data-limits.ts';

export interface AuroraClusterProps {
  /**
   * In lower case, because RDS makes it so.
   * A fixed name also makes a change fail that would replace the cluster by an empty one.
   */
  readonly name: string;
  readonly vpc: Vpc;
  readonly databaseName: string;
}

/** Aurora Serverless v2 with one instance: what it stores is in three zones, and another instance is made when this one is lost. */
export class AuroraCluster extends Construct {
  readonly cluster: DatabaseCluster;
  /** What RDS keeps the master user's password in, and rotates every week. */
  readonly masterSecretArn: string;
  readonly group: ClosedGroup;

  constructor(scope: Construct, id: string, { name, vpc, databaseName }: AuroraClusterProps) {
    super(scope, id);
    this.group = new ClosedGroup(this, 'Group', { vpc, description: 'The database.' });
    // Ours rather than the one that RDS makes, which keeps everything for ever; the CDK would shorten it with a custom resource.
    const logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/rds/cluster/${name}/postgresql`,
      retention: LOG_RETENTION,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.cluster = new DatabaseCluster(this, 'Cluster', {
      clusterIdentifier: name,
      // The newest of 17; the page on IAM authentication that this relies on does not name 18.
      engine: DatabaseClusterEngine.auroraPostgres({ version: AuroraPostgresEngineVersion.VER_17_9 }),
      writer: ClusterInstance.serverlessV2('Writer', { publiclyAccessible: false }),
      serverlessV2MinCapacity: DATA.minCapacity,
      serverlessV2MaxCapacity: DATA.maxCapacity,
      defaultDatabaseName: databaseName,
      // The default port: RDS Proxy listens on no other, so another one here would hide nothing.
      port: 5432,
      vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
      securityGroups: [this.group],
      parameters: {
        // The default of this version, said all the same.
        'rds.force_ssl': '1',
        // What a constraint refuses would stand in the log with its values: somebody's address.
        log_error_verbosity: 'terse',
      },
      iamAuthentication: true,
      manageMasterUserPassword: true,
      storageEncrypted: true,
      backup: { retention: DATA.backupRetention },
      copyTagsToSnapshot: true,
      cloudwatchLogsExports: ['postgresql'],
      // Whoever really wants to be rid of it switches the protection off first, and still has a snapshot.
      deletionProtection: true,
      removalPolicy: RemovalPolicy.SNAPSHOT,
    });
    this.cluster.node.addDependency(logGroup);
    const { secret } = this.cluster;
    if (secret === undefined) throw new Error('a managed master password is kept in a secret');
    this.masterSecretArn = secret.secretArn;
  }
}
