/** The exported templates in somebody else's CDK app: `aws-cdk-lib/cloudformation-include` must lose nothing of them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { App, Stack } from 'aws-cdk-lib';
import { UserPool } from 'aws-cdk-lib/aws-cognito';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { synthesize, temporaryFolder, type Template } from './synthesized.ts';

type Tree = Record<string, any>;

/** Shapes that together have everything that the pipeline's template can hold. */
const SHAPES: readonly Record<string, string>[] = [
  {},
  { database: 'secret', network: 'vpc', key: 'customer', 'pre-sign-up': 'yes', 'post-authentication': 'yes' },
  { database: 'iam', migrate: 'no', triggers: 'none' },
];

/** A template without what a synth adds to every one, and with the resources that another waits for in one order: they are a set. */
function comparable(template: Tree): Tree {
  const { BootstrapVersion, ...Parameters } = template['Parameters'] ?? {};
  const { CheckBootstrapVersion, ...Rules } = template['Rules'] ?? {};
  const inOrder = (key: string, value: unknown) => (key === 'DependsOn' && Array.isArray(value) ? value.toSorted() : value);
  return JSON.parse(JSON.stringify({ ...template, Parameters, Rules }, inOrder));
}

/** The template with values in place of parameters, as CloudFormation itself would read it. */
function withValues(value: any, given: Tree): any {
  if (Array.isArray(value)) return value.map((one) => withValues(one, given));
  if (typeof value !== 'object' || value === null) return value;
  if (Object.keys(value).length === 1 && value.Ref in given) return given[value.Ref];
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withValues(inner, given)]));
}

function included(templateFile: string, parameters: Tree, pool?: (app: App) => string): Tree {
  const app = new App({ analyticsReporting: false, outdir: temporaryFolder() });
  const stack = new Stack(app, 'Backend');
  new CfnInclude(stack, 'Rollcall', { templateFile, parameters: pool ? { ...parameters, UserPoolId: pool(app) } : parameters });
  return app.synth().getStackByName('Backend').template;
}

for (const shape of SHAPES) {
  describe(`a template of ${JSON.stringify(shape)}, included`, () => {
    const { out, template } = synthesize({ code: 'bucket', ...shape });
    const file = join(out, 'RollcallPipeline.template.json');
    const original = (): Tree => JSON.parse(readFileSync(file, 'utf8'));

    test('without values, what comes out is what went in', () => {
      assert.deepEqual(comparable(included(file, {})), comparable(original()));
    });

    test('with values for parameters, they are in every place and nothing else has changed', () => {
      const given = { CodeBucket: 'my-artefacts', CodePrefix: 'rollcall/', UserPoolId: 'eu-central-1_AbCdEfGhI', NamePrefix: 'acme' };
      const wanted = original();
      for (const name of Object.keys(given)) {
        assert.ok(name in template.Parameters, name);
        delete wanted['Parameters'][name];
      }
      assert.deepEqual(comparable(included(file, given)), comparable(withValues(wanted, given)));
    });

    test("a pool of the app's own stack is imported, and the pool's stack knows nothing of it", () => {
      const made = included(file, { CodeBucket: 'my-artefacts', CodePrefix: 'rollcall/' }, (app) => new UserPool(new Stack(app, 'Auth'), 'Users').userPoolId);
      assert.match(JSON.stringify(made), /"Fn::ImportValue":"Auth:ExportsOutputRefUsers/);
      assert.deepEqual(Object.keys(made['Resources']).sort(), Object.keys((template as Template).Resources).sort());
    });
  });
}
