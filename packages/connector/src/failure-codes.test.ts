import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { connectorFailures } from './failure-codes.ts';

const CODE = /'((?:HTTP|MESSAGE|AUTH|SECRET|CONNECTION|PAGES|GRANT|SCOPE)_[A-Z_]+)'/g;
const files = globSync('**/*.ts', { cwd: import.meta.dirname });

function codesIn(isWanted: (file: string) => boolean): Set<string> {
  const texts = files.filter(isWanted).map((file) => readFileSync(`${import.meta.dirname}/${file}`, 'utf8'));
  return new Set(texts.flatMap((text) => [...text.matchAll(CODE)].map(([, code]) => code!)));
}

const isTest = (file: string): boolean => /\.(?:test|testing)\.ts$/.test(file);

describe('the codes of failed calls', () => {
  it('are each explained, and nothing is explained that is never said', () => {
    const said = codesIn((file) => !isTest(file) && file !== 'failure-codes.ts');
    expect([...said].sort()).toEqual(Object.keys(connectorFailures).sort());
  });

  it('each occur in a test', () => {
    const tested = codesIn((file) => /\.test\.ts$/.test(file));
    expect(Object.keys(connectorFailures).filter((code) => !tested.has(code))).toEqual([]);
  });
});
