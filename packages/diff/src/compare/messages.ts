import type { Message, MessageOperation, Parameter } from '@tenon/contract';
import { canonicalJson } from '@tenon/model';
import { compareMessage } from './contracts.ts';
import type { Sink } from './positions.ts';

/** An operation over a channel: its messages go out as a request does; a reply comes back as a response does. */
export function compareMessages(before: MessageOperation, after: MessageOperation, sink: Sink): void {
  const both = { operation: before.id, base: before, revision: after, direction: 'both' } as const;
  compareMessageLists(before.messages, after.messages, before.id, 'request', [before, after], sink);
  if (canonicalJson(before.bindings) !== canonicalJson(after.bindings))
    sink.change({ ...both, rule: 'bindings-changed', message: `the bindings of ${before.id} differ` });
  compareReply(before, after, sink);
  compareChannelParameters(before, after, sink);
}

function compareReply(before: MessageOperation, after: MessageOperation, sink: Sink): void {
  const both = { operation: before.id, base: before, revision: after, direction: 'response' } as const;
  if (!before.reply || !after.reply) {
    if (before.reply)
      sink.change({ ...both, rule: 'reply-removed', message: `${before.id} no longer replies` });
    if (after.reply) sink.change({ ...both, rule: 'reply-added', message: `${before.id} now replies` });
    return;
  }
  if (before.reply.address !== after.reply.address)
    sink.change({
      ...both,
      rule: 'reply-address-changed',
      message: `replies come to ${after.reply.address ?? 'an address given at run time'}, were sent to ${before.reply.address ?? 'an address given at run time'}`,
    });
  compareMessageLists(
    before.reply.messages,
    after.reply.messages,
    before.id,
    'response',
    [before, after],
    sink,
  );
}

function compareMessageLists(
  before: readonly Message[],
  after: readonly Message[],
  operation: string,
  target: 'request' | 'response',
  at: readonly [object, object],
  sink: Sink,
): void {
  const left = new Map(after.map((message) => [message.name, message]));
  const direction = target === 'request' ? 'request' : 'response';
  const isSingle = before.length === 1 && after.length === 1;
  for (const message of before) {
    const other = left.get(message.name) ?? (isSingle ? after[0] : undefined);
    if (other) {
      left.delete(other.name);
      compareMessage(message, other, operation, target, sink);
    } else
      sink.change({
        rule: 'message-removed',
        direction,
        operation,
        base: message,
        revision: at[1],
        message: `message \`${message.name}\` is gone`,
        // In a reply one kind less is one kind less to handle.
        ...(target === 'response' && { severity: 'info' }),
      });
  }
  for (const message of left.values())
    sink.change({
      rule: 'message-added',
      direction,
      operation,
      base: at[0],
      revision: message,
      message: `message \`${message.name}\` is new`,
      ...(target === 'response' && { severity: 'breaking' }),
    });
}

function compareChannelParameters(before: MessageOperation, after: MessageOperation, sink: Sink): void {
  const left = new Map<string, Parameter>(after.parameters.map((parameter) => [parameter.name, parameter]));
  for (const parameter of before.parameters) {
    const other = left.get(parameter.name);
    left.delete(parameter.name);
    if (!other) continue;
    sink.position({
      direction: 'request',
      operation: before.id,
      label: `channel parameter \`${parameter.name}\``,
      base: parameter.schema,
      revision: other.schema,
      target: 'request',
      prefix: [parameter.name],
    });
  }
}
