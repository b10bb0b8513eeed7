import { expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { runCommand } from '../testing/run-command.ts';
import { explainCommand } from './explain.ts';

const explain = (code: string) =>
  runCommand([explainCommand], ['explain', code], { cwd: import.meta.dirname });

it('tells what a finding means, with a bad and a good example', async () => {
  const { code, out } = await explain('placeholder-left');
  expect(code).toBe(exit.clean);
  expect(out).toMatch(/^why {2}/m);
  expect(out).toMatch(/^bad$/m);
  expect(out).toMatch(/^good$/m);
});

it('says what may have been meant', async () => {
  expect(await explain('effect-can-repaet')).toMatchObject({
    code: exit.usage,
    err: expect.stringContaining('did you mean "effect-can-repeat"?'),
  });
});
