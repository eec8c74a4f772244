/** What must have been made before a resource is: CloudFormation's order, over all stacks of the app. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Resource, Synthesized } from './synthesized.ts';

/** A resource by its stack and its logical id: `RollcallPipeline/UsersQueue1234`. */
export type Name = string;

export interface Graph {
  readonly resources: ReadonlyMap<Name, Resource>;
  /** Everything that CloudFormation makes before the resource, and deletes after it. */
  closure(of: Name): Set<Name>;
}

export function graphOf({ templates, out }: Synthesized): Graph {
  const resources = new Map<Name, Resource>();
  for (const [stack, template] of Object.entries(templates)) {
    for (const [id, resource] of Object.entries(template.Resources)) resources.set(`${stack}/${id}`, resource);
  }
  const stacksBefore = stackOrder(out);
  const direct = (name: Name): Name[] => {
    const [stack] = name.split('/') as [string];
    const { DependsOn, Properties } = resources.get(name)!;
    const within = [DependsOn ?? [], references(Properties)].flat().map((id) => `${stack}/${id}`);
    // A stack is deployed when those that it needs are complete, whatever it imports from them.
    const others = [...resources.keys()].filter((other) => stacksBefore(stack).has(other.split('/')[0]!));
    return [...within.filter((other) => resources.has(other)), ...others];
  };
  const closure = (of: Name): Set<Name> => {
    const found = new Set<Name>();
    const waiting = direct(of);
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      if (found.has(name)) continue;
      found.add(name);
      waiting.push(...direct(name));
    }
    return found;
  };
  return { resources, closure };
}

/** The logical ids that a value refers to, and the names of parameters, which are no resources. */
function references(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(references);
  if (typeof value !== 'object' || value === null) return [];
  const { Ref, 'Fn::GetAtt': attribute, 'Fn::Sub': text, ...others } = value as Record<string, any>;
  return [
    ...(typeof Ref === 'string' ? [Ref] : []),
    ...(attribute === undefined ? [] : [String([attribute].flat()[0]).split('.')[0]!]),
    ...(text === undefined ? [] : [...JSON.stringify(text).matchAll(/\$\{([A-Za-z0-9]+)/g)].map(([, id]) => id!)),
    ...Object.values(others).flatMap(references),
  ];
}

/** The stacks that must be complete before one is deployed, as the CDK and `cargo xtask template` deploy them. */
function stackOrder(out: string): (stack: string) => Set<string> {
  const { artifacts } = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'));
  const before = (stack: string): string[] => {
    const dependencies: string[] = artifacts[stack].dependencies ?? [];
    const stacks = dependencies.filter((other) => artifacts[other].type === 'aws:cloudformation:stack');
    return stacks.flatMap((other) => [other, ...before(other)]);
  };
  return (stack) => new Set(before(stack));
}
