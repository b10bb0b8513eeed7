import { expect, it } from 'vitest';
import { findCommand } from '../command.ts';
import { commands } from './index.ts';
import { commandsFor } from './load.ts';

it.each(commands.map(({ name }) => name))(
  '%s is found among the commands that are loaded for it',
  async (name) => {
    for (const argv of [name.split(' '), ['--in', 'somewhere', ...name.split(' ')]]) {
      const loaded = await commandsFor(argv);
      expect(findCommand(loaded, name.split(' '))?.command.name).toBe(name);
    }
  },
);

it('all commands are loaded for help and for what nobody knows', async () => {
  for (const argv of [[], ['help'], ['expalin']]) expect(await commandsFor(argv)).toBe(commands);
});
