import { Readable } from 'node:stream';
import type { Secret } from '@tenon/model';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { ComposedMail } from './compose-mail.ts';

export interface SmtpRelay {
  readonly host: string;
  readonly port: number;
  /** TLS from the start. */
  readonly secure: boolean;
  /** Refuse to go on without STARTTLS. */
  readonly requireTls: boolean;
}

export interface SmtpLogin {
  readonly username: Secret;
  readonly password: Secret;
}

export type SubmissionPhase = 'connect' | 'login' | 'send';

export type Submission =
  | { readonly ok: true; readonly code: number; readonly accepted: readonly string[] }
  | {
      readonly ok: false;
      readonly phase: SubmissionPhase;
      /** The reply's code, where the relay replied. */
      readonly replyCode?: number;
      /** SMTP command the reply was to (`RCPT TO`, `DATA`). */
      readonly command?: string;
      readonly aborted: boolean;
      /** The whole message was on its way when it ended: without a reply, its fate is unknown. */
      readonly messageWritten: boolean;
    };

/** Quiet on the line for this long is taken as dead, below any deadline. */
const CONNECTION_TIMEOUT_MS = 10_000;

/** One message over one connection: greeting, TLS, login, envelope, data. Never rejects. */
export function submit(
  relay: SmtpRelay,
  login: SmtpLogin | undefined,
  mail: ComposedMail,
  signal: AbortSignal,
): Promise<Submission> {
  return new Promise((resolve) => {
    let phase: SubmissionPhase = 'connect';
    let messageWritten = false;
    let settled = false;
    const smtp = new SMTPConnection({
      host: relay.host,
      port: relay.port,
      secure: relay.secure,
      requireTLS: relay.requireTls,
      connectionTimeout: CONNECTION_TIMEOUT_MS,
    });
    signal.addEventListener('abort', onAbort, { once: true });
    smtp.once('error', fail);
    smtp.once('end', () => fail(undefined));
    if (signal.aborted) onAbort();
    else smtp.connect((error) => (error ? fail(error) : authenticate()));

    function authenticate(): void {
      if (login === undefined) {
        send();
        return;
      }
      phase = 'login';
      smtp.login({ user: login.username.reveal(), pass: login.password.reveal() }, (error) =>
        error ? fail(error) : send(),
      );
    }

    function send(): void {
      if (settled) return;
      phase = 'send';
      const message = Readable.from([mail.bytes]);
      // nodemailer writes the final dot as soon as the source has ended.
      message.once('end', () => {
        messageWritten = true;
      });
      smtp.send({ from: mail.envelope.from, to: [...mail.envelope.to] }, message, (error, info) => {
        if (error) fail(error);
        else
          settle({
            ok: true,
            code: Number(/^\d{3}/.exec(info?.response ?? '')?.[0] ?? 250),
            accepted: mail.envelope.to,
          });
      });
    }

    function onAbort(): void {
      settle({ ok: false, phase, aborted: true, messageWritten });
    }

    function fail(error: unknown): void {
      const replyCode = numberOf(error, 'responseCode');
      const command = textOf(error, 'command');
      settle({
        ok: false,
        phase,
        aborted: false,
        messageWritten,
        ...(replyCode !== undefined && { replyCode }),
        ...(command !== undefined && { command }),
      });
    }

    function settle(outcome: Submission): void {
      if (settled) return;
      settled = true;
      signal.removeEventListener('abort', onAbort);
      smtp.on('error', () => {
        // Settled already: what the closing connection still says changes nothing.
      });
      if (outcome.ok) smtp.quit();
      else smtp.close();
      resolve(outcome);
    }
  });
}

function numberOf(error: unknown, key: string): number | undefined {
  const value = error instanceof Error ? Reflect.get(error, key) : undefined;
  return typeof value === 'number' ? value : undefined;
}

function textOf(error: unknown, key: string): string | undefined {
  const value = error instanceof Error ? Reflect.get(error, key) : undefined;
  return typeof value === 'string' ? value : undefined;
}
