import { createTransport } from 'nodemailer';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { MailFault } from './mail-faults.ts';
import { type MailSandboxOptions, startMailSandbox } from './mail-sandbox.ts';

const mail = {
  from: 'billing@shop.example',
  to: ['Ada <ada@example.com>', 'bob@example.com'],
  subject: 'Rechnung für März',
  text: 'Grüße\n.\nEnde',
  messageId: '<m1@shop.example>',
  headers: { 'X-Order': '42' },
};

async function open(options: MailSandboxOptions = {}, login?: { user: string; pass: string }) {
  const sandbox = await startMailSandbox(options);
  const { port } = new URL(sandbox.url);
  const transport = createTransport({
    host: '127.0.0.1',
    port: Number(port),
    secure: false,
    ...(login && { auth: login }),
  });
  onTestFinished(async () => {
    transport.close();
    await sandbox.close();
  });
  return { sandbox, send: () => transport.sendMail(mail) };
}

describe('startMailSandbox', () => {
  it('keeps what it takes: envelope, headers, text', async () => {
    const { sandbox, send } = await open();
    await send();
    expect(sandbox.mails()).toMatchObject([
      {
        sequence: 1,
        envelope: { from: 'billing@shop.example', to: ['ada@example.com', 'bob@example.com'] },
        headers: { 'x-order': '42', 'message-id': '<m1@shop.example>' },
        subject: 'Rechnung für März',
        text: 'Grüße\n.\nEnde',
      },
    ]);
    expect(sandbox.effects()).toMatchObject([{ resource: 'mails', key: '<m1@shop.example>' }]);
  });

  it('wants a login where it is told logins, and takes the right one alone', async () => {
    const credentials = { me: 'secret' };
    await expect((await open({ credentials })).send()).rejects.toMatchObject({ responseCode: 530 });
    const wrong = await open({ credentials }, { user: 'me', pass: 'no' });
    await expect(wrong.send()).rejects.toMatchObject({ responseCode: 535 });
    const right = await open({ credentials }, { user: 'me', pass: 'secret' });
    await right.send();
    expect(right.sandbox.mails()).toMatchObject([{ user: 'me' }]);
  });

  it.each<[MailFault, number, number]>([
    [{ kind: 'reject', at: 'connect', code: 421 }, 421, 0],
    [{ kind: 'reject', at: 'mail', code: 451 }, 451, 0],
    [{ kind: 'reject', at: 'rcpt', code: 550, message: 'no such box' }, 550, 0],
    [{ kind: 'reject', at: 'data', code: 452 }, 452, 0],
    [{ kind: 'reject', at: 'data', code: 554 }, 554, 0],
  ])('refuses by %j', async (fault, code, count) => {
    const { sandbox, send } = await open();
    sandbox.faults.add({ fault });
    await expect(send()).rejects.toMatchObject({ responseCode: code });
    expect(sandbox.mails()).toHaveLength(count);
  });

  it.each<[MailFault['kind'] & ('dropBefore' | 'dropAfter'), number]>([
    ['dropBefore', 0],
    ['dropAfter', 1],
  ])('closes the connection by %s', async (kind, count) => {
    const { sandbox, send } = await open();
    sandbox.faults.add({ fault: { kind }, times: 1 });
    await expect(send()).rejects.toThrow();
    expect(sandbox.mails()).toHaveLength(count);
    await send();
    expect(sandbox.mails()).toHaveLength(count + 1);
  });

  it('is controlled over HTTP from another process', async () => {
    const { sandbox, send } = await open({ controlPort: 0 });
    const control = `${sandbox.controlUrl}/_sandbox`;
    const add = (rule: unknown) => fetch(`${control}/faults`, { method: 'POST', body: JSON.stringify(rule) });
    expect((await add({ fault: { kind: 'reject', at: 'data', code: 451 }, times: 1 })).status).toBe(201);
    expect((await add({ fault: { kind: 'reject' } })).status).toBe(400);
    await expect(send()).rejects.toMatchObject({ responseCode: 451 });
    await send();
    expect(await (await fetch(`${control}/state`)).json()).toMatchObject({
      mails: [{ subject: mail.subject }],
    });
    expect(await (await fetch(`${control}/effects`)).json()).toHaveLength(1);
    await fetch(`${control}/reset`, { method: 'POST' });
    expect(sandbox.mails()).toEqual([]);
  });
});
