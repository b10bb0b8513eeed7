import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  consistencyProof,
  Frontier,
  type Hash,
  inclusionProof,
  isConsistent,
  isIncluded,
  leafHash,
  type NodeSource,
  nodeHash,
  rangeRoot,
} from './merkle.ts';

const hex = (hash: Hash): string => Buffer.from(hash).toString('hex');
const leaves = Array.from({ length: 70 }, (_, i) => leafHash(`leaf ${i}`));
const node: NodeSource = (height, index) =>
  height === 0 ? leaves[index]! : nodeHash(node(height - 1, index * 2), node(height - 1, index * 2 + 1));
const rootOf = (size: number): Hash => rangeRoot(node, 0, size);

/** The definition of RFC 6962 §2.1, word for word and slow. */
function definedRoot(entries: readonly string[]): Hash {
  const sha = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
  if (entries.length === 0) return sha(Buffer.alloc(0));
  if (entries.length === 1) return sha(Buffer.concat([Buffer.from([0]), Buffer.from(entries[0]!)]));
  let split = 1;
  while (split * 2 < entries.length) split *= 2;
  const sides = [definedRoot(entries.slice(0, split)), definedRoot(entries.slice(split))];
  return sha(Buffer.concat([Buffer.from([1]), ...sides]));
}

describe('the tree of RFC 6962', () => {
  test('has the root that the definition gives, at every size, however it is computed', () => {
    const frontier = new Frontier();
    for (let size = 0; size <= 70; size++) {
      const defined = hex(definedRoot(Array.from({ length: size }, (_, i) => `leaf ${i}`)));
      expect(hex(rootOf(size))).toBe(defined);
      expect(hex(frontier.root())).toBe(defined);
      frontier.add(leaves[size % 70]!);
    }
  });

  test('takes whole subtrees as it takes their leaves', () => {
    const frontier = new Frontier();
    frontier.addWhole(4, node(4, 0));
    frontier.addWhole(4, node(4, 1));
    frontier.addWhole(2, node(2, 8));
    frontier.add(leaves[36]!);
    expect(hex(frontier.root())).toBe(hex(rootOf(37)));
  });

  test('agrees with the test vectors of Certificate Transparency', () => {
    const inputs = [
      '',
      '00',
      '10',
      '2021',
      '3031',
      '40414243',
      '5051525354555657',
      '606162636465666768696a6b6c6d6e6f',
    ];
    const tree = new Frontier();
    for (const input of inputs) tree.add(leafHash(Buffer.from(input, 'hex').toString('latin1')));
    expect(hex(tree.root())).toBe('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328');
  });

  test('every inclusion proof holds, and no changed one does', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), fc.nat(), (size, pick, flip) => {
        const index = pick % size;
        const proof = inclusionProof(node, index, size);
        expect(isIncluded(leaves[index]!, index, size, proof, rootOf(size))).toBe(true);
        expect(isIncluded(leafHash('other'), index, size, proof, rootOf(size))).toBe(false);
        if (size > 1) {
          expect(isIncluded(leaves[index]!, (index + 1) % size, size, proof, rootOf(size))).toBe(false);
          const broken = proof.map((hash) => Uint8Array.from(hash));
          broken[flip % broken.length]![flip % 32]! ^= 1;
          expect(isIncluded(leaves[index]!, index, size, broken, rootOf(size))).toBe(false);
          expect(isIncluded(leaves[index]!, index, size, proof.slice(1), rootOf(size))).toBe(false);
        }
      }),
    );
  });

  test('every consistency proof holds, and none for a tree that was forked', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70 }), fc.integer({ min: 0, max: 70 }), (a, b) => {
        const [earlier, size] = a < b ? [a, b] : [b, a];
        const proof = consistencyProof(node, earlier, size);
        expect(isConsistent(earlier, rootOf(earlier), size, rootOf(size), proof)).toBe(true);
        expect(isConsistent(earlier, leafHash('fork'), size, rootOf(size), proof)).toBe(false);
        if (earlier < size && earlier > 0)
          expect(isConsistent(earlier, rootOf(earlier), size, leafHash('fork'), proof)).toBe(false);
      }),
    );
  });
});
