import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDocument } from '@tenon/document';
import { isObject, type JsonObject } from '@tenon/model';
import { expect, test } from 'vitest';
import { ALARM_LABELS, metricNames } from './metrics.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/operate.md'), 'utf8');
const blocks = (language: string): readonly string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map((found) => found[1]!);
const yaml = (): readonly JsonObject[] =>
  blocks('yaml').flatMap((text) => {
    const { value } = parseDocument('block.yaml', text);
    return value && isObject(value.value) ? [value.value as JsonObject] : [];
  });

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Labels that a rule may read, by the metric that it asks for; `up` is Prometheus' own. */
const LABELS: Readonly<Record<string, readonly string[]>> = {
  tenon_alarm: ALARM_LABELS,
  tenon_deliveries_total: ['connection', 'event', 'outcome'],
  up: ['job', 'instance'],
};

const rules = yaml()
  // What is read as rules below.
  .flatMap(({ groups }) => (groups ?? []) as unknown as readonly { readonly rules: readonly Rule[] }[])
  .flatMap((group) => group.rules);

test('rules for Prometheus are there', () => {
  expect(rules.map(({ alert }) => alert)).toEqual(['TenonDown', 'TenonAlarm', 'TenonRefusesSender']);
});

test.each(rules)(
  '$alert asks for what /metrics has, and reads labels of it',
  ({ expr, annotations = {} }) => {
    const metrics = [...new Set(expr.match(/\b(?:up|tenon_\w+)\b/g))].filter((name) => name in LABELS);
    expect(metrics).not.toEqual([]);
    for (const name of expr.match(/\btenon_\w+/g) ?? []) expect(metricNames).toContain(name);
    const read = [
      ...Object.values(annotations).flatMap((text) => [...text.matchAll(/\$labels\.(\w+)/g)]),
      ...expr.matchAll(/[{,](\w+)=/g),
    ].map((found) => found[1]);
    expect(metrics.flatMap((name) => LABELS[name])).toEqual(expect.arrayContaining(read));
  },
);

test('routes of Alertmanager go by labels of an alarm, to receivers that there are', () => {
  const [given] = yaml().filter(({ route }) => route !== undefined);
  // As Alertmanager reads it.
  const { route, receivers } = given as unknown as {
    readonly route: {
      readonly receiver: string;
      readonly group_by: readonly string[];
      readonly routes: readonly { readonly matchers: readonly string[]; readonly receiver: string }[];
    };
    readonly receivers: readonly { readonly name: string }[];
  };
  const labels = [...ALARM_LABELS, 'alertname'];
  expect(labels).toEqual(expect.arrayContaining([...route.group_by]));
  for (const { matchers } of route.routes)
    for (const matcher of matchers) expect(labels).toContain(/^(\w+)="/.exec(matcher)?.[1]);
  const named = [route.receiver, ...route.routes.map(({ receiver }) => receiver)];
  expect(receivers.map(({ name }) => name)).toEqual(named);
});

const hasJq = spawnSync('jq', ['--version']).status === 0;

// jq is the reader's; where it is not, nothing can be run.
test.skipIf(!hasJq)('what reads the journal pages for each alarm, for its end, and for nothing else', () => {
  const recipes = blocks('sh').filter((text) => /journalctl .*\|\s*jq /s.test(text));
  expect(recipes).toHaveLength(1);
  const [line] = blocks('json').filter((text) => text.includes('"kind":"alarm"'));
  const folder = mkdtempSync(join(tmpdir(), 'tenon-page-'));
  const program = (name: string, text: string): void => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  const closed = {
    kind: 'alarmOver',
    details: { alarm: 'intakeClosed', message: 'over: no event is taken', next: 'tenon doctor' },
  };
  const journal = ['Started tenon.service.', '{"kind":"serving"}', line!.trim(), JSON.stringify(closed)];
  writeFileSync(join(folder, 'journal'), `${journal.join('\n')}\n`);
  program('journalctl', `cat '${join(folder, 'journal')}'`);
  program('page', 'printf "%s|%s\\n" "$1" "$2"');
  try {
    const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` };
    const paged = execFileSync('bash', ['-c', recipes[0]!], { env, cwd: folder, encoding: 'utf8' });
    expect(paged.trim().split('\n')).toEqual([
      expect.stringMatching(
        /^pagerduty:fulfilment\|dead letters of order-paid .* \(tenon dead-letters groups/,
      ),
      'operators|over: no event is taken (tenon doctor)',
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
