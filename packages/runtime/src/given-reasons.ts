import type { Runtime, RuntimeOptions } from './runtime.ts';
import { RuntimeError } from './runtime-error.ts';

/** Where each word of a person says why: the number of the argument. */
export const REASON_AT = {
  decide: 4,
  settle: 4,
  closeFix: 3,
  resume: 2,
  markDone: 3,
  markUndone: 3,
  cancel: 2,
  closeRun: 2,
  planCancel: 2,
  applyCancel: 2,
  planReplay: 2,
  applyReplay: 2,
  reconcile: 2,
  planRepair: 2,
  applyRepair: 2,
  setSwitch: 2,
  liftSwitch: 2,
  recordDrill: 2,
  beginDrill: 2,
  stopDrill: 2,
  recheck: 2,
  erase: 2,
  rewrapKeys: 1,
} as const satisfies Partial<Record<keyof Runtime, number>>;

/**
 * Holds every word of a person to a reason: it stands in the ledger for ever, where a blank one accounts for nothing. Such a word is
 * refused (`REASON_BLANK`) before anything is looked at.
 */
export function withReasons(runtime: Runtime): Runtime {
  const held = Object.entries(REASON_AT).map(([name, at]) => {
    // A key of the table is one of the runtime's methods, each of which gives a promise.
    const said = runtime[name as keyof typeof REASON_AT] as (...given: unknown[]) => Promise<unknown>;
    return [
      name,
      async (...given: unknown[]) => {
        refuseBlank(String(given[at]), name);
        return said(...given);
      },
    ];
  });
  return { ...runtime, ...Object.fromEntries(held) };
}

/** Of what a start itself says to the ledger. */
export function refuseBlankStart({ killed, checkpoints }: RuntimeOptions): void {
  if (killed !== undefined) refuseBlank(killed.reason, 'killed');
  if (checkpoints?.setBack !== undefined) refuseBlank(checkpoints.setBack, 'setBack');
}

function refuseBlank(reason: string, of: string): void {
  if (reason.trim() === '')
    throw new RuntimeError(
      'REASON_BLANK',
      `${of} was given no reason, and nothing was done: say why, in words`,
    );
}
