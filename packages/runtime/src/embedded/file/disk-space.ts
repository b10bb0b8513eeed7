import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Failure } from '@tenon/model';
import type { RuntimeOptions } from '../../runtime.ts';

/** With less free space than that no event is taken, where nothing else is said. */
export const DISK_FREE_BYTES_MIN = 256 * 1024 * 1024;
const LOOKED_AT_EVERY_MS = 1_000;

/** Why a runtime would take no event with its file in this folder, or `undefined`; for whoever starts none. */
export function diskRefusal(folder: string): Failure | undefined {
  return refusalWith(freeBytesOf(folder), DISK_FREE_BYTES_MIN);
}

export function refusalWith(freeBytes: number, bytesMin: number): Failure | undefined {
  if (freeBytes >= bytesMin) return undefined;
  return {
    class: 'transient',
    code: 'RUNTIME_DISK_LOW',
    message: `${mebibytes(freeBytes)} are free on the disk of the runtime file, and events are taken from ${mebibytes(bytesMin)} on`,
    delivery: 'notSent',
    retryAfterMs: 30_000,
  };
}

/** Rounded down, so that what is too little never reads as enough. */
function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)} MiB`;
}

/** Free bytes of the disk, looked at once a second at most. */
export class DiskSpace {
  readonly #options: RuntimeOptions;
  #free = Number.POSITIVE_INFINITY;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: RuntimeOptions) {
    this.#options = options;
  }

  freeBytes(nowMs: number): number {
    if (Math.abs(nowMs - this.#lookedAtMs) >= LOOKED_AT_EVERY_MS) {
      this.#lookedAtMs = nowMs;
      this.#free = this.#options.diskFreeBytes?.() ?? freeBytesOf(dirname(this.#options.file));
    }
    return this.#free;
  }
}

function freeBytesOf(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    // A file system that does not tell: the write itself will.
    return Number.POSITIVE_INFINITY;
  }
}
