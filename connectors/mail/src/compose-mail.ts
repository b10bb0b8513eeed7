import { type Random, sha256 } from '@tenon/model';
import MailComposer from 'nodemailer/lib/mail-composer';

/** `Mail` of contracts/mail. */
export interface MailBody {
  readonly to: string;
  readonly from?: string;
  readonly replyTo?: string;
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
  readonly template?: string;
  readonly messageId?: string;
}

export interface ComposedMail {
  readonly messageId: string;
  readonly envelope: { readonly from: string; readonly to: readonly string[] };
  readonly bytes: Buffer;
}

export interface ComposeOptions {
  readonly sender: string;
  readonly sentAtMs: number;
  readonly idempotencyKey?: string;
  readonly correlationId?: string;
  readonly random: Random;
}

/**
 * The message as it goes over the wire. Its Message-ID comes from the idempotency key where there is one: a relay does
 * not refuse the second of two, but people and mail programs can then see that they are one.
 */
export async function composeMail(body: MailBody, options: ComposeOptions): Promise<ComposedMail> {
  const from = body.from ?? options.sender;
  const messageId = body.messageId ?? derivedMessageId(from, options);
  const composer = new MailComposer({
    to: body.to,
    from,
    subject: body.subject,
    text: body.text,
    messageId,
    date: new Date(options.sentAtMs),
    ...(body.replyTo !== undefined && { replyTo: body.replyTo }),
    ...(body.html !== undefined && { html: body.html }),
    headers: {
      ...(body.template !== undefined && { 'X-Template': body.template }),
      ...(options.correlationId !== undefined && { 'X-Correlation-ID': options.correlationId }),
    },
    // Content is text only: nothing of an input is ever read as a path or fetched as a URL.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return { messageId, envelope: { from, to: [body.to] }, bytes: await composer.compile().build() };
}

/** Without a key, a new one each time. */
function derivedMessageId(from: string, { idempotencyKey, sentAtMs, random }: ComposeOptions): string {
  const domain = from.slice(from.lastIndexOf('@') + 1);
  const seed = idempotencyKey ?? `${sentAtMs} ${random.next()} ${random.next()}`;
  return `<${sha256(seed).slice('sha256:'.length, 'sha256:'.length + 32)}@${domain}>`;
}
