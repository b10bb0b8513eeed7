import { describe, expect, it } from 'vitest';
import { loadContract } from './load.ts';
import { type ContractCase, contractCases } from './rules.cases.ts';

async function diagnosticsOf({ files, named }: ContractCase) {
  const known = new Map(Object.entries(files));
  const document = known.has('asyncapi.yaml') ? 'asyncapi.yaml' : 'openapi.yaml';
  const { diagnostics } = await loadContract(
    {
      name: 'case',
      document,
      ...(known.has('overlay.yaml') && { overlay: 'overlay.yaml' }),
      ...(known.has('contract.yaml') && { policy: 'contract.yaml' }),
    },
    { read: async (file) => known.get(file) },
    named ? { named: { operations: new Set(named), events: new Set() } } : {},
  );
  return diagnostics;
}

describe('each rule of contract', () => {
  for (const [code, { fires, silent }] of Object.entries<{ fires: ContractCase; silent: ContractCase }>(
    contractCases,
  )) {
    it(`${code} fires at its place`, async () => {
      const places = (await diagnosticsOf(fires))
        .filter((diagnostic) => diagnostic.code === code)
        .map(({ file, range }) =>
          file && range ? `${file}:${range.start.line}:${range.start.column}` : '-',
        );
      expect(places).toEqual([fires.at]);
    });
    it(`${code} stays silent near by, where nothing else is wrong either`, async () => {
      expect(await diagnosticsOf(silent)).toEqual([]);
    });
  }
});
