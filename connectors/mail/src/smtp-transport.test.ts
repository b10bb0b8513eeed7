import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import type { CallRequest, OperationPlan, TransportContext } from '@tenon/connector';
import { loadManifest } from '@tenon/connector';
import { type JsonObject, Secret, systemClock, systemRandom } from '@tenon/model';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { describe, expect, it } from 'vitest';
import connector from './index.ts';
import { smtpTransport } from './smtp-transport.ts';
import { submit } from './submit.ts';

const plan: OperationPlan = {
  name: 'mail.sendMessage',
  connector: 'mail',
  operation: 'sendMessage',
  contract: { name: 'mail', version: '1.1.0', digest: 'sha256:0' },
  transport: 'smtp',
  effect: 'send',
  idempotency: { mode: 'none' },
  scopes: ['mail.send'],
  timeoutMs: 5_000,
  failures: [],
  auth: [{ id: 'login', type: 'basic' }],
  egress: [],
  input: {
    type: 'object',
    required: ['body'],
    properties: {
      body: {
        type: 'object',
        required: ['to', 'subject', 'text'],
        properties: {
          to: { type: 'string', format: 'email' },
          subject: { type: 'string' },
          text: { type: 'string' },
        },
      },
    },
  },
  result: true,
  message: { channel: 'outbox', parameters: [], contentType: 'application/json', bindings: {} },
};

const body = { to: 'ada@northwind.example', subject: 'Grüße', text: 'Your seats are ready.\n.\nBye' };

