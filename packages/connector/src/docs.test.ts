import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { classify } from './http/classify.ts';
import { operationPlan } from './http/fault-server.testing.ts';
import { loadManifest } from './load-manifest.ts';
import { connectorRules } from './rules.ts';

const guide = await readFile(new URL('../../../docs/connectors.md', import.meta.url), 'utf8');

describe('the connector guide', () => {
  it('shows a manifest without findings', () => {
    const blocks = [...guide.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block]) => block!);
    const manifest = blocks.find((block) => block.includes('kind: Connector'))!;
    expect(loadManifest('docs/connectors.md', manifest).diagnostics).toEqual([]);
  });

  it('says of every status what the built-in table says', () => {
    const rows = [...guide.matchAll(/^\| ([\d ,x]+\d|[\d ]+, and redirects|[\d ]+, 5xx)[^|]*\| `(\w+)`/gm)];
    expect(rows.length).toBeGreaterThan(6);
    for (const [, statuses, failureClass] of rows)
      for (const status of statuses!.match(/\d{3}/g) ?? []) {
        const verdict = classify(
          operationPlan(),
          { status: Number(status), headers: {}, body: null },
          { now: () => 0, setTimer: () => () => {} },
        );
        expect([status, verdict?.failure.class]).toEqual([status, failureClass]);
      }
  });
});

describe('examples of the rules', () => {
  it('are there for every code', () => {
    for (const rule of Object.values(connectorRules)) expect(rule.example).toBeDefined();
  });
});
