import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { folderName, sweepLeftFolders } from './left-folders.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-left-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Of a process that has ended. */
const gone = spawnSync(process.execPath, ['--version']).pid;

function made(name: string, isOld: boolean): string {
  const path = join(folder, name);
  mkdirSync(path);
  if (isOld) utimesSync(path, 1, 1);
  return path;
}

test('folders of trials are taken away of which the process is no more, and no others', () => {
  const own = made(`${folderName()}own`, false);
  const left = made(`tenon-drill-${gone}-left`, true);
  const kept = [
    own,
    made(`${folderName()}older`, true),
    made(`tenon-drill-${process.ppid}-other`, true),
    made(`tenon-drill-${gone}-now`, false),
    made(`something-${gone}-else`, true),
  ];
  sweepLeftFolders(folder, own);
  expect(existsSync(left)).toBe(false);
  expect(kept.filter((path) => !existsSync(path))).toEqual([]);
});
