import type { MadeEffect } from './calls.ts';
import type { DrillReport } from './drill.ts';
import type { drillRules } from './rules.ts';
import type { Outcome } from './trial.ts';

/**
 * For every code, what is done to a sound run of `subscription-upgraded` (or to one that is undone as its last call is refused) so that it breaks the
 * promise; or to the report of a drill. As they are, none is found in either.
 */
export interface DrillCase {
  readonly run?: (sound: Outcome) => Outcome;
  readonly undone?: (sound: Outcome) => Outcome;
  readonly report?: (sound: DrillReport) => DrillReport;
  /** What is done to the pipeline, and the ways in which it is then found. */
  readonly drilled?: { readonly edit: (text: string) => string; readonly only: string };
}

export const drillCases = {
  'drill-event-lost': { run: (sound) => ({ ...sound, run: undefined, refused: 'no' }) },
  'drill-effect-twice': {
    run: (sound) => ({ ...sound, effects: [...sound.effects, of(sound, 'invoice', 'effect')] }),
  },
  'drill-effect-left': {
    undone: (sound) => without(sound, 'invoice', 'compensation'),
  },
  'drill-effect-missing': { run: (sound) => without(sound, 'invoice', 'effect') },
  'drill-success-undone': {
    undone: (sound) => ({ ...sound, run: { ...sound.run!, state: 'succeeded' } }),
  },
  'drill-fix-missing': {
    run: (sound) => ({
      ...sound,
      run: { ...sound.run!, state: 'cancelled' },
      effects: [of(sound, 'welcome', 'effect')],
    }),
  },
  'drill-undone-in-wrong-order': {
    undone: (sound) => ({ ...sound, effects: sound.effects.toReversed() }),
  },
  'drill-never-ends': {
    run: (sound) => ({ ...sound, run: { ...sound.run!, state: 'waiting' }, isEndless: true }),
  },
  'drill-not-restored': {
    undone: (sound) => ({
      ...sound,
      effects: sound.effects.map((effect) =>
        effect.call?.step === 'account' && effect.call.purpose === 'compensation'
          ? { ...effect, after: { ...effect.after, lastInvoiceId: 'another' } }
          : effect,
      ),
    }),
  },
  'drill-undoing-unsaid': {
    undone: (sound) => ({
      ...sound,
      effects: sound.effects.map((effect) =>
        effect.call?.step === 'invoice' && effect.call.purpose === 'compensation'
          ? { ...effect, isUnsaid: true }
          : effect,
      ),
    }),
  },
  'drill-undoes-another': {
    undone: (sound) => ({
      ...sound,
      effects: sound.effects.map((effect) =>
        effect.call?.step === 'invoice' && effect.call.purpose === 'compensation'
          ? { ...effect, id: 'another' }
          : effect,
      ),
    }),
  },
  'drill-newer-lost': {
    drilled: {
      edit: (text) =>
        text
          .replace('key: ${ event.accountId }:${ event.version }', 'key: ${ event.accountId }')
          .replace(
            'supportTier: priority',
            `supportTier: "\${ event.version % 2 == 1 ? 'priority' : 'standard' }"`,
          ),
      only: 'another event comes',
    },
  },
  'drill-overwrites': {
    run: (sound) => ({
      ...sound,
      isMeddled: true,
      schedule: {
        name: 'somebody else changes it',
        meddling: {
          step: 'account',
          connection: 'crm',
          resource: of(sound, 'account', 'effect').resource!,
          row: { id: of(sound, 'account', 'effect').id!, name: 'what somebody else wrote' },
          member: 'name',
        },
      },
    }),
  },
  'drill-leak': {
    run: (sound) => ({
      ...sound,
      entries: sound.entries.map((entry) => ({
        ...entry,
        details: { ...entry.details, key: 'canary-secret-password' },
      })),
    }),
  },
  'drill-not-started': {
    report: (sound) => ({ ...sound, failed: { step: 'billable', message: 'it is not met' } }),
  },
  'drill-step-unreached': { report: (sound) => ({ ...sound, unreached: ['approval'] }) },
} as const satisfies Record<keyof typeof drillRules, DrillCase>;

function of({ effects }: Outcome, step: string, purpose: string): MadeEffect {
  const found = effects.find(({ call }) => call?.step === step && call.purpose === purpose);
  if (found === undefined) throw new Error(`there is no ${purpose} of ${step}`);
  return found;
}

function without(sound: Outcome, step: string, purpose: string): Outcome {
  const left = of(sound, step, purpose);
  return { ...sound, effects: sound.effects.filter((effect) => effect !== left) };
}
