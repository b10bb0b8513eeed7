import { appendFileSync, copyFileSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openLedger } from '../embedded/file/open-ledger.ts';
import { migrate } from '../embedded/file/schema.ts';
import { type Bench, openBench, testKey } from '../testing/bench.ts';
import { planFor } from '../testing/plan.ts';
import {
  type SoundLedger,
  soundLedger,
  type Tampering,
  tamperings,
  verifyTampered,
} from '../testing/tamper.ts';
import {
  type CheckpointKey,
  checkpointKey,
  isSigned,
  newCheckpointKey,
  parseCheckpoints,
  parseVerifier,
  signCheckpoint,
  verifierText,
} from './checkpoint.ts';
import { isConsistent, isIncluded, leafHash } from './merkle.ts';

describe('a ledger that was tampered with', () => {
  let ledger: SoundLedger;
  beforeAll(async () => {
    ledger = await soundLedger();
  });
  afterAll(() => ledger.close());

  test('is sound before', () => {
    const report = verifyTampered(ledger, {});
    expect(report.findings).toEqual([]);
    expect(report.rows).toBe(ledger.rows.length);
    expect(report.rows).toBeGreaterThan(2 * 256);
    expect(report.covered).toBe(report.rows);
    expect(report.checkpoints).toBeGreaterThan(4);
  });

  for (const tampering of tamperings as readonly Tampering[])
    test(`shows ${tampering.name}`, () => {
      const { findings } = verifyTampered(ledger, tampering);
      expect(findings.map(({ code }) => code)).toContain(tampering.code);
      const finding = findings.find(({ code }) => code === tampering.code)!;
      if (tampering.at !== undefined) {
        const from = ledger.rows.at(tampering.at)!;
        const to = ledger.rows[ledger.rows.indexOf(from) + 1] ?? from + 10;
        expect(finding.sequence).toBeGreaterThanOrEqual(from);
        expect(finding.sequence).toBeLessThan(to);
      }
    });

  test('places a rewritten entry between the checkpoints on its two sides', () => {
    const rewriting = tamperings.find(({ name }) => name.includes('computed anew'))!;
    const { findings } = verifyTampered(ledger, rewriting);
    const at = ledger.rows[150]!;
    const [, from, to] = /between entries (\d+) and (\d+)/.exec(findings[0]!.message)!;
    expect(Number(from)).toBeLessThanOrEqual(at);
    expect(Number(to)).toBeGreaterThanOrEqual(at);
    expect(Number(to) - Number(from)).toBeLessThan(400);
  });

  test('lists a bounded number of findings', () => {
    const { findings, leftOff } = verifyTampered(ledger, {
      edit: (db) => db.exec(`UPDATE ledger SET facts = '[]'`),
    });
    expect(findings).toHaveLength(100);
    expect(leftOff).toBeGreaterThan(400);
  });

  test('its export carries proofs that hold without the file', () => {
    const reader = openLedger(ledger.file);
    const exported = reader.exporting();
    const decode = (text: string): Uint8Array => Buffer.from(text, 'base64');
    for (const index of [0, 255, 256, 300, ledger.rows.length - 1]) {
      const proof = exported.inclusion(ledger.rows[index]!)!;
      expect(proof.index).toBe(index);
      const path = proof.proof.map(decode);
      expect(isIncluded(leafHash(proof.leaf), index, proof.size, path, exported.head.root)).toBe(true);
    }
    for (const note of parseCheckpoints(readFileSync(ledger.checkpoints, 'utf8').split('\n'))) {
      if (!note.ok) throw new Error('unreadable');
      const { size, root } = note.checkpoint;
      const path = exported.consistency(size).map(decode);
      expect(isConsistent(size, root, exported.head.size, exported.head.root, path)).toBe(true);
    }
    expect([...exported.rows()].map(({ sequence }) => sequence)).toEqual(ledger.rows);
    expect(exported.inclusion(10_000_000)).toBeUndefined();
    reader.close();
  });
});

describe('a checkpoint', () => {
  const text = (key: CheckpointKey, origin: string) =>
    signCheckpoint({ origin, size: 1, root: leafHash(''), lastSequence: 1, atMs: 0 }, key).split('\n');
  const keyOf = (name: string) => checkpointKey(newCheckpointKey(), name);
  const isTaken = (lines: string[], keys: readonly CheckpointKey[]): boolean[] =>
    [...parseCheckpoints(lines)].map(
      (note) =>
        note.ok &&
        isSigned(
          note.checkpoint,
          keys.map(({ publicKey }) => publicKey),
        ),
    );

  test('is that of a ledger only where a key of this ledger signed it, whatever other keys are known', () => {
    const [ours, theirs] = [keyOf('a.example/ledger'), keyOf('b.example/ledger')];
    expect(isTaken(text(ours, 'a.example/ledger'), [ours, theirs])).toEqual([true]);
    expect(isTaken(text(theirs, 'a.example/ledger'), [ours, theirs])).toEqual([false]);
  });
});

