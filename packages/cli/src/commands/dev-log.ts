import type { LogLine } from '../serve/log-line.ts';
import { oneLine } from '../text/printable.ts';

/** Kinds of log lines without a code that a person should see. */
const TOLD: ReadonlySet<string> = new Set(['encrypting', 'keyFileOpen', 'otherPlan', 'tokenGuessable']);

/** What of the log `tenon dev` tells a person. It starts anew at each edit: what is still so is not told again. */
export function devLog(say: (text: string) => void): (line: LogLine) => void {
  /** By pipeline and plan. */
  const others = new Map<string, string>();
  return ({ kind, code, message, planHash }) => {
    if (typeof code === 'string') say(oneLine(`${code}: ${String(message)}`));
    else if (kind === 'otherPlan' && others.get(String(planHash)) === message) return;
    else if (TOLD.has(String(kind))) say(String(message));
    if (kind === 'otherPlan') others.set(String(planHash), String(message));
  };
}
