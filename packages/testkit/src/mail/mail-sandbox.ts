import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, seededRandom, sleep, systemClock } from '@tenon/model';
import PostalMime from 'postal-mime';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { type Controlled, control } from '../sandbox/control.ts';
import { FaultBook, type FaultHandle } from '../sandbox/faults.ts';
import type { AppliedEffect } from '../sandbox/journal.ts';
import { addressOf, answerAside, readBytes } from '../sandbox/wire.ts';
import {
  type MailFault,
  type MailFaultRule,
  type MailStage,
  parseMailFaultRule,
  stageOf,
} from './mail-faults.ts';

export interface MailSandboxOptions {
  /** Loopback port. Default 0: any free one. */
  readonly port?: number;
  /** Port of the control over HTTP; absent: none. 0: any free one. */
  readonly controlPort?: number;
  readonly clock?: Clock;
  readonly seed?: number;
  /** User → password. Given: a login is required. Absent: none is, and any is taken. */
  readonly credentials?: Readonly<Record<string, string>>;
}

/** A mail that was taken. */
export interface ReceivedMail {
  readonly sequence: number;
  readonly at: number;
  readonly envelope: { readonly from: string; readonly to: readonly string[] };
  /** Lower-case names, decoded (RFC 2047). */
  readonly headers: Readonly<Record<string, string>>;
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
  readonly user?: string;
}

export interface MailSandbox {
  /** `smtp://127.0.0.1:<port>`. */
  readonly url: string;
  /** Control over HTTP, where a port was asked for. */
  readonly controlUrl?: string;
  readonly faults: {
    add(rule: MailFaultRule): FaultHandle;
    clear(): void;
  };
  mails(): readonly ReceivedMail[];
  /** One effect for each mail taken; its key is the Message-ID. */
  effects(): readonly AppliedEffect[];
  reset(): void;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const NO_ROWS = 'a mail sandbox has no rows: it keeps what is sent';

/** Starts an SMTP server that keeps what it is sent. Rejects when the port is taken. */
export async function startMailSandbox(options: MailSandboxOptions = {}): Promise<MailSandbox> {
  const engine = new MailEngine(options);
  await engine.listen(options.port ?? 0);
  const controlServer =
    options.controlPort === undefined ? undefined : await serveControl(engine, options.controlPort);
  return {
    url: `smtp://${HOST}:${engine.port()}`,
    ...(controlServer && { controlUrl: `http://${HOST}:${portOf(controlServer)}` }),
    faults: { add: (rule) => engine.add(rule), clear: () => engine.faults.clear() },
    mails: () => engine.mails,
    effects: () => engine.effects(),
    reset: () => engine.reset(),
    close: async () => {
      await engine.close();
      controlServer?.closeAllConnections();
      await new Promise<void>((resolve) =>
        controlServer === undefined ? resolve() : controlServer.close(() => resolve()),
      );
    },
  };
}

/**
 * A message goes: connect → login → MAIL FROM → RCPT TO → data come whole → taken → answered. Faults strike on entering
 * a stage; between "come whole" and "taken" lies `dropBefore`, between "taken" and "answered" `dropAfter`.
 */
class MailEngine implements Controlled {
  readonly faults: FaultBook<MailFault>;
  mails: ReceivedMail[] = [];
  readonly #clock: Clock;
  readonly #server: SMTPServer;
  readonly #stopped = new AbortController();

