import { CfnParameter, Fn, type Stack } from 'aws-cdk-lib';
import { CUSTOM_ATTRIBUTE, POOL_ID } from '../construct/src/limits.ts';
import { type GivenPool, unlessGiven } from './parameters.ts';

/** As `consumer/src/table/mapping.rs` reads it. */
const NAME = '([a-z0-9_]+|"([^"]|"")+")';

function optional(stack: Stack, id: string, about: { description: string; allowedPattern?: string; constraintDescription?: string }): string {
  // A variable that is empty counts as not set.
  return new CfnParameter(stack, id, { type: 'String', default: '', ...about }).valueAsString;
}

/** Your existing table, for the consumer that writes to it and the migration that validates it. */
export function usersTable(stack: Stack): Record<string, string> {
  return {
    USERS_TABLE: optional(stack, 'UsersTable', {
      description: 'The table that receives rows, such as app.accounts; users if empty.',
      allowedPattern: `(${NAME}(\\.${NAME})?)?`,
      constraintDescription: 'Give `table` or `schema.table`, with other names than small letters, digits and underscores in double quotes.',
    }),
    USERS_COLUMNS: optional(stack, 'UsersColumns', {
      description: "Which attribute or constant goes into which column, such as cognito_sub=auth_id,email=email,source='cognito'; the five columns of users if empty.",
    }),
  };
}

/** The custom attributes that travel with the event, for columns to take them. */
export function forwardedAttributes(stack: Stack): string {
  return optional(stack, 'ForwardAttributes', {
    description: 'Custom attributes that the producer publishes as well, such as custom:tenant,custom:plan; none if empty.',
    allowedPattern: `(${CUSTOM_ATTRIBUTE}(,${CUSTOM_ATTRIBUTE})*)?`,
    constraintDescription: 'Give names of custom: and at most 20 more characters, separated by commas, without blanks.',
  });
}

/**
 * Whose events become rows. Without it, whoever may put events on the bus could make rows.
 * The example pool is made beside the pipeline or after it, so its id is not known here.
 */
export function allowedUserPools(stack: Stack, given: GivenPool | undefined): string {
  const about = {
    description: `The pools whose events become rows, separated by commas; ${given === undefined ? 'every pool' : 'UserPoolId alone'} if empty.`,
    allowedPattern: `(${POOL_ID}(,${POOL_ID})*)?`,
    constraintDescription: 'Give the ids of user pools, such as eu-central-1_AbCdEfGhI, separated by commas, without blanks.',
  };
  const id = 'AllowedUserPools';
  if (given === undefined) return optional(stack, id, about);
  // Events of the pool before may still be on their way.
  const { isGiven, id: before } = given.previous;
  const both = Fn.conditionIf(isGiven.logicalId, Fn.join(',', [given.id, before]), given.id).toString();
  return unlessGiven(both, stack, id, about);
}
