import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatByteSize, parseByteSize } from './byte-size.ts';

it('reads sizes, and nothing that only looks like one', () => {
  expect(['512B', '64MiB', '2GiB', '0B'].map(parseByteSize)).toEqual([512, 67_108_864, 2_147_483_648, 0]);
  for (const text of ['64MB', '64', 'MiB', '1.5GiB', '-1B', '64 MiB', '99999999999GiB'])
    expect(parseByteSize(text), text).toBeUndefined();
});

it('writes what it reads back', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (bytes) => {
      expect(parseByteSize(formatByteSize(bytes))).toBe(bytes);
    }),
  );
  expect(formatByteSize(64 * 1024 * 1024)).toBe('64MiB');
});
