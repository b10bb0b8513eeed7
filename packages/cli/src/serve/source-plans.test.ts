import { resolve } from 'node:path';
import { checkWorkspace, loadWorkspace } from '@tenon/pipeline';
import { expect, it } from 'vitest';
import { sourcePlansOf } from './source-plans.ts';

const { value } = await loadWorkspace(resolve(import.meta.dirname, '../../../..'));
if (value === undefined) throw new Error('the workspace of this repository cannot be read');
const workspace = value;
const check = checkWorkspace(workspace);

it('an event that no plan in force listens to is fetched as long as a run of an earlier one may wait for it', () => {
  const plans = (awaited?: readonly string[]) =>
    sourcePlansOf({ connector: 'files' }, workspace, check, awaited).map(({ from, events }) => [
      from,
      events.map(({ name, isHeard }) => [name, isHeard]),
    ]);
  expect(plans()).toEqual([]);
  expect(plans(['shop.paid'])).toEqual([]);
  expect(plans(['files.parcelDelivered'])).toEqual([
    ['inbound/delivered-*.csv', [['files.parcelDelivered', true]]],
  ]);
});
