import { CfnOutput, Fn, Stack, type StackProps } from 'aws-cdk-lib';
import { InterfaceVpcEndpointAwsService, Port } from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import { AuroraCluster } from './aurora-cluster.ts';
import { type DatabaseAccess, mayLogIn } from '../construct/src/database-access.ts';
import { IsolatedNetwork } from './isolated-network.ts';
import { DATA } from './data-limits.ts';
import { INTERFACES, type Subnets } from '../construct/src/subnets.ts';
import { TokenProxy } from './token-proxy.ts';

const DATABASE = 'rollcall';

/** Whom the consumer logs in as. `migrate` makes this role, and grants it what the consumer needs and nothing else. */
const USER = 'rollcall';

export interface DataStackProps extends StackProps {
  /** Of the environment: what the names of cluster and proxy begin with. */
  readonly name: string;
}

/**
 * A database for whoever has none, in a network of its own, where the consumer and `migrate` reach it and nobody else does.
 * A stack by itself, because what it holds outlives every pipeline.
 */
export class DataStack extends Stack {
  /** By the proxy, with tokens: as many consumers as there are share a few connections, and no password exists. */
  readonly consumer: DatabaseAccess;
  /** To the cluster itself, as its master: a lock that belongs to a connection does not survive a proxy. */
  readonly migrate: DatabaseAccess;
  /** Where both of them run. */
  readonly subnets: Subnets;

  constructor(scope: Construct, id: string, props: DataStackProps) {
    super(scope, id, props);
    const name = `${props.name}-data`;
    const network = new IsolatedNetwork(this, 'Network');
    const { vpc, functions } = network;
    const database = new AuroraCluster(this, 'Database', { name, vpc, databaseName: DATABASE });
    const proxy = new TokenProxy(this, 'Proxy', { name, vpc, database, user: USER });

    functions.connections.allowTo(proxy.group, Port.POSTGRES, 'The consumer.');
    functions.connections.allowTo(database.group, Port.POSTGRES, 'migrate.');

    const readMasterSecret = { actions: ['secretsmanager:GetSecretValue'], on: database.masterSecretArn };
    network.letReach('SecretsManager', InterfaceVpcEndpointAwsService.SECRETS_MANAGER, readMasterSecret);
    network.letReach('Sqs', InterfaceVpcEndpointAwsService.SQS, {
      actions: ['sqs:ChangeMessageVisibility', 'sqs:SendMessage'],
      // The queues are made later and by another stack; what matters is that nothing goes to another account.
      on: this.formatArn({ service: 'sqs', resource: '*' }),
    });
    network.letReach('XRay', InterfaceVpcEndpointAwsService.XRAY);

    this.consumer = {
      environment: {
        DATABASE_AUTH: 'iam',
        DATABASE_HOST: proxy.endpoint,
        DATABASE_NAME: DATABASE,
        DATABASE_USER: USER,
        DATABASE_POOLER: 'transaction',
      },
      may: [mayLogIn(this, proxy.resourceId, USER)],
    };
    this.migrate = {
      environment: {
        DATABASE_SECRET_ARN: database.masterSecretArn,
        DATABASE_HOST: database.cluster.clusterEndpoint.hostname,
        DATABASE_NAME: DATABASE,
        // In the function's zip, because the authorities of RDS are in no public list.
        DATABASE_CA: `/var/task/rds/${this.region}.pem`,
        DATABASE_GRANT_TO: USER,
      },
      may: [readMasterSecret],
    };
    this.subnets = {
      subnetIds: vpc.isolatedSubnets.map(({ subnetId }) => subnetId),
      securityGroupIds: [functions.securityGroupId],
      may: [INTERFACES],
    };

    this.output('VpcId', vpc.vpcId, 'The VPC of the database, to put what reads the table into, or to peer with.');
    this.output('DatabaseSecurityGroupId', database.group.securityGroupId, 'The group that lets you in, by a rule of yours.');
    this.output('DatabaseEndpoint', database.cluster.clusterEndpoint.hostname, 'The database itself.');
    this.output('MasterSecretArn', database.masterSecretArn, 'The secret with the master user and its password.');
  }

  /** The first zones of whatever Region it is deployed to: the CDK's own answer for a known Region would be a look-up. */
  override get availabilityZones(): string[] {
    return Array.from({ length: DATA.zones }, (_, index) => Fn.select(index, Fn.getAzs()));
  }

  private output(id: string, value: string, description: string): void {
    new CfnOutput(this, id, { value, description });
  }
}
