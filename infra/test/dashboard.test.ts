/** The dashboard of the template, and that `docs/dashboard.svg` is its picture. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { draw, titleOf, type Widget } from '../picture/draw.ts';
import { resourcesOf, synthesize, type Template, text } from './synthesized.ts';

/** The widgets of a template's dashboard, with what is known when it is deployed in angle brackets. */
function widgetsOf(template: Template): Widget[] {
  const [[, { DashboardBody }]] = resourcesOf(template, 'AWS::CloudWatch::Dashboard') as [[string, Record<string, any>]];
  // The physical name of what a reference means.
  const named = (body: string) =>
    body.replace(/<(\w+)(\.QueueName)?>/g, (reference, id: string) => {
      const { FunctionName, QueueName } = template.Resources[id]?.Properties ?? {};
      return text(FunctionName ?? QueueName ?? reference);
    });
  return JSON.parse(named(text(DashboardBody))).widgets;
}

const { template } = synthesize();
const widgets = widgetsOf(template);
const titled = (title: RegExp) => widgets.find((widget) => title.test(titleOf(widget)))!;
const expressions = (widget: Widget): string[] => widget.properties['metrics'].map(([metric]: any[]) => metric.expression ?? '');

describe('the dashboard', () => {
  test('sets what Cognito counts for all clients of the pool beside the calls of the trigger', () => {
    const [counted] = expressions(titled(/Cognito counts/));
    // The dimensions stand in "User pool metrics in CloudWatch" of the Amazon Cognito developer guide.
    assert.equal(counted, `SUM(SEARCH('{AWS/Cognito,UserPool,UserPoolClient} MetricName="SignUpSuccesses" UserPool="<UserPoolId>"', 'Sum', 60))`);
  });

  test('shows whether the triggers are attached, wherever the wiring is', () => {
    const expected = `MIN(SEARCH('{rollcall,FunctionName,UserPool} MetricName="TriggersAttached" FunctionName="<NamePrefix>-trigger-wiring"', 'Minimum', 900))`;
    assert.deepEqual(expressions(titled(/pool calls our functions/)), [expected]);
    const apart = synthesize({ pool: 'example' }).templates;
    assert.deepEqual(expressions(widgetsOf(apart['RollcallPipeline']!).find((widget) => /pool calls our functions/.test(titleOf(widget)))!), [expected]);
    assert.equal(resourcesOf(apart['RollcallWiring']!, 'AWS::Lambda::Function').filter(([, { FunctionName }]) => text(FunctionName) === '<NamePrefix>-trigger-wiring').length, 1);
    for (const shape of [{ triggers: 'none' }, { pool: 'example', triggers: 'native' }]) {
      assert.ok(widgetsOf(synthesize(shape).template).every((widget) => !/pool calls our functions/.test(titleOf(widget))), JSON.stringify(shape));
    }
  });

  test('shows the state of every alarm that every deployment has, and links to what the runbook says about it', () => {
    const states = widgets.find(({ type }) => type === 'alarm')!.properties['alarms'] as string[];
    const unconditional = resourcesOf(template, 'AWS::CloudWatch::Alarm').filter(([id]) => template.Resources[id]!.Condition === undefined);
    const arn = (name: unknown) => `arn:<AWS::Partition>:cloudwatch:<AWS::Region>:<AWS::AccountId>:alarm:${text(name)}`;
    assert.deepEqual([...states].sort(), unconditional.map(([, { AlarmName }]) => arn(AlarmName)).sort());
    const { markdown } = widgets.find(({ type }) => type === 'text')!.properties;
    const links = [...markdown.matchAll(/\]\(<RunbookUrl>#([a-z-]+)\)/g)].map(([, section]) => section);
    assert.deepEqual(links, states.map((state) => state.replace(/^.*<NamePrefix>-/, '')));
  });

  test('has its links where the deployment says, and a default that says what to look for', () => {
    const { Default, AllowedPattern } = template.Parameters['RunbookUrl']!;
    const accepted = new RegExp(`^(?:${AllowedPattern})$`);
    for (const good of [Default, 'https://wiki.example.com/rollcall/runbook']) assert.match(good, accepted);
    for (const bad of ['', 'http://wiki.example.com', 'https://x.example/a b', 'https://x.example/"', 'https://x.example/#a', 'docs/runbookXmd']) assert.doesNotMatch(bad, accepted);
  });

  test('no two widgets overlap, and none is wider than the page', () => {
    for (const [index, one] of widgets.entries()) {
      assert.ok(one.x + one.width <= 24, titleOf(one));
      for (const other of widgets.slice(index + 1)) {
        const apart = one.x + one.width <= other.x || other.x + other.width <= one.x || one.y + one.height <= other.y || other.y + other.height <= one.y;
        assert.ok(apart, `${titleOf(one)} and ${titleOf(other)}`);
      }
    }
  });
});

describe("the dashboard's picture", () => {
  const file = new URL('../../docs/dashboard.svg', import.meta.url);
  if (process.env['UPDATE_DASHBOARD']) writeFileSync(file, draw(widgets));
  const picture = readFileSync(file, 'utf8');

  test('names the same widgets as the template', () => {
    const unescaped = (title: string) => title.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
    assert.deepEqual([...picture.matchAll(/<title>(.+?)<\/title>/g)].map(([, title]) => unescaped(title!)), widgets.map(titleOf));
  });

  test('is what the template draws today, and says that its figures are made up', () => {
    assert.equal(picture, draw(widgets), 'run `npm run picture` in infra/');
    assert.match(picture, /figures that are made up/);
  });

  test('shows no widget and no metric that nobody has made up figures for', () => {
    const [first] = widgets.filter(({ type }) => type === 'metric') as [Widget];
    assert.throws(() => draw([{ ...first, type: 'log' }]), /cannot draw a widget of the type "log"/);
    const unknown = { ...first, properties: { title: 'x', metrics: [['rollcall', 'Unknown', 'FunctionName', 'f']] } };
    assert.throws(() => draw([unknown]), /no figures for "Unknown"/);
  });
});
