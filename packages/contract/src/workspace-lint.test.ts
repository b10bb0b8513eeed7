import { expect, it } from 'vitest';
import { imperativeOf } from './workspace-lint.ts';

it.each([
  ['createInvoice', 'create'],
  ['send-mail', 'send'],
  ['cancel', 'cancel'],
  ['order.update', undefined],
  ['invoiceCreated', undefined],
  ['invoice.paid', undefined],
  ['updateFailed', undefined],
  ['requestReceived', undefined],
  ['mailSent', undefined],
  ['push', undefined],
  ['', undefined],
])('%s is the order %s', (id, verb) => expect(imperativeOf(id)).toBe(verb));
