import { compileValidator, type JsonSchema } from '@tenon/schema';
import { expect, test } from 'vitest';
import { CONFIG, PIPELINE, POLICIES, testFiles } from '../test-workspace.ts';
import { jsonOf, parseSpec } from '../yaml/spec-document.ts';
import { configSchema } from './config-schema.ts';
import { ownersSchema } from './owners-schema.ts';
import { pipelineSchema } from './pipeline-schema.ts';
import { policySchema } from './policy-schema.ts';

test.each([
  [PIPELINE, pipelineSchema],
  [POLICIES, policySchema],
  [CONFIG, configSchema],
  ['owners.yaml', ownersSchema],
])('the published schema is JSON Schema, and takes %s', (file, schema) => {
  const root = parseSpec(file, testFiles[file]!).root!;
  expect(compileValidator(schema)(jsonOf(root))).toEqual([]);
});

test.each([
  ['an unknown key', (spec: Record<string, unknown>) => ({ ...spec, onFailiure: 'hold' })],
  ['a missing owner', ({ owner: _, ...spec }: Record<string, unknown>) => spec],
  [
    'an unknown step kind',
    (spec: Record<string, unknown>) => ({ ...spec, steps: [{ id: 'a', cal: 'b.c' }] }),
  ],
])('an editor that knows only the schema sees %s', (_, change) => {
  // A pipeline's root is a map.
  const spec = jsonOf(parseSpec(PIPELINE, testFiles[PIPELINE]!).root!) as Record<string, unknown>;
  expect(compileValidator(pipelineSchema)(change(spec))).not.toEqual([]);
});

test('every part of every format says what it is for', () => {
  const silent: string[] = [];
  const visit = (schema: JsonSchema, path: string): void => {
    if (typeof schema === 'boolean') return;
    for (const [name, part] of Object.entries(schema.properties ?? {})) {
      const described =
        typeof part === 'object' && (part.description !== undefined || part.$ref !== undefined);
      if (!described) silent.push(`${path}.${name}`);
      visit(part, `${path}.${name}`);
    }
    for (const part of [...(schema.oneOf ?? []), ...Object.values(schema.$defs ?? {})]) visit(part, path);
    if (schema.items !== undefined) visit(schema.items, `${path}[]`);
    if (schema.additionalProperties !== undefined) visit(schema.additionalProperties, `${path}.*`);
  };
  for (const schema of [pipelineSchema, policySchema, configSchema, ownersSchema])
    visit(schema, String(schema.title));
  expect(silent).toEqual([]);
});