  constructor(options: MailSandboxOptions) {
    this.#clock = options.clock ?? systemClock;
    this.faults = new FaultBook(seededRandom(options.seed ?? 1));
    this.#server = new SMTPServer({
      // Its certificate is made for tests and no client would trust it: STARTTLS is not offered.
      disabledCommands: ['STARTTLS'],
      authOptional: options.credentials === undefined,
      allowInsecureAuth: true,
      disableReverseLookup: true,
      logger: false,
      onAuth: (login, _session, done) => {
        const { username = '', password = '' } = login;
        const isKnown = options.credentials === undefined || options.credentials[username] === password;
        if (isKnown) done(null, { user: username });
        else done(smtpError(535, 'credentials refused'));
      },
      onConnect: (session, done) => void this.#stage('connect', session, done),
      onMailFrom: (_address, session, done) => void this.#stage('mail', session, done),
      onRcptTo: (_address, session, done) => void this.#stage('rcpt', session, done),
      onData: (stream, session, done) => void this.#data(stream, session, done),
    });
    // A client that hangs up in the middle is what some tests are about, no failure of the server.
    this.#server.on('error', () => {});
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.server.once('error', reject);
      this.#server.listen(port, HOST, () => resolve());
    });
  }

  port(): number {
    return portOf(this.#server.server);
  }

  add(rule: MailFaultRule): FaultHandle {
    return this.faults.add({ ...rule, operation: stageOf(rule.fault) });
  }

  addRows(): string {
    return NO_ROWS;
  }

  changeRows(): string {
    return NO_ROWS;
  }

  addFault(rule: unknown): { readonly id: string } | string {
    const parsed = parseMailFaultRule(rule);
    return typeof parsed === 'string' ? parsed : this.add(parsed);
  }

  state(): { readonly mails: readonly ReceivedMail[] } {
    return { mails: this.mails };
  }

  effects(): readonly AppliedEffect[] {
    return this.mails.map(({ sequence, at, headers }) => {
      const id = headers['message-id'];
      return { sequence, at, operation: 'data', resource: 'mails', ...(id !== undefined && { key: id, id }) };
    });
  }

  requests(): readonly unknown[] {
    return this.mails;
  }

  revokeTokens(): void {
    // Mail has logins, no tokens: there is nothing to revoke.
  }

  reset(): void {
    this.mails = [];
    this.faults.clear();
  }

  close(): Promise<void> {
    this.#stopped.abort();
    for (const { _socket: socket } of this.#server.connections) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #stage(
    stage: MailStage,
    session: SMTPServerSession,
    done: (error?: Error | null) => void,
  ): Promise<void> {
    const fault = await this.#strike(stage);
    if (fault?.kind === 'reject') done(smtpError(fault.code, fault.message ?? 'told to by a sandbox fault'));
    else if (fault !== undefined) this.#drop(session);
    else done();
  }

  async #data(
    stream: SMTPServerDataStream,
    session: SMTPServerSession,
    done: (error?: Error | null, message?: string) => void,
  ): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      // A stream of bytes without an encoding yields Buffers.
      for await (const chunk of stream) chunks.push(chunk as Buffer);
    } catch {
      // The client went away inside its message: nothing was taken, and there is nobody to tell.
      return;
    }
    const fault = await this.#strike('data');
    if (fault?.kind === 'reject')
      return done(smtpError(fault.code, fault.message ?? 'told to by a sandbox fault'));
    if (fault?.kind === 'dropBefore') return this.#drop(session);
    this.mails.push(await this.#taken(Buffer.concat(chunks), session));
    if (fault?.kind === 'dropAfter') return this.#drop(session);
    done(null, 'taken');
  }

  async #taken(raw: Buffer, session: SMTPServerSession): Promise<ReceivedMail> {
    const mail = await PostalMime.parse(raw);
    const { mailFrom, rcptTo } = session.envelope;
    return {
      sequence: this.mails.length + 1,
      at: this.#clock.now(),
      envelope: {
        from: mailFrom === false ? '' : mailFrom.address,
        to: rcptTo.map(({ address }) => address),
      },
      headers: Object.fromEntries(mail.headers.map(({ key, value }) => [key.toLowerCase(), value])),
      subject: mail.subject ?? '',
      text: (mail.text ?? '').trimEnd(),
      ...(mail.html !== undefined && { html: mail.html }),
      ...(session.user !== undefined && { user: session.user }),
    };
  }

  async #strike(stage: MailStage): Promise<MailFault | undefined> {
    const struck = this.faults.strike(stage, {});
    for (const fault of struck)
      if (fault.kind === 'latency') await sleep(this.#clock, fault.ms, this.#stopped.signal);
    return struck.find(({ kind }) => kind !== 'latency');
  }

  #drop(session: SMTPServerSession): void {
    for (const connection of this.#server.connections)
      if (connection.id === session.id) connection._socket.destroy();
  }
}

function serveControl(engine: MailEngine, port: number): Promise<Server> {
  const server = createServer(async (request, response) => {
    const url = addressOf(request);
    if (url === undefined) return answerAside(response, 400, 'the address cannot be read');
    // One that breaks off has asked for nothing.
    const bytes = await readBytes(request).catch(() => undefined);
    if (bytes === undefined) return void response.destroy();
    const { method = 'GET', headers } = request;
    control({ method: method.toLowerCase(), url, bytes, headers, response }, engine);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => resolve(server));
  });
}

function smtpError(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}

function portOf(server: { address(): unknown }): number {
  // Listening on TCP, so the address is one with a port.
  return (server.address() as AddressInfo).port;
}
