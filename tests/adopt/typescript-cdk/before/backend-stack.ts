/** The backend, and the login of the database that it reads users from. */
import { Stack } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { AuthStack } from '../auth-stack';

export class BackendStack extends Stack {
  constructor(scope: Construct, id: string, auth: AuthStack) {
    super(scope, id);
    new Queue(this, 'Jobs');
    const login = Secret.fromSecretNameV2(this, 'Login', 'app/database');
  }
}
