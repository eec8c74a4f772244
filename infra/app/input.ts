import { fileURLToPath } from 'node:url';
import type { StackProps } from 'aws-cdk-lib';
import type { Node } from 'constructs';
import type { PackagesInFolder } from '../construct/src/packages.ts';
import { InputError } from './input-error.ts';
import { PackagesInBucket, readPackages } from './packages.ts';

/** Whose the user pool is: one that another stack or team owns, named by a parameter, or the example that this app makes. */
export type Pool = 'given' | 'example';

/** How the pool comes to call the functions: a custom resource attaches them, the pool's own template names them, or somebody else sees to it. */
export type TriggersMode = 'attach' | 'native' | 'none';

/** How the consumer logs in to the database of yours, or that this app makes one. */
export type Database = 'url' | 'secret' | 'iam' | 'aurora';

/** Where the functions that need the database run: in Lambda's own network, or in subnets of yours, beside a database that the internet cannot reach. */
export type Network = 'lambda' | 'vpc';

/** Whose key encrypts the queues, the bus, the archive and the variables that name secrets: AWS's own, or one that this app makes and you control. */
export type EncryptionKey = 'aws' | 'customer';

export type Choice = 'no' | 'yes';

/** What is decided when the templates are made, and not when they are deployed. */
export interface SynthContext {
  /** Of one environment among several in an account and Region: what its stacks and their physical names begin with. */
  readonly name: string;
  /** In a bucket, for who deploys without the CDK. */
  readonly packages: PackagesInFolder | PackagesInBucket;
  readonly pool: Pool;
  readonly triggers: TriggersMode;
  readonly preSignUp: Choice;
  readonly postAuthentication: Choice;
  readonly heal: Choice;
  readonly database: Database;
  readonly network: Network;
  readonly migrate: Choice;
  readonly key: EncryptionKey;
}

const INFRA_FOLDER = fileURLToPath(new URL('..', import.meta.url));
const DEFAULT_FUNCTIONS_FOLDER = '../target/lambda';

/** Each key with its values, the default first, and what it decides. `infra/README.md` explains them. */
const CHOICES = {
  pool: { values: ['given', 'example'], decides: "whose the user pool is" },
  triggers: { values: ['attach', 'native', 'none'], decides: 'how the pool comes to call the functions' },
  'pre-sign-up': { values: ['no', 'yes'], decides: 'whether sign-ups with a NUL character in an attribute are rejected' },
  'post-authentication': { values: ['no', 'yes'], decides: 'whether a sign-in, too, makes the row of a user who has none' },
  heal: { values: ['no', 'yes'], decides: 'whether triggers that the pool has lost are attached again without a deployment' },
  database: { values: ['url', 'secret', 'iam', 'aurora'], decides: 'how the consumer logs in, or that a database is made' },
  network: { values: ['lambda', 'vpc'], decides: 'where the database can be reached from' },
  migrate: { values: ['yes', 'no'], decides: 'whether a deployment makes the table or checks yours' },
  key: { values: ['aws', 'customer'], decides: 'whose key encrypts queues, bus and archive, and the names of secrets' },
  code: { values: ['assets', 'bucket'], decides: 'where CloudFormation finds the functions' },
} as const;

/** Keys with any value, `nag` among them, which a test and the linter ask for. */
const OTHER_KEYS = ['name', 'functions', 'architecture', 'nag'];

type Key = keyof typeof CHOICES;
type Value<K extends Key> = (typeof CHOICES)[K]['values'][number];

/**
 * Reads the context keys of the table in `infra/README.md`.
 * A relative folder counts from `infra/`, wherever the command was started.
 */
export function readContext(node: Node): SynthContext {
  refuseUnknownKeys(node);
  const database = choice(node, 'database');
  const context = {
    name: environmentName(node),
    pool: choice(node, 'pool'),
    triggers: choice(node, 'triggers'),
    preSignUp: choice(node, 'pre-sign-up'),
    postAuthentication: choice(node, 'post-authentication'),
    heal: choice(node, 'heal'),
    database,
    // The database that is made brings its network.
    network: database === 'aurora' && !isGiven(node, 'network') ? 'vpc' : choice(node, 'network'),
    migrate: choice(node, 'migrate'),
    key: choice(node, 'key'),
  } as const;
  refuseWhatContradicts(context, isGiven(node, 'network'));
  return { ...context, packages: packages(node) };
}

