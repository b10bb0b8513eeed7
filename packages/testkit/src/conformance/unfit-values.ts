import type { ConnectorManifest } from '@tenon/connector';
import type { Contract } from '@tenon/contract';
import { type Json, toPointer } from '@tenon/model';
import { planOperation } from '@tenon/pipeline';
import { compileValidator, reachableDefinitions, type Validator } from '@tenon/schema';
import type { Fixtures } from './subject.ts';

/** A value of the fixtures that its contract refuses. */
export interface UnfitValue {
  /** In the fixtures. */
  readonly pointer: string;
  /** In a sentence that begins with the part and the name. */
  readonly words: string;
}

/** Inputs and events that would be refused before any check has looked at what it is about. */
export function unfitValues(
  { inputs, events }: Pick<Fixtures, 'inputs' | 'events'>,
  contract: Contract,
  manifest: ConnectorManifest,
): readonly UnfitValue[] {
  return [
    ...Object.entries(inputs).flatMap(([name, value]) => {
      const plan = planOperation(contract, manifest, name);
      return plan ? unfit('inputs', name, value, compileValidator(plan.input)) : [];
    }),
    ...Object.entries(events).flatMap(([name, value]) => {
      const payload = contract.events.get(name)?.message.payload;
      if (payload === undefined) return [];
      const definitions = reachableDefinitions(payload, contract.definitions);
      return unfit('events', name, value, compileValidator(payload, { definitions }));
    }),
  ];
}

function unfit(part: 'inputs' | 'events', name: string, value: Json, fits: Validator): UnfitValue[] {
  return fits(value).map(({ pointer, message }) => ({
    pointer: toPointer([part, name]) + pointer,
    words: `\`${part}\`: \`${name}\`: ${pointer === '' ? 'the whole' : `\`${pointer}\``} ${message}`,
  }));
}
