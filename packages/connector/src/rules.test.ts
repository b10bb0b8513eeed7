import { describe, expect, it } from 'vitest';
import { loadManifest } from './load-manifest.ts';
import { BASE, connectorCases, withMembers } from './rules.cases.ts';

describe('each manifest rule', () => {
  it('is silent on the base manifest', () => {
    expect(loadManifest('connector.yaml', BASE).diagnostics).toEqual([]);
  });

  for (const [code, { fires, silent }] of Object.entries(connectorCases)) {
    it(`${code} fires where it should, at a place`, () => {
      const found = loadManifest('connector.yaml', withMembers(fires)).diagnostics;
      expect(found.map((diagnostic) => diagnostic.code)).toContain(code);
      for (const diagnostic of found) expect(diagnostic.range?.start.line).toBeGreaterThan(0);
    });
    it(`${code} stays silent where it should`, () => {
      const found = loadManifest('connector.yaml', withMembers(silent)).diagnostics;
      expect(found.map((diagnostic) => diagnostic.code)).not.toContain(code);
    });
  }
});
