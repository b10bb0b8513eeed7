import type { CallRequest, CallResult, Transport, TransportContext } from '@tenon/connector';
import type { Failure } from '@tenon/model';
import { compileValidator, type Validator } from '@tenon/schema';
import { type ComposedMail, composeMail, type MailBody } from './compose-mail.ts';
import { smtpFailure } from './smtp-failure.ts';
import { type SmtpLogin, type SmtpRelay, submit } from './submit.ts';

/**
 * Hands one message to a relay over SMTP, for one connection whose base URL is `smtp://host:port` (STARTTLS, required
 * unless the host is loopback) or `smtps://host:port` (TLS from the start); `?from=` names the default sender.
 *
 * One attempt, on a connection of its own. SMTP knows no repeats, so what matters is to tell the fates apart: until the
 * line that ends the message has been written the relay has accepted nothing (`notSent`); after it, without a reply,
 * the message may be on its way (`lost`); a reply settles it (`answered`).
 */
export function smtpTransport(context: TransportContext): Transport {
  const { connection, clock } = context;
  const relay = parseRelay(connection.baseUrl);

  return { call, close: async () => {} };

  async function call(request: CallRequest): Promise<CallResult> {
    const { operation } = request;
    if (relay === undefined)
      return failed({
        class: 'permanent',
        code: 'SMTP_BASE_URL_INVALID',
        message: `the base URL of connection ${connection.name} is not smtp:// or smtps://`,
        delivery: 'notSent',
      });
    const issue = validatorOf(request)(request.input)[0];
    if (issue !== undefined)
      return failed({
        class: 'validation',
        code: 'SMTP_REQUEST_INVALID',
        message: `${operation.name}: ${issue.pointer === '' ? 'the whole' : issue.pointer} ${issue.message}`,
        delivery: 'notSent',
        pointer: issue.pointer,
      });
    const deadlineAtMs = Math.min(
      clock.now() + operation.timeoutMs,
      request.deadlineAt ?? Number.POSITIVE_INFINITY,
    );
    if (clock.now() >= deadlineAtMs || request.signal?.aborted)
      return failed({
        class: 'timeout',
        code: 'SMTP_CALL_TIMEOUT',
        message: `${operation.name}: the deadline has passed; nothing was sent`,
        delivery: 'notSent',
      });

    let login: SmtpLogin | undefined;
    try {
      login = await credentials(request);
    } catch {
      return failed({
        class: 'auth',
        code: 'SMTP_CREDENTIALS_MISSING',
        message: `${operation.name}: the credentials of connection ${connection.name} could not be read`,
        delivery: 'notSent',
      });
    }
    // The schema of the operation, checked above, is that of the contract's Mail.
    const body = request.input['body'] as unknown as MailBody;
    const mail = await composeMail(body, {
      sender: relay.sender,
      sentAtMs: clock.now(),
      random: context.random,
      ...(request.idempotencyKey !== undefined && { idempotencyKey: request.idempotencyKey }),
      ...(request.correlationId !== undefined && { correlationId: request.correlationId }),
    });
    return deliver(request, relay, login, mail, deadlineAtMs);
  }

  async function deliver(
    request: CallRequest,
    to: SmtpRelay,
    login: SmtpLogin | undefined,
    mail: ComposedMail,
    deadlineAtMs: number,
  ): Promise<CallResult> {
    const controller = new AbortController();
    const stop = (): void => controller.abort();
    const cancelTimer = clock.setTimer(Math.max(0, deadlineAtMs - clock.now()), stop);
    request.signal?.addEventListener('abort', stop, { once: true });
    // It may have been called off while the message was made ready, and nothing says so again.
    if (request.signal?.aborted) stop();
    try {
      const submission = await submit(to, login, mail, controller.signal);
      if (submission.ok)
        return {
          ok: true,
          status: submission.code,
          body: { messageId: mail.messageId, accepted: [...submission.accepted] },
          headers: {},
        };
      return failed(smtpFailure(request.operation.name, submission));
    } finally {
      cancelTimer();
      request.signal?.removeEventListener('abort', stop);
    }
  }

  /** `username` and `password` of the first basic scheme the connection has; none at all is a relay without login. */
  async function credentials({ operation }: CallRequest): Promise<SmtpLogin | undefined> {
    const scheme = operation.auth.find(
      ({ id, type }) => type === 'basic' && connection.credentials[id] !== undefined,
    );
    const fields = scheme === undefined ? undefined : connection.credentials[scheme.id];
    if (fields === undefined) return undefined;
    const { username, password } = fields;
    if (username === undefined || password === undefined)
      throw new Error('username and password are both needed');
    const purpose = { connection: connection.name, use: 'authenticate' };
    const [user, pass] = await Promise.all([
      context.secrets.resolve(username, purpose),
      context.secrets.resolve(password, purpose),
    ]);
    return { username: user, password: pass };
  }
}

const SUBMISSION_PORT = 587;
const SUBMISSIONS_PORT = 465;

function parseRelay(baseUrl: string): (SmtpRelay & { readonly sender: string }) | undefined {
  if (!URL.canParse(baseUrl)) return undefined;
  const url = new URL(baseUrl);
  if ((url.protocol !== 'smtp:' && url.protocol !== 'smtps:') || url.hostname === '' || url.username !== '')
    return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const secure = url.protocol === 'smtps:';
  return {
    host,
    port: url.port === '' ? (secure ? SUBMISSIONS_PORT : SUBMISSION_PORT) : Number(url.port),
    secure,
    requireTls: !secure && !isLoopback(host),
    sender: url.searchParams.get('from') ?? `no-reply@${/^[\d.:a-f]+$/i.test(host) ? `[${host}]` : host}`,
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

const validators = new WeakMap<object, Validator>();

function validatorOf({ operation }: CallRequest): Validator {
  let validator = validators.get(operation);
  if (validator === undefined) {
    validator = compileValidator(operation.input, { hidesNames: true });
    validators.set(operation, validator);
  }
  return validator;
}

function failed(failure: Failure): CallResult {
  return { ok: false, failure };
}
