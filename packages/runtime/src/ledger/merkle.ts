import { hash } from 'node:crypto';

/** A SHA-256 hash of 32 bytes. */
export type Hash = Uint8Array;

const HASH_BYTES = 32;

/** Root of the tree without leaves (RFC 6962 §2.1). */
export const emptyRoot: Hash = hash('sha256', '', 'buffer');

/** Hash of a leaf. Text goes in as UTF-8, behind the byte that keeps leaves and nodes apart. */
export function leafHash(text: string): Hash {
  return hashOf(`\0${text}`);
}

export function nodeHash(left: Hash, right: Hash): Hash {
  node.set(left, 1);
  node.set(right, 1 + HASH_BYTES);
  return hashOf(node);
}

/** The byte that says node, and two hashes: filled anew for each. */
const node = Buffer.alloc(1 + 2 * HASH_BYTES);
node[0] = 1;

/** By way of a string: a buffer made for 32 bytes costs 1 us of CPU, one of the pool a tenth of that. */
function hashOf(data: string | Uint8Array): Hash {
  return Buffer.from(hash('sha256', data, 'binary'), 'binary');
}

/** Gives the root of a whole, aligned subtree: leaves `index * 2^height` up to the next such border. */
export type NodeSource = (height: number, index: number) => Hash;

/** Root over the leaves from `from` up to `to` (not included); `from` stands where a subtree of that size may begin. */
export function rangeRoot(node: NodeSource, from: number, to: number): Hash {
  const count = to - from;
  if (count === 0) return emptyRoot;
  const whole = 2 ** Math.floor(Math.log2(count));
  if (whole === count) return node(Math.log2(whole), from / whole);
  return nodeHash(rangeRoot(node, from, from + whole), rangeRoot(node, from + whole, to));
}

/** What, with the leaf itself, gives the root of a tree of `size` leaves (RFC 6962 §2.1.1). */
export function inclusionProof(node: NodeSource, leaf: number, size: number): Hash[] {
  return proofWithin(node, leaf, 0, size);
}

function proofWithin(node: NodeSource, leaf: number, from: number, to: number): Hash[] {
  if (to - from <= 1) return [];
  const middle = from + splitOf(to - from);
  return leaf < middle
    ? [...proofWithin(node, leaf, from, middle), rangeRoot(node, middle, to)]
    : [...proofWithin(node, leaf, middle, to), rangeRoot(node, from, middle)];
}

/** What shows that the tree of `size` leaves begins with the tree of `earlier` ones (RFC 6962 §2.1.2). */
export function consistencyProof(node: NodeSource, earlier: number, size: number): Hash[] {
  if (earlier === 0 || earlier === size) return [];
  return subproof(node, earlier, 0, size, true);
}

function subproof(node: NodeSource, earlier: number, from: number, to: number, isWhole: boolean): Hash[] {
  if (earlier === to) return isWhole ? [] : [rangeRoot(node, from, to)];
  const middle = from + splitOf(to - from);
  return earlier <= middle
    ? [...subproof(node, earlier, from, middle, isWhole), rangeRoot(node, middle, to)]
    : [...subproof(node, earlier, middle, to, false), rangeRoot(node, from, middle)];
}

/** The largest power of two below `count`. */
function splitOf(count: number): number {
  const whole = 2 ** Math.floor(Math.log2(count));
  return whole === count ? whole / 2 : whole;
}

/** Does the proof lead from this leaf to this root? */
export function isIncluded(
  leaf: Hash,
  index: number,
  size: number,
  proof: readonly Hash[],
  root: Hash,
): boolean {
  if (index < 0 || index >= size) return false;
  const rest = [...proof];
  const computed = rootThrough(leaf, index, 0, size, rest);
  return computed !== undefined && rest.length === 0 && isSameHash(computed, root);
}

function rootThrough(leaf: Hash, index: number, from: number, to: number, rest: Hash[]): Hash | undefined {
  if (to - from === 1) return leaf;
  const other = rest.pop();
  if (other === undefined) return undefined;
  const middle = from + splitOf(to - from);
  const within =
    index < middle
      ? rootThrough(leaf, index, from, middle, rest)
      : rootThrough(leaf, index, middle, to, rest);
  if (within === undefined) return undefined;
  return index < middle ? nodeHash(within, other) : nodeHash(other, within);
}

/** Does the proof show that the tree of `size` leaves begins with that of `earlier` leaves? */
export function isConsistent(
  earlier: number,
  earlierRoot: Hash,
  size: number,
  root: Hash,
  proof: readonly Hash[],
): boolean {
  if (earlier > size) return false;
  if (earlier === 0) return proof.length === 0 && isSameHash(earlierRoot, emptyRoot);
  if (earlier === size) return proof.length === 0 && isSameHash(earlierRoot, root);
  const rest = [...proof];
  const found = rootsThrough(earlier, earlierRoot, 0, size, true, rest);
  return (
    found !== undefined &&
    rest.length === 0 &&
    isSameHash(found.earlier, earlierRoot) &&
    isSameHash(found.later, root)
  );
}

function rootsThrough(
  earlier: number,
  earlierRoot: Hash,
  from: number,
  to: number,
  isWhole: boolean,
  rest: Hash[],
): { readonly earlier: Hash; readonly later: Hash } | undefined {
  if (earlier === to) {
    const root = isWhole ? earlierRoot : rest.pop();
    return root && { earlier: root, later: root };
  }
  const other = rest.pop();
  if (other === undefined) return undefined;
  const middle = from + splitOf(to - from);
  if (earlier <= middle) {
    const left = rootsThrough(earlier, earlierRoot, from, middle, isWhole, rest);
    return left && { earlier: left.earlier, later: nodeHash(left.later, other) };
  }
  const right = rootsThrough(earlier, earlierRoot, middle, to, false, rest);
  return right && { earlier: nodeHash(other, right.earlier), later: nodeHash(other, right.later) };
}

/** A tree that only grows, kept as the roots of its whole subtrees: memory grows with the logarithm of its size. */
export class Frontier {
  /** One root per bit set in the size, that of the largest subtree first. */
  readonly #roots: Hash[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(leaf: Hash): void {
    let root = leaf;
    for (let size = this.#size; size % 2 === 1; size = Math.floor(size / 2))
      root = nodeHash(this.#roots.pop()!, root);
    this.#roots.push(root);
    this.#size++;
  }

  /** Adds a whole subtree of `2^height` leaves; the size must be a multiple of that. */
  addWhole(height: number, subtree: Hash): void {
    let root = subtree;
    for (let size = this.#size / 2 ** height; size % 2 === 1; size = Math.floor(size / 2))
      root = nodeHash(this.#roots.pop()!, root);
    this.#roots.push(root);
    this.#size += 2 ** height;
  }

  root(): Hash {
    if (this.#size === 0) return emptyRoot;
    return this.#roots.reduceRight((right, left) => nodeHash(left, right));
  }
}

export function isSameHash(a: Hash, b: Hash): boolean {
  return Buffer.compare(a, b) === 0;
}
