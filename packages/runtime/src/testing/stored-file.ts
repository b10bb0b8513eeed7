import { existsSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { openLedger } from '../embedded/file/open-ledger.ts';
import { type Bench, testKey } from './bench.ts';

/** Everything that lies under the name of a database, its keys aside. */
export function bytesUnder(file: string): string {
  return ['', '-wal', '-shm', '.mark', '.checkpoints']
    .map((suffix) => file + suffix)
    .filter(existsSync)
    .map((path) => readFileSync(path, 'latin1'))
    .join('\n');
}

/** What is found wrong with the file of a bench, its ledger and its checkpoints, by who has its keys. */
export function problemsOf({ file, encryption }: Pick<Bench, 'file' | 'encryption'>): readonly string[] {
  const ledger = openLedger(file, encryption);
  const lines = readFileSync(`${file}.checkpoints`, 'utf8').split('\n');
  const { findings } = ledger.verify({ checkpoints: [{ name: 'c', lines }], keys: [testKey.publicKey] });
  const all = [...findings.map(({ message }) => message), ...ledger.check()];
  ledger.close();
  return all;
}

/** Changes the file as nobody should. */
export function meddle({ file }: Pick<Bench, 'file'>, sql: string): void {
  const db = new DatabaseSync(file);
  db.exec(sql);
  db.close();
}
