import { expect, it } from 'vitest';
import { byteSeal } from './byte-seal.ts';

const encryption = { keys: { k1: Buffer.alloc(32, 1), k2: Buffer.alloc(32, 2) }, current: 'k2' };
const BYTES = Buffer.from('cnry-token');

it('opens what it sealed, by the key and under the name that it was sealed by', () => {
  const seal = byteSeal(encryption, 'tests');
  const sealed = seal.seal(BYTES, 'a.token');
  expect(Buffer.from(sealed).toString('latin1')).not.toContain('cnry');
  expect(seal.seal(BYTES, 'a.token'), 'never the same bytes twice').not.toEqual(sealed);
  expect(seal.open('k2', sealed, 'a.token')).toEqual(BYTES);
  const earlier = byteSeal({ ...encryption, current: 'k1' }, 'tests').seal(BYTES, 'a.token');
  expect(seal.open('k1', earlier, 'a.token')).toEqual(BYTES);
});

it.each([
  ['another key', 'k1', 'a.token', 'tests', 'RUNTIME_KEY_WRONG'],
  ['another name', 'k2', 'b.token', 'tests', 'RUNTIME_KEY_WRONG'],
  ['another purpose', 'k2', 'a.token', 'more', 'RUNTIME_KEY_WRONG'],
  ['a key that is not there', 'k3', 'a.token', 'tests', 'RUNTIME_KEY_MISSING'],
])('says why it does not: %s', (_what, by, name, purpose, code) => {
  const sealed = byteSeal(encryption, 'tests').seal(BYTES, 'a.token');
  expect(byteSeal(encryption, purpose).open(by, sealed, name)).toMatchObject({ code });
});

it('opens nothing of what was changed or cut', () => {
  const seal = byteSeal(encryption, 'tests');
  const sealed = Buffer.from(seal.seal(BYTES, 'a'));
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at]! ^= 1;
    for (const spoilt of [changed, sealed.subarray(0, at)])
      expect(seal.open('k2', spoilt, 'a')).toMatchObject({ code: 'RUNTIME_KEY_WRONG' });
  }
});