describe('checkpoints', () => {
  let bench: Bench;
  afterEach(() => bench.close());

  const notes = () =>
    [...parseCheckpoints(readFileSync(checkpointFile(bench), 'utf8').split('\n'))].map((note) => {
      if (!note.ok) throw new Error(`line ${note.line}`);
      return note.checkpoint;
    });

  async function openSigning(more: Bench['checkpoints'] = {}): Promise<void> {
    bench = await openBench(planFor({ steps: [] }));
    bench.checkpoints = more;
    await bench.restart();
  }

  test('are signed after so much time, after so many rows, and at the end', async () => {
    await openSigning({ everyMs: 1_000, everyRows: 10 });
    await bench.order({ id: 'a' });
    await bench.runtime.idle();
    expect(existsSync(checkpointFile(bench))).toBe(false);
    await bench.pass(1_000);
    await settle();
    expect(notes()).toHaveLength(1);
    await bench.pass(60_000);
    expect(notes()).toHaveLength(1);
    // A row for each commit: at least one for each, however commits fall together.
    for (const id of 'bcdefghijk') await bench.order({ id });
    await bench.runtime.idle();
    await settle();
    const signed = notes().length;
    expect(signed).toBeGreaterThan(1);
    await bench.order({ id: 'l' });
    await bench.runtime.stop();
    expect(notes().length).toBeGreaterThan(signed);
    expect(notes().every((note) => isSigned(note, [testKey.publicKey]))).toBe(true);
  });

  test('go to a witness, which is asked again until it takes one', async () => {
    const taken: string[] = [];
    let isDown = true;
    const publish = async (note: string): Promise<void> => {
      if (isDown) throw new Error('connection refused');
      taken.push(note);
    };
    await openSigning({ everyMs: 1_000, publish });
    await bench.order({ id: 'a' });
    await bench.pass(2_000);
    await settle();
    expect(bench.problems[0]).toMatch(/the witness did not take .* connection refused/);
    isDown = false;
    await bench.pass(2_000);
    await settle();
    expect([...parseCheckpoints(taken[0]!.split('\n'))]).toMatchObject([{ ok: true }]);
    await bench.pass(5_000);
    expect(taken).toHaveLength(1);
  });

  test.each([
    ['in its text', 'test.example/ledger\n99\nAAAA', true],
    ['in its signature', 'test.example/ledger\n99\nAAAA\n\n— test.example/ledger AAAA', true],
    ['while the process goes on', 'test.example/ledger\n99\nAAAA\n\n— test.example/ledger AAAA', false],
  ])('that were left half written are cut off, and the chain goes on: %s', async (_, half, isRestarted) => {
    await openSigning();
    await bench.order({ id: 'a' });
    await bench.runtime.stop();
    if (!isRestarted) await bench.restart();
    appendFileSync(checkpointFile(bench), half);
    if (isRestarted) await bench.restart();
    await bench.order({ id: 'b' });
    await bench.runtime.stop();
    const reader = openLedger(bench.file);
    const lines = readFileSync(checkpointFile(bench), 'utf8').split('\n');
    const { findings, checkpoints } = reader.verify({
      checkpoints: [{ name: 'c', lines }],
      keys: [testKey.publicKey],
    });
    reader.close();
    expect({ findings, checkpoints }).toEqual({ findings: [], checkpoints: 2 });
  });

  test.each([
    ['by its checkpoints', () => rmSync(`${bench.file}.mark`)],
    ['by its mark, before anything of it was signed', () => rmSync(checkpointFile(bench))],
    ['by both', () => {}],
  ])(
    'keep an older copy of the file from being started, unless someone signs for it: %s',
    async (_, left) => {
      await openSigning();
      await bench.order({ id: 'a' });
      await bench.runtime.stop();
      copyFileSync(bench.file, `${bench.file}.old`);
      await bench.restart();
      await bench.order({ id: 'b' });
      await bench.runtime.stop();
      copyFileSync(`${bench.file}.old`, bench.file);
      left();
      await expect(bench.restart()).rejects.toMatchObject({ code: 'RUNTIME_LEDGER_BEHIND' });
      bench.checkpoints = { setBack: 'ana: restored last night’s backup' };
      await bench.restart();
      await bench.order({ id: 'c' });
      await bench.runtime.stop();
      const reader = openLedger(bench.file);
      const lines = readFileSync(checkpointFile(bench), 'utf8').split('\n');
      const report = reader.verify({ checkpoints: [{ name: 'c', lines }], keys: [testKey.publicKey] });
      reader.close();
      expect(report.findings).toEqual([]);
      expect(report.setBacks.map(({ why }) => why)).toEqual(['ana: restored last night’s backup']);
    },
  );

  /** Reads what is signed, and signs nothing itself: of a disk that takes no checkpoint. */
  const cannotSign: CheckpointKey = {
    ...testKey,
    get privateKey(): never {
      throw new Error('no space left');
    },
  };

  test.each([
    ['by its mark', () => rmSync(checkpointFile(bench)), false, 'ana: the backup of last night'],
    ['by its checkpoints', () => {}, true, 'ana: the backup of last night; ben: as ana said'],
  ])(
    'name who accepted an older copy, though the process died before it could sign that: %s',
    async (_, left, isAskedAgain, why) => {
      await openSigning();
      await bench.order({ id: 'a' });
      await bench.runtime.stop();
      copyFileSync(bench.file, `${bench.file}.old`);
      await bench.restart();
      await bench.order({ id: 'b' });
      await bench.runtime.stop();
      copyFileSync(`${bench.file}.old`, bench.file);
      left();
      bench.checkpoints = { setBack: 'ana: the backup of last night', key: cannotSign };
      await bench.restart();
      await bench.order({ id: 'c' });
      await bench.runtime.idle();
      expect(bench.problems).toEqual([expect.stringMatching(/no checkpoint of the ledger could be kept/)]);
      bench.checkpoints = isAskedAgain ? { setBack: 'ben: as ana said' } : {};
      await bench.crash();
      bench.checkpoints = {};
      await bench.order({ id: 'd' });
      await bench.restart();
      await bench.runtime.stop();
      const reader = openLedger(bench.file);
      const lines = readFileSync(checkpointFile(bench), 'utf8').split('\n');
      const report = reader.verify({ checkpoints: [{ name: 'c', lines }], keys: [testKey.publicKey] });
      reader.close();
      expect(report.findings).toEqual([]);
      expect(report.setBacks.map((one) => one.why)).toEqual([why]);
    },
  );

  test('are no ground to start on rows that Tenon did not write, whoever signs for it', async () => {
    await openSigning();
    await bench.order({ id: 'a' });
    await bench.runtime.stop();
    const db = new DatabaseSync(bench.file);
    db.exec(`INSERT INTO ledger VALUES (99, 1, 1, '[]')`);
    db.close();
    bench.checkpoints = { setBack: 'ana: it will do' };
    await expect(bench.restart()).rejects.toMatchObject({ code: 'RUNTIME_LEDGER_ALTERED' });
  });

  test('that cannot be written are said, and made up for', async () => {
    // A file is no folder.
    await openSigning({ file: `${import.meta.filename}/checkpoints`, everyMs: 1_000 });
    await bench.order({ id: 'a' });
    await bench.pass(1_000);
    await settle();
    expect(bench.problems[0]).toMatch(/no checkpoint of the ledger could be kept/);
    expect(bench.state(bench.runtime.runs()[0]!.runId)).toBe('succeeded');
  });

  test('name their key in a form that verifiers read, and no other', async () => {
    await openSigning();
    const text = verifierText(testKey.publicKey);
    expect(parseVerifier(text)).toMatchObject({ name: testKey.name });
    expect(parseVerifier(text.replace(/\+\w{8}\+/, '+00000000+'))).toBeUndefined();
    expect(parseVerifier('nonsense')).toBeUndefined();
  });
});

