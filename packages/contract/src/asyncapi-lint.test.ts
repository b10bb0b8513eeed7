import { expect, it } from 'vitest';
import { withoutFiles } from './asyncapi-lint.ts';
import { loadContract, loadContractText } from './load.ts';

it('hands the AsyncAPI parser nothing that it could fetch or read', () => {
  const value = {
    channels: {
      a: { $ref: 'https://x.example/a' },
      b: { messages: { m: { payload: { schemaFormat: 'avro', schema: { $ref: './m.avsc' } } } } },
      c: { publish: { message: { schemaFormat: 'avro', payload: { $ref: '/etc/passwd' }, name: 'c' } } },
      d: { $ref: '#/channels/c' },
    },
  };
  expect(withoutFiles(value)).toEqual({
    channels: {
      a: {},
      b: { messages: { m: { payload: {} } } },
      c: { publish: { message: { payload: {}, name: 'c' } } },
      d: { $ref: '#/channels/c' },
    },
  });
});

it('asks the AsyncAPI parser once for the same document', async () => {
  const text = 'asyncapi: 3.0.0\ninfo: { title: Case, version: "1" }\nsurprise: 1\n';
  const [first, second] = [
    await loadContractText('a', 'a.yaml', text),
    await loadContractText('b', 'b.yaml', text),
  ];
  expect(first.diagnostics.map(({ code }) => code)).toEqual(['contract-asyncapi-invalid']);
  expect(second.diagnostics.map(({ code }) => code)).toEqual(['contract-asyncapi-invalid']);
});

it('keeps what the parser said where it is told to', async () => {
  const kept = new Map<string, string>();
  const files = { read: async () => 'asyncapi: 3.0.0\ninfo: { title: Kept, version: "1" }\n' };
  await loadContract({ name: 'a', document: 'a.yaml' }, files, { cache: kept });
  const [key] = kept.keys();
  expect(kept.get(key!)).toBe('[]');
  kept.set(key!, JSON.stringify([{ path: ['info'], message: 'from the cache' }]));
  const { diagnostics } = await loadContract({ name: 'a', document: 'a.yaml' }, files, { cache: kept });
  expect(diagnostics).toMatchObject([{ message: 'from the cache', range: { start: { line: 2 } } }]);
});
