import { createHash, createHmac } from 'node:crypto';
import { canonicalJson, digestOf } from '@tenon/model';
import { expect, test } from 'vitest';
import { newSalt, saltedDigest, saltedText } from './salted-digest.ts';

const value = { amount: 1290, currency: 'EUR' };

test('each run has a salt of its own, so that the same data has another digest in each', () => {
  const [one, other] = [newSalt(), newSalt()];
  expect(saltedDigest(one, value)).toBe(saltedDigest(one, { currency: 'EUR', amount: 1290 }));
  expect(saltedDigest(one, value)).not.toBe(saltedDigest(other, value));
  expect(saltedText(one, 'order-1')).not.toBe(saltedText(other, 'order-1'));
});

test('a digest is the SHA-256 of salt and canonical text', () => {
  const salt = newSalt();
  const expected = createHash('sha256')
    .update(`${salt}\0${canonicalJson(value)}`)
    .digest('hex');
  expect(saltedDigest(salt, value)).toBe(`salted-sha256:${expected}`);
});

test('runs of older files keep the way their digests were made', () => {
  const keyed = createHmac('sha256', 'k.abc').update(canonicalJson(value)).digest('hex');
  expect(saltedDigest('k.abc', value)).toBe(`hmac-sha256:${keyed}`);
  expect(saltedDigest('abc', value)).toBe(digestOf(['abc', value]));
  expect(saltedDigest(null, value)).toBe(digestOf(value));
});