describe('a file from before there was a tree', () => {
  let bench: Bench;
  afterEach(() => bench.close());

  test('gets its leaves when it is opened, and keeps its entries', async () => {
    bench = await openBench(planFor({ steps: [] }));
    for (let i = 0; i < 300; i++) await bench.order({ id: `o${i}` });
    await bench.runtime.idle();
    await bench.runtime.stop();
    becomeOld(bench.file);
    const before = openLedger(bench.file);
    expect(before.verify({ checkpoints: [], keys: [] }).findings).toMatchObject([
      { code: 'LEDGER_TREE_DAMAGED' },
    ]);
    before.close();
    bench.checkpoints = {};
    await bench.restart();
    await bench.order({ id: 'later' });
    await bench.runtime.stop();
    const after = openLedger(bench.file);
    const lines = readFileSync(checkpointFile(bench), 'utf8').split('\n');
    const report = after.verify({ checkpoints: [{ name: 'c', lines }], keys: [testKey.publicKey] });
    after.close();
    expect(report.findings).toEqual([]);
    expect(report.covered).toBe(report.rows);
  });
});

/** Makes the file one of the first version, which has no tree, with the same rows. */
function becomeOld(file: string): void {
  renameSync(file, `${file}.new`);
  const db = new DatabaseSync(file);
  db.exec('PRAGMA page_size = 16384; PRAGMA journal_mode = WAL');
  migrate(db, file, 1);
  db.exec(`ATTACH '${file}.new' AS new`);
  const tables = db.prepare(
    `SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name <> 'transitions'`,
  );
  for (const { name } of tables.all()) {
    const columns = db.prepare(`SELECT name FROM main.pragma_table_info('${String(name)}')`).all();
    const list = columns.map((column) => String(column['name'])).join(', ');
    db.exec(`INSERT INTO main.${String(name)} (${list}) SELECT ${list} FROM new.${String(name)}`);
  }
  db.close();
  rmSync(`${file}.mark`, { force: true });
}

function checkpointFile(bench: Bench): string {
  return `${bench.file}.checkpoints`;
}

/** A checkpoint is signed between two batches: a turn of the loop or two later. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
