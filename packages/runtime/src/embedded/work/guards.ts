import type { Transport } from '@tenon/connector';
import type { EmbeddedEngine } from '../engine.ts';

/** Most time between a call and the record of what its guard has learnt from it. */
const SAVE_AFTER_MS = 500;

/**
 * Keeps what the guards of connections know (an open breaker, a spent quota, a used retry budget) over restarts. It is
 * written a moment after a call was begun, after its turn came and after it came back, and when the process stops: killed, a process forgets half a second.
 */
export class GuardMemory {
  readonly #engine: EmbeddedEngine;
  readonly #setTimer: (delayMs: number, fire: () => void) => () => void;
  readonly #guards = new Map<string, Transport>();
  readonly #saved = new Map<string, string>();
  #cancel: (() => void) | undefined;

  constructor(engine: EmbeddedEngine, setTimer: (delayMs: number, fire: () => void) => () => void) {
    this.#engine = engine;
    this.#setTimer = setTimer;
  }

  /** Before its first call: it takes up where an earlier process left off. */
  remember(connection: string, transport: Transport): void {
    if (transport.snapshot === undefined) return;
    this.#guards.set(connection, transport);
    const row = this.#engine.read.of('SELECT snapshot FROM guards WHERE connection = ?').get(connection);
    if (row === undefined) return;
    // What a guard has learnt is a help, not a duty: one that cannot be read any more begins anew.
    const snapshot = this.#engine.rows.codec.jsonOrNull(row['snapshot'], `guards/${connection}`);
    if (snapshot === null) return;
    this.#saved.set(connection, JSON.stringify(snapshot));
    transport.restore?.(snapshot);
  }

  /** A call was made, and its guard may know more. */
  changed(): void {
    if (this.#guards.size === 0 || this.#cancel !== undefined) return;
    this.#cancel = this.#setTimer(SAVE_AFTER_MS, () => {
      this.#cancel = undefined;
      // A disk that fails stops the runtime elsewhere, and says so there.
      void this.#engine.dispatcher.busy(() => this.save()).catch(() => {});
    });
  }

  async save(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    const now = this.#engine.now();
    for (const [connection, guard] of this.#guards) {
      const text = JSON.stringify(guard.snapshot?.() ?? null);
      if (text === this.#saved.get(connection)) continue;
      this.#saved.set(connection, text);
      await this.#engine.commit([['putGuard', connection, now, text]], []);
    }
  }
}
