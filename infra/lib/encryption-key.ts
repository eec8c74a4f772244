import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { EncryptionKey } from './input.ts';
import type { Permission } from './rust-function.ts';

/** A key of yours for the queues, which EventBridge may use for its rules, and for variables that name secrets; nothing when AWS's own key is enough. */
export function encryptionKey(scope: Construct, choice: EncryptionKey): IKey | undefined {
  if (choice === 'aws') return undefined;
  const key = new Key(scope, 'Key', {
    description: "Encrypts rollcall's queues, and the variables of functions that name secrets.",
    enableKeyRotation: true,
    // What is in the queues when the stack goes can be read as long as the key is kept.
    removalPolicy: RemovalPolicy.RETAIN,
  });
  // Not the rule's own ARN: the rule names the queue, the queue the key, and the key would name the rule.
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: 'RulesMayEncrypt',
      effect: Effect.ALLOW,
      principals: [new ServicePrincipal('events.amazonaws.com')],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      // In a key's own policy this is that key.
      resources: ['*'],
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
  );
  return key;
}

/** What a function needs besides the queues' own permissions to send to them and to receive from them. */
export function mayUse(key: IKey | undefined): Permission[] {
  return key ? [{ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], on: key.keyArn }] : [];
}
