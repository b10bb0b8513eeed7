import { expect, test } from 'vitest';
import { explore } from './explore.ts';
import { listsOf, withItems } from './lists.ts';
import { partsOf } from './parts.ts';
import { reference, swap } from './reference.testing.ts';

const source = await reference({
  'pipelines/account-onboarded.pipeline.yaml': swap(
    '  - id: urgency\n',
    `  - id: open
    call: ticketing.findTickets
    with: { status: open }
  - id: seen
    forEach:
      in: \${ steps.open.tickets }
      as: ticket
      key: \${ ticket.id }
      max: 5
      steps: [{ id: mark, set: { value: '\${ ticket.status }' } }]

  - id: urgency
`,
  ),
});
const parts = partsOf(source, source.plan('account-onboarded'), 1);
const { bases, unreached } = await explore(parts);

test('what a system lists has as many rows, of the kind that is asked for', () => {
  const [list] = listsOf(parts);
  const held = [0, 1, 3].map(
    (count) => withItems(parts, bases[0]!, list!, count)?.rows['ticketing']?.['tickets'],
  );
  expect(held.map((rows) => rows?.length)).toEqual([0, 1, 3]);
  expect(held[2]).toContainEqual({ status: 'open' });
});

test('a step of the items of a list is reached, though a system lists nothing by itself', () => {
  expect(unreached).toEqual([]);
});