/** A misspelt key would be the default, silently. The CDK's own keys have a colon or a slash, as in `@aws-cdk/core:…`. */
function refuseUnknownKeys(node: Node): void {
  const known = [...Object.keys(CHOICES), ...OTHER_KEYS];
  const unknown = Object.keys(node.getAllContext()).find((key) => !/[:/]/.test(key) && !known.includes(key));
  if (unknown !== undefined) {
    throw new InputError(`the context key \`${unknown}\` is unknown; known are ${known.map((key) => `\`${key}\``).join(', ')}`);
  }
}

type Choices = Omit<SynthContext, 'packages'>;

function refuseWhatContradicts({ pool, triggers, heal, database, migrate }: Choices, networkIsGiven: boolean): void {
  if (triggers === 'native' && pool === 'given') {
    throw new InputError(
      '`triggers=native` needs `pool=example`: a given pool has a template of its own, which this app does not write; use `triggers=attach`, or `triggers=none` and name the output `ProducerFunctionArn` in that template',
    );
  }
  if (triggers === 'none' && pool === 'example') {
    throw new InputError('`triggers=none` needs `pool=given`: nobody else attaches triggers to the example pool; use `triggers=attach` or `triggers=native`');
  }
  if (heal === 'yes' && triggers !== 'attach') {
    throw new InputError('`heal=yes` needs `triggers=attach`: only triggers that the wiring has attached are attached again; leave `heal` out');
  }
  if (database === 'aurora' && networkIsGiven) {
    throw new InputError('`database=aurora` brings a VPC of its own: leave `network` out, or use `database=secret` or `database=iam` with a database in a VPC of yours');
  }
  if (database === 'aurora' && migrate === 'no') {
    throw new InputError('`database=aurora` needs `migrate=yes`: a database that has just been made has no table');
  }
}

function isGiven(node: Node, key: Key): boolean {
  return node.tryGetContext(key) !== undefined;
}

/** The value of a context key that has a few, the first one by default. */
function choice<K extends Key>(node: Node, key: K): Value<K> {
  const { values, decides }: { values: readonly string[]; decides: string } = CHOICES[key];
  const given: unknown = node.tryGetContext(key) ?? values[0];
  const found = values.find((value) => value === given);
  if (found === undefined) {
    const offered = values.map((value) => `\`${value}\``).join(' or ');
    throw new InputError(`the context value \`${key}\` is ${JSON.stringify(given)}: give ${offered}, for ${decides}`);
  }
  return found as Value<K>;
}

/** As a stack and as a function may be called, with room for the parts behind it. */
const ENVIRONMENT_NAME = /^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$/;
const LONGEST_ENVIRONMENT_NAME = 40;

function environmentName(node: Node): string {
  const name: unknown = node.tryGetContext('name') ?? 'rollcall';
  if (typeof name !== 'string' || name.length > LONGEST_ENVIRONMENT_NAME || !ENVIRONMENT_NAME.test(name)) {
    throw new InputError(
      `the context value \`name\` is ${JSON.stringify(name)}: give at most ${LONGEST_ENVIRONMENT_NAME} small letters, digits and single hyphens, each word beginning with a letter, such as \`rollcall-dev\``,
    );
  }
  return name;
}

function packages(node: Node): PackagesInFolder | PackagesInBucket {
  const folder: unknown = node.tryGetContext('functions') ?? DEFAULT_FUNCTIONS_FOLDER;
  if (typeof folder !== 'string' || folder === '') {
    throw new InputError(
      `the context value \`functions\` is ${JSON.stringify(folder)}: give the folder that holds the zips of \`cargo xtask package\``,
    );
  }
  const found = readPackages(INFRA_FOLDER, folder, node.tryGetContext('architecture'));
  return choice(node, 'code') === 'bucket' ? new PackagesInBucket(found) : found;
}

/**
 * The account and the Region that the cdk CLI found, or nothing: then the template fits any of them.
 * Half of the pair counts as nothing, because a template bound to a Region but to no account helps nobody.
 */
export function targetEnvironment(variables: NodeJS.ProcessEnv): Pick<StackProps, 'env'> {
  const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = variables;
  return account && region ? { env: { account, region } } : {};
}
