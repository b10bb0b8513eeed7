import { expect, it } from 'vitest';
import { configurationParts } from './configuration-parts.ts';

const text = `
apiVersion: tenon/v1
server: { port: 4700, operators: [{ name: ada, role: operator, token: env:ADA }] }
connections:
  billing: { connector: billing, baseUrl: 'https://billing.example' }
`;

it('each part has a digest of its own, that says nothing of what stands in it', () => {
  const parts = configurationParts(text);
  expect(Object.keys(parts)).toEqual([
    'apiVersion',
    'server.port',
    'server.operators',
    'connections.billing',
  ]);
  expect(Object.values(parts).join()).not.toMatch(/ada|env:ADA|billing/);
  expect(configurationParts('')).toEqual({});
});

it('a part that is changed has another one, and one that is only written otherwise has the same', () => {
  const parts = configurationParts(text);
  const written = configurationParts(
    text.replace('port: 4700, ', '').replace('server: {', '# of here\nserver: { port:   4700,'),
  );
  expect(written).toEqual(parts);
  const changed = configurationParts(text.replace('role: operator', 'role: viewer'));
  expect(Object.keys(parts).filter((name) => parts[name] !== changed[name])).toEqual(['server.operators']);
});
