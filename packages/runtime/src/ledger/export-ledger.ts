import type { DatabaseSync } from 'node:sqlite';
import type { TreeHead } from './checkpoint.ts';
import { consistencyProof, type Hash, inclusionProof, leafHash } from './merkle.ts';
import { leafText, rowsAfter, StoredTree } from './tiles.ts';

/** One row as it is handed on: `leaf` is the exact text whose hash is the tree's leaf; the entries are in it. */
export interface ExportedRow {
  readonly index: number;
  readonly sequence: number;
  readonly runId: string;
  readonly leaf: string;
}

/** Reads the ledger in a form that others can check without Tenon. */
export interface LedgerExport {
  readonly head: TreeHead;
  rows(): Iterable<ExportedRow>;
  /** Proof that an entry is in the tree of `size` rows; `undefined` when there is no such entry in it. */
  inclusion(sequence: number, size?: number): InclusionProof | undefined;
  /** Proof that the tree of `size` rows begins with that of `earlier`. */
  consistency(earlier: number, size?: number): readonly string[];
}

export interface InclusionProof {
  readonly index: number;
  readonly size: number;
  readonly leaf: string;
  readonly leafHash: string;
  /** Hashes from the leaf up, base64 (RFC 6962). */
  readonly proof: readonly string[];
  readonly root: string;
}

export function exportLedger(db: DatabaseSync): LedgerExport {
  const tree = new StoredTree(db);
  const { head } = tree;
  const runId = db.prepare('SELECT run_id FROM runs WHERE seq = ?');
  return {
    head,
    *rows() {
      let index = 0;
      for (const row of rowsAfter(db, 0)) {
        if (index >= head.size) return;
        const run = runId.get(row.runSeq)?.['run_id'];
        yield { index: index++, sequence: row.seq, runId: String(run ?? ''), leaf: leafText(row) };
      }
    },
    inclusion: (sequence, size = head.size) => {
      const row = db
        .prepare('SELECT seq, run_seq, count, facts FROM ledger WHERE seq <= ? ORDER BY seq DESC LIMIT 1')
        .get(sequence);
      if (row === undefined || sequence >= Number(row['seq']) + Number(row['count'])) return undefined;
      const seq = Number(row['seq']);
      const index = Number(db.prepare('SELECT count(*) AS n FROM ledger WHERE seq < ?').get(seq)?.['n']);
      if (index >= size || size > head.size) return undefined;
      const leaf = leafText({
        seq,
        runSeq: Number(row['run_seq']),
        count: Number(row['count']),
        facts: String(row['facts']),
      });
      return {
        index,
        size,
        leaf,
        leafHash: base64(leafHash(leaf)),
        proof: inclusionProof(tree.node, index, size).map(base64),
        root: base64(tree.rootAt(size)),
      };
    },
    consistency: (earlier, size = head.size) => consistencyProof(tree.node, earlier, size).map(base64),
  };
}

function base64(hash: Hash): string {
  return Buffer.from(hash).toString('base64');
}
