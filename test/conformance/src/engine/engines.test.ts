import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inlineCommitter, openRuntimeWith } from '@tenon/runtime/testing';
import { MemoryStorage } from './memory-engine.ts';
import { engineConformance } from './suite.ts';
import type { EngineStorage } from './world.ts';

function sqlite(from?: string): EngineStorage {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-conformance-'));
  const file = join(folder, 'runtime.db');
  // What has been written is there after a kill of the process, whether or not it is in the main file yet.
  if (from !== undefined)
    for (const suffix of ['', '-wal'])
      if (existsSync(from + suffix)) copyFileSync(from + suffix, file + suffix);
  return {
    open: (options) => openRuntimeWith({ ...options, file }, inlineCommitter),
    copy: () => sqlite(file),
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function memory(storage = new MemoryStorage()): EngineStorage {
  return {
    open: (options) => storage.open(options),
    copy: () => memory(storage.copy()),
    dispose: () => {},
  };
}

engineConformance('embedded', () => sqlite());
engineConformance('memory', () => memory());
