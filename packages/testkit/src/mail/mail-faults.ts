import { isObject } from '@tenon/model';
import { type FaultRule, parseRule } from '../sandbox/faults.ts';

/** Where in an SMTP session: at the greeting, `MAIL FROM`, `RCPT TO`, or when the whole message has come. */
export type MailStage = 'connect' | 'mail' | 'rcpt' | 'data';

/**
 * What goes wrong with mail. `reject` answers with a code (4xx: try again, 5xx: never); `dropBefore` closes the
 * connection when the message has come and before it is taken; `dropAfter` after it was taken: the answer is lost.
 */
export type MailFault =
  | { readonly kind: 'reject'; readonly at: MailStage; readonly code: number; readonly message?: string }
  | { readonly kind: 'latency'; readonly ms: number; readonly at?: MailStage }
  | { readonly kind: 'dropBefore' }
  | { readonly kind: 'dropAfter' };

export type MailFaultRule = Omit<FaultRule<MailFault>, 'operation' | 'header'>;

const STAGES = ['connect', 'mail', 'rcpt', 'data'];

export function stageOf(fault: MailFault): MailStage {
  return fault.kind === 'reject' ? fault.at : fault.kind === 'latency' ? (fault.at ?? 'data') : 'data';
}

/** Reads a rule that came from outside; the text says what is wrong with it. */
export function parseMailFaultRule(value: unknown): MailFaultRule | string {
  return parseRule<MailFault>(value, problem);
}

function problem(fault: unknown): string | undefined {
  if (!isObject(fault)) return 'fault: an object with a kind';
  const isStage = (stage: unknown) => typeof stage === 'string' && STAGES.includes(stage);
  switch (fault['kind']) {
    case 'dropBefore':
    case 'dropAfter':
      return undefined;
    case 'latency':
      return typeof fault['ms'] === 'number' && (fault['at'] === undefined || isStage(fault['at']))
        ? undefined
        : `fault: latency needs ms, and at may be ${STAGES.join(', ')}`;
    case 'reject':
      return Number.isInteger(fault['code']) && isStage(fault['at'])
        ? undefined
        : `fault: reject needs a code (451, 550) and at (${STAGES.join(', ')})`;
    default:
      return 'fault.kind: reject, latency, dropBefore, dropAfter';
  }
}
