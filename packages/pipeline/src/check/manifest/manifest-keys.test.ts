import { expect, test } from 'vitest';
import { CONNECTOR, CONTRACT, swap, testWorkspace } from '../../test-workspace.ts';

const HEADER = 'parameters: [{ name: Idempotency-Key, in: header, schema: { type: string } }]';
const found = async (operation: string, name = 'Idempotency-Key') => {
  const { check } = await testWorkspace({
    [CONTRACT]: swap(`operationId: ${operation}`, `operationId: ${operation}\n      ${HEADER}`),
    [CONNECTOR]: swap('name: Idempotency-Key', `name: ${name}`),
  });
  return check.diagnostics
    .filter(({ code }) => code === 'manifest-key-header-unknown')
    .map(({ message, fix, edit }) => [message, fix.split(';')[0], edit?.text]);
};

test('a header for keys is one that the operation takes, however it is written', async () => {
  expect(await found('createCharge')).toEqual([]);
  expect(await found('createCharge', 'idempotency-key')).toEqual([]);
});

test('one that is misspelt can be mended', async () => {
  expect(await found('createCharge', 'Idempotncy-Key')).toEqual([
    ['`createCharge` takes no header `Idempotncy-Key`', 'did you mean `Idempotency-Key`?', 'Idempotency-Key'],
  ]);
});

test('one that only other operations take is none, and one of which the contract says nothing is believed', async () => {
  expect(await found('createParcel')).toEqual([
    [
      '`createCharge` takes no header `Idempotency-Key`, as `createParcel` does',
      'correct the name',
      undefined,
    ],
  ]);
  expect(await found('createParcel', 'X-Key-Of-Ours')).toEqual([]);
});
