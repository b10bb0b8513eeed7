import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import setUp from './run-folder.ts';

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  return {
    ...fs,
    rmSync: (...given: Parameters<typeof fs.rmSync>) => {
      if (String(given[0]).endsWith('-stuck')) throw new Error('it is busy');
      fs.rmSync(...given);
    },
  };
});

const NAMES = ['TMPDIR', 'TEMP', 'TENON_MEMORY_FOLDER'] as const;

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe('the folder of a run of tests', () => {
  it('stands in place of the temporary ones while tests run', () => {
    for (const folder of [tmpdir(), process.env['TENON_MEMORY_FOLDER'] ?? tmpdir()])
      expect(basename(folder)).toMatch(/^tenon-tests-/);
  });

  it('goes with all that tests have left in it', () => {
    for (const name of NAMES) vi.stubEnv(name, process.env[name]);
    const outer = tmpdir();
    const tearDown = setUp();
    const folder = tmpdir();
    const memory = process.env['TENON_MEMORY_FOLDER'] ?? folder;
    expect(dirname(folder)).toBe(outer);
    for (const one of new Set([folder, memory])) {
      mkdirSync(join(one, 'left'), { mode: 0o700 });
      writeFileSync(join(one, 'left', 'behind.db'), 'x');
    }
    tearDown();
    expect([existsSync(folder), existsSync(memory), existsSync(outer)]).toEqual([false, false, true]);
  });

  it('is taken away by a later run where its own was killed, and not while it may go on', () => {
    for (const name of NAMES) vi.stubEnv(name, process.env[name]);
    const outer = tmpdir();
    const [old, young] = ['tenon-tests-old', 'tenon-tests-young'].map((name) => join(outer, name));
    for (const folder of [old!, young!]) mkdirSync(folder);
    const twoDaysAgo = (performance.timeOrigin + performance.now()) / 1_000 - 2 * 86_400;
    utimesSync(old!, twoDaysAgo, twoDaysAgo);
    setUp()();
    expect([existsSync(old!), existsSync(young!)]).toEqual([false, true]);
  });

  it('keeps no run from its tests where it cannot be taken away, as while a disk is mounted in it', () => {
    for (const name of NAMES) vi.stubEnv(name, process.env[name]);
    const said = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const stuck = join(tmpdir(), 'tenon-tests-stuck');
    mkdirSync(stuck);
    utimesSync(stuck, 0, 0);
    setUp()();
    expect(said.mock.calls).toEqual([[`${stuck} is left behind: it is busy`]]);
  });
});
