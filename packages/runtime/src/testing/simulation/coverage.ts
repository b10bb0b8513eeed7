/** Everything that may go wrong, or be done, in a simulation. Each must occur: see `simulation.test.ts`. */
export const happenings = [
  // Answers of the other side.
  'unavailable (503)',
  'refused (422)',
  'repeat refused (422)',
  'gateway error before the effect (502)',
  'gateway error after the effect (502)',
  'timeout before the effect',
  'timeout after the effect',
  'not sent',
  'asked to wait (429)',
  'schema drift',
  'malformed body',
  'truncated body',
  'token renewed (401)',
  'credentials refused (401)',
  'breaker open',
  'half-open before the effect',
  'half-open after the effect',
  'slow answer',
  'slow-loris',
  'line before a call',
  'line before a call that is too long',
  'long on its way',
  'answer of a stale replica',
  'write by somebody else',
  'listing that moves under its reader',
  // Guards of connections.
  'answer that comes when nobody waits for it',
  'transport that was given up',
  'call in a line',
  'call that was not sent when its turn came',
  'quota spent',
  'connection busy',
  'retry budget spent',
  'breaker opened',
  'breaker let probes through',
  'breaker closed again',
  'breaker open over a restart',
  // The disk.
  'write fails before it is stored (EIO)',
  'write fails after it is stored (EIO)',
  'disk full (ENOSPC)',
  'torn WAL',
  'torn page',
  'dropped fsync',
  'write fails with another one handed over',
  // While a batch is being written.
  'event while a wait is being written',
  'event while a batch is being written',
  'switch while a batch is being written',
  'said while a batch is being written',
  'crash with a batch under way',
  'crash with two batches under way',
  // The process.
  'crash at an entry',
  'crash between a commit and its announcement',
  'crash at a call',
  'crash at an acknowledgement',
  'crash when the clock was set',
  'restart',
  'deploy',
  'rollback',
  'order under a rollback',
  'other places',
  // The clock.
  'clock set forward',
  'clock set back',
  'clock set back while no process looked',
  'DST change',
  'run held by a closed window',
  // Senders.
  'duplicate delivery',
  'duplicate of another delivery',
  'redelivered when the run had ended long before',
  'older event late',
  'late payment',
  'events of two accounts with one id',
  'event of the other account while one waits',
  // People.
  'kill switch',
  'pause',
  'feature flag',
  'switch that the disk refused',
  'replay',
  'approval given',
  'approved by two at one moment',
  'approved twice by one',
  'approval expired',
  'doubt settled',
  'run resumed',
  'done by hand',
  'done by hand in a strand',
  'undone by hand',
  'run closed',
  'run cancelled',
  'run cancelled while it is at work',
  'several runs cancelled',
  'several runs cancelled, and the process died meanwhile',
  'said by two at one moment',
  'subject erased',
] as const;

export type Happening = (typeof happenings)[number];

/** How often each occurred. */
export class Coverage {
  readonly #counts = new Map<Happening, number>();

  saw(happening: Happening): void {
    this.#counts.set(happening, (this.#counts.get(happening) ?? 0) + 1);
  }

  count(happening: Happening): number {
    return this.#counts.get(happening) ?? 0;
  }

  /** Those that occurred. */
  get counts(): Readonly<Partial<Record<Happening, number>>> {
    return Object.fromEntries(this.#counts);
  }
}
