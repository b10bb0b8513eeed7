import type { Failure, FailureClass } from '@tenon/model';
import type { Submission } from './submit.ts';

type FailedSubmission = Extract<Submission, { ok: false }>;

/** What became of a message that was not accepted. Reply texts stay out: relays quote addresses in them. */
export function smtpFailure(name: string, failed: FailedSubmission): Failure {
  if (failed.replyCode !== undefined) return replied(name, failed, failed.replyCode);
  const lost = failed.messageWritten;
  const fate = lost ? 'the message may be on its way' : 'nothing was sent';
  return {
    class: failed.aborted ? 'timeout' : 'transient',
    code: failed.aborted ? 'SMTP_CALL_TIMEOUT' : 'SMTP_CONNECTION_FAILED',
    message: `${name}: ${failed.aborted ? 'no reply within the deadline' : `the connection failed (${failed.phase})`}; ${fate}`,
    delivery: lost ? 'lost' : 'notSent',
  };
}

/** RFC 5321 §4.2.1: 4yz may succeed later, 5yz will not; either way this message was not accepted. */
function replied(name: string, { phase, command }: FailedSubmission, code: number): Failure {
  const toRecipient = command?.startsWith('RCPT') === true;
  return {
    class: classOf(code, phase, command),
    code: 'SMTP_REPLY',
    message: `${name}: the relay replied ${code}${command === undefined ? '' : ` to ${command.split(' ')[0]}`}`,
    delivery: 'answered',
    status: code,
    ...(toRecipient && code >= 500 && { pointer: '/body/to' }),
  };
}

const BY_CODE: Readonly<Record<number, FailureClass>> = {
  421: 'transient',
  450: 'transient',
  451: 'transient',
  452: 'transient',
  454: 'transient',
  501: 'validation',
  523: 'validation',
  530: 'auth',
  534: 'auth',
  535: 'auth',
  538: 'auth',
  552: 'validation',
};

function classOf(code: number, phase: FailedSubmission['phase'], command: string | undefined): FailureClass {
  const known = BY_CODE[code];
  if (known !== undefined) return known;
  if (code < 500) return 'transient';
  if (phase === 'login') return 'auth';
  if (command?.startsWith('RCPT') === true) return 'validation';
  return command?.startsWith('MAIL') === true ? 'permission' : 'permanent';
}
