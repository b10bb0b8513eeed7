import type { Switch, SwitchRequest } from '../switches.ts';
import type { Bench } from './bench.ts';

type Kill = Extract<SwitchRequest, { kind: 'kill' }>;

export const everything: Kill = {
  kind: 'kill',
  scope: { everything: true },
  sparesCompensation: false,
};
export const acme: Kill = { kind: 'kill', scope: { connection: 'acme' }, sparesCompensation: false };
export const orders: Kill = {
  kind: 'kill',
  scope: { pipeline: 'orders' },
  sparesCompensation: false,
};

export async function setSwitch({ runtime }: Bench, request: SwitchRequest): Promise<Switch> {
  const made = await runtime.setSwitch(request, 'ana', 'a test');
  if (!made.ok) throw new Error(made.message);
  return made.switch;
}

/** And what it held has gone on as far as it can. */
export async function liftSwitch(bench: Bench, id: string): Promise<void> {
  const lifted = await bench.runtime.liftSwitch(id, 'ben', 'all well');
  if (!lifted.ok) throw new Error(lifted.message);
  await bench.runtime.idle();
}
