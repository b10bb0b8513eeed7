import { expect, it } from 'vitest';
import { splitAtDot } from './split-at-dot.ts';

it.each([
  ['shop.listOrders', ['shop', 'listOrders']],
  ['mail.users.messages.list', ['mail', 'users.messages.list']],
  ['shop.', ['shop', '']],
  ['shop', ['shop', '']],
])('%s is parted at its first dot', (name, parts) => {
  expect(splitAtDot(name)).toEqual(parts);
});