/** A real SMTP server; `mails` holds what it accepted. */
async function relay(options: SMTPServerOptions = {}, credentials = false) {
  const mails: string[] = [];
  const sockets = new Set<Socket>();
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, _session, callback) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        mails.push(Buffer.concat(chunks).toString());
        callback();
      });
    },
    ...options,
  });
  server.on('error', () => {});
  server.server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const context: TransportContext = {
    connection: {
      name: 'mail',
      connector: 'mail',
      baseUrl: `smtp://127.0.0.1:${port}?from=billing@tenon.example`,
      credentials: credentials ? { login: { username: 'env:USER', password: 'env:PASSWORD' } } : {},
      webhookSecrets: [],
    },
    secrets: {
      resolve: async (reference) => new Secret(reference, reference === 'env:USER' ? 'user' : 'pass word'),
    },
    clock: systemClock,
    random: systemRandom,
  };
  const transport = smtpTransport(context);
  return {
    port,
    mails,
    sockets,
    call: (input: JsonObject = { body }, change: Partial<CallRequest> = {}) =>
      transport.call({ operation: plan, input, ...change }),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function refusing(message: string, responseCode: number): Error {
  return Object.assign(new Error(message), { responseCode });
}

describe('a message that is accepted', () => {
  it('arrives whole, dots and umlauts included, from the sender of the connection', async () => {
    await using test = await relay();
    expect(await test.call()).toEqual({
      ok: true,
      status: 250,
      body: {
        messageId: expect.stringMatching(/^<[0-9a-f]{32}@tenon\.example>$/),
        accepted: ['ada@northwind.example'],
      },
      headers: {},
    });
    expect(test.mails).toHaveLength(1);
    expect(test.mails[0]).toMatch(/^From: billing@tenon\.example\r\n/m);
    expect(test.mails[0]).toMatch(/^Subject: =\?UTF-8\?Q\?Gr=C3=BC=C3=9Fe\?=\r\n/m);
    expect(test.mails[0]).toContain('Your seats are ready.\r\n.\r\nBye');
  });

  it('carries a Message-ID made from its idempotency key, template and correlation id', async () => {
    await using test = await relay();
    await test.call(
      { body: { ...body, template: 'upgraded' } },
      { idempotencyKey: 'k1', correlationId: 'c1' },
    );
    await test.call({ body }, { idempotencyKey: 'k1' });
    const ids = test.mails.map((mail) => /^Message-ID: (.+)\r$/im.exec(mail)?.[1]);
    expect(ids[0]).toBe(ids[1]);
    expect(test.mails[0]).toMatch(/^X-Template: upgraded\r\n/m);
    expect(test.mails[0]).toMatch(/^X-Correlation-ID: c1\r\n/m);
  });

  it('logs in where the connection has credentials', async () => {
    const logins: string[] = [];
    await using test = await relay(
      {
        authOptional: false,
        allowInsecureAuth: true,
        onAuth: (auth, _session, callback) => {
          logins.push(`${auth.username}/${auth.password}`);
          callback(null, { user: 'u' });
        },
      },
      true,
    );
    expect(await test.call()).toMatchObject({ ok: true });
    expect(logins).toEqual(['user/pass word']);
  });
});

describe('a message that is refused', () => {
  it.each([
    [
      'the mailbox is unknown',
      { onRcptTo: (_a, _s, cb) => cb(refusing('no ada@northwind.example here', 550)) },
      'validation',
      550,
    ],
    ['the relay is busy', { onRcptTo: (_a, _s, cb) => cb(refusing('later', 450)) }, 'transient', 450],
    ['the sender may not', { onMailFrom: (_a, _s, cb) => cb(refusing('not you', 550)) }, 'permission', 550],
    [
      'the content is not liked',
      { onData: (stream, _s, cb) => stream.resume().on('end', () => cb(refusing('spam', 554))) },
      'permanent',
      554,
    ],
    [
      'the disk is full',
      { onData: (stream, _s, cb) => stream.resume().on('end', () => cb(refusing('full', 452))) },
      'transient',
      452,
    ],
  ] satisfies [string, SMTPServerOptions, string, number][])(
    'because %s',
    async (_name, options, failureClass, status) => {
      await using test = await relay(options);
      const result = await test.call();
      expect(result).toMatchObject({
        ok: false,
        failure: { class: failureClass, status, delivery: 'answered', code: 'SMTP_REPLY' },
      });
      expect(JSON.stringify(result)).not.toContain('ada@');
      expect(test.mails).toEqual([]);
    },
  );

  it('because the login is wrong', async () => {
    await using test = await relay(
      {
        authOptional: false,
        allowInsecureAuth: true,
        onAuth: (_auth, _session, callback) => callback(refusing('no', 535)),
      },
      true,
    );
    const result = await test.call();
    expect(result).toMatchObject({ failure: { class: 'auth', status: 535, delivery: 'answered' } });
    expect(JSON.stringify(result)).not.toContain('pass word');
  });
});

describe('a message whose answer does not come', () => {
  it.each([
    ['before the message', { onRcptTo: () => {} } satisfies SMTPServerOptions, 'notSent'],
    ['after the message', { onData: (stream) => stream.resume() } satisfies SMTPServerOptions, 'lost'],
  ])('%s: silence', async (_name, options, delivery) => {
    await using test = await relay(options);
    expect(await test.call({ body }, { deadlineAt: Date.now() + 300 })).toMatchObject({
      failure: { class: 'timeout', code: 'SMTP_CALL_TIMEOUT', delivery },
    });
  });

  it('after the message: the connection drops', async () => {
    const holder: { drop: () => void } = { drop: () => {} };
    await using test = await relay({ onData: (stream) => stream.resume().on('end', () => holder.drop()) });
    holder.drop = () => {
      for (const socket of test.sockets) socket.destroy();
    };
    expect(await test.call()).toMatchObject({
      failure: { class: 'transient', code: 'SMTP_CONNECTION_FAILED', delivery: 'lost' },
    });
  });

  it('before the message: the connection drops', async () => {
    const holder: { drop: () => void } = { drop: () => {} };
    await using test = await relay({ onMailFrom: () => holder.drop() });
    holder.drop = () => {
      for (const socket of test.sockets) socket.destroy();
    };
    expect(await test.call()).toMatchObject({ failure: { class: 'transient', delivery: 'notSent' } });
  });

  it('since nothing listens there', async () => {
    const gone = await relay();
    await gone[Symbol.asyncDispose]();
    expect(await gone.call()).toMatchObject({
      failure: { class: 'transient', code: 'SMTP_CONNECTION_FAILED', delivery: 'notSent' },
    });
  });
});

describe('a message that is not sent', () => {
  it('violates its contract', async () => {
    await using test = await relay();
    expect(await test.call({ body: { ...body, to: 'nobody' } })).toMatchObject({
      failure: { class: 'validation', delivery: 'notSent', pointer: '/body/to' },
    });
    expect(test.sockets.size).toBe(0);
  });

  it('has a base URL that is no relay', async () => {
    const transport = smtpTransport({
      connection: {
        name: 'mail',
        connector: 'mail',
        baseUrl: 'https://not-smtp.example',
        credentials: {},
        webhookSecrets: [],
      },
      secrets: { resolve: async (reference) => new Secret(reference, '') },
      clock: systemClock,
      random: systemRandom,
    });
    expect(await transport.call({ operation: plan, input: { body } })).toMatchObject({
      failure: { code: 'SMTP_BASE_URL_INVALID', delivery: 'notSent' },
    });
  });
});

describe('a message that is called off while it is made ready', () => {
  it('is not sent: an abort that came before the submission began is heard as well', async () => {
    await using test = await relay();
    const cancelling = new AbortController();
    const pending = test.call({ body }, { signal: cancelling.signal });
    // The message is being composed by now, which takes its time on a busy machine.
    cancelling.abort();
    expect(await pending).toMatchObject({ ok: false, failure: { class: 'timeout', delivery: 'notSent' } });
    expect(test.mails).toEqual([]);
  });
});

describe('a relay without TLS', () => {
  it('gets neither login nor message when TLS is required', async () => {
    await using test = await relay();
    const outcome = await submit(
      { host: '127.0.0.1', port: test.port, secure: false, requireTls: true },
      { username: new Secret('env:USER', 'user'), password: new Secret('env:PASSWORD', 'pass') },
      { messageId: '<a@b>', envelope: { from: 'a@b.example', to: ['c@d.example'] }, bytes: Buffer.from('x') },
      new AbortController().signal,
    );
    expect(outcome).toMatchObject({ ok: false, phase: 'connect', messageWritten: false });
    expect(test.mails).toEqual([]);
  });
});

describe('the connector', () => {
  it('provides the transport that its manifest names', async () => {
    const text = await readFile(new URL('../connector.yaml', import.meta.url), 'utf8');
    const { value } = loadManifest('connectors/mail/connector.yaml', text);
    expect(Object.keys(connector.transports ?? {})).toContain(value?.manifest.transport);
  });
});
