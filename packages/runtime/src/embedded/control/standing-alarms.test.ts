import { expect, test } from 'vitest';
import type { Alarm } from '../../api/flow.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { StandingAlarms } from './standing-alarms.ts';

const alarm = (queue: string): Alarm => ({ alarm: 'deadLetters', message: queue, next: 'look', queue });

test('an alarm whose write is refused counts as not told: it is told when it stands again', async () => {
  let isRefused = true;
  const entries: unknown[] = [];
  const engine = {
    now: () => 1_000,
    read: { of: () => ({ get: () => undefined }) },
    system: (fact: { readonly kind: string; readonly details: Alarm }) =>
      `${fact.kind} ${fact.details.message}`,
    commit: async (_writes: unknown, noted: readonly unknown[]) => {
      if (isRefused) throw new Error('refused');
      entries.push(...noted);
    },
  };
  // What is asked of an engine here.
  const alarms = new StandingAlarms(engine as unknown as EmbeddedEngine);
  await expect(alarms.stand([alarm('repair')])).rejects.toThrow('refused');
  expect(alarms.flow()).toEqual([]);
  isRefused = false;
  await alarms.stand([alarm('repair')]);
  await alarms.stand([alarm('repair'), alarm('retry')]);
  expect(entries).toEqual(['alarm repair', 'alarm retry']);
  isRefused = true;
  await expect(alarms.stand([alarm('repair'), alarm('quarantine')])).rejects.toThrow('refused');
  expect(alarms.flow().map(({ message }) => message)).toEqual(['repair', 'retry']);
});
