import type { HttpOperation, Operation } from '@tenon/contract';
import type { Fault } from '../sandbox/faults.ts';
import type { CallPurpose } from './schedule.ts';

/** What goes wrong with a call, whatever carries it. The texts are for people. */
export const callFaults = {
  unreachable: 'cannot be reached',
  unavailable: 'is unavailable (503)',
  tooMany: 'asks to be left alone (429)',
  tooManyForLong: 'asks to be left alone for two days (429)',
  refused: 'refuses what it is sent',
  unauthorised: 'does not take the credential (401)',
  lostBefore: 'breaks off before it has done it',
  lostAfter: 'does it, and the answer is lost',
  silentBefore: 'says nothing, and has not done it',
  silentAfter: 'says nothing, and has done it',
  gatewayAfter: 'does it, and a gateway says 504',
  garbled: 'does it, and the answer cannot be read',
  cut: 'does it, and the answer ends in the middle',
  drifted: 'does it, and answers what its contract does not have',
} as const;

export type CallFault = keyof typeof callFaults;

/** What goes wrong with a call, in words; a read does nothing that could be lost. */
export function faultWords(fault: CallFault, purpose: CallPurpose): string {
  const isRead = purpose === 'read' || purpose === 'probe';
  return (isRead ? READ_WORDS[fault] : undefined) ?? callFaults[fault];
}

const READ_WORDS: Readonly<Partial<Record<CallFault, string>>> = {
  silentBefore: 'says nothing',
  garbled: 'answers what cannot be read',
  drifted: 'answers what its contract does not have',
};

/** The effect may have been made, and the caller cannot know. */
export const UNCLEAR: ReadonlySet<CallFault> = new Set([
  'lostBefore',
  'lostAfter',
  'silentBefore',
  'silentAfter',
  'gatewayAfter',
  'garbled',
  'cut',
  'drifted',
]);

/** What it asks for where it asks to be left alone. */
export const LEAVE_ALONE_S = 7;
/** Longer than any run may take. */
export const LEAVE_ALONE_LONG_S: number = 2 * 86_400;

/** As a sandbox has it. `unreachable` is none of a server's. */
export function sandboxFault(
  fault: Exclude<CallFault, 'unreachable'>,
  operation: Operation | undefined,
): Fault {
  switch (fault) {
    case 'unavailable':
      return { kind: 'status', status: 503 };
    case 'tooMany':
      return { kind: 'status', status: 429, retryAfterSeconds: LEAVE_ALONE_S };
    case 'tooManyForLong':
      return { kind: 'status', status: 429, retryAfterSeconds: LEAVE_ALONE_LONG_S };
    case 'refused':
      return { kind: 'status', status: refusalStatus(operation) };
    case 'unauthorised':
      return { kind: 'status', status: 401 };
    case 'lostBefore':
      return { kind: 'dropBefore' };
    case 'lostAfter':
      return { kind: 'dropAfter' };
    case 'silentBefore':
      return { kind: 'hang', effect: 'none' };
    case 'silentAfter':
      return { kind: 'hang', effect: 'applied' };
    case 'gatewayAfter':
      return { kind: 'status', status: 504, effect: 'applied' };
    case 'garbled':
      return { kind: 'malformedBody' };
    case 'cut':
      return { kind: 'truncatedBody' };
    case 'drifted':
      return { kind: 'drift', retype: [''] };
  }
}

/** The refusal that the contract declares, the likeliest for a request that is wrong first. */
function refusalStatus(operation: Operation | undefined): number {
  if (operation === undefined || operation.kind !== 'http') return UNPROCESSABLE;
  const declares = (status: number): boolean => declared(operation).includes(String(status));
  return [UNPROCESSABLE, 400, 403].find(declares) ?? UNPROCESSABLE;
}

const UNPROCESSABLE = 422;

function declared({ responses }: HttpOperation): readonly string[] {
  return responses.map(({ status }) => status);
}
