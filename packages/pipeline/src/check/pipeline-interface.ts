import { compareText, digestOf, type Json, type Location } from '@tenon/model';
import type { PipelineSpec } from '../spec/pipeline-spec.ts';

/**
 * What a pipeline shows to those that run it: declared in its own text, so that it is known before anything is checked.
 * Plain JSON, kept from one check to the next.
 */
export interface PipelineInterface {
  readonly name: string;
  readonly at: Location;
  /** JSON Schema of what it must be given; none where events start it. */
  readonly input?: Json;
  /** JSON Schema of what it gives. */
  readonly output?: Json;
}

export type Interfaces = ReadonlyMap<string, PipelineInterface>;

export function interfaceOf({ name, trigger, output }: PipelineSpec): PipelineInterface {
  return {
    name: name.value,
    at: name.at,
    ...(trigger?.kind === 'manual' && { input: trigger.input }),
    ...(output?.schema !== undefined && { output: output.schema }),
  };
}

/** By name; of two with one name the first, which is a finding of its own. */
export function interfacesIn(all: readonly PipelineInterface[]): Interfaces {
  return new Map(all.toReversed().map((one) => [one.name, one]));
}

/** What a check relied on of the pipelines that a pipeline runs. */
export type Relied = Readonly<Record<string, string>>;

export function reliedOn(names: Iterable<string>, interfaces: Interfaces): Relied {
  return Object.fromEntries([...new Set(names)].map((name) => [name, digestFor(name, interfaces)]));
}

export function stillHolds(relied: Relied, interfaces: Interfaces): boolean {
  return Object.entries(relied).every(([name, digest]) => digestFor(name, interfaces) === digest);
}

function digestFor(name: string, interfaces: Interfaces): string {
  const known = interfaces.get(name);
  // One that is not there is answered with the names that are.
  if (known === undefined) return digestOf([...interfaces.keys()].sort(compareText));
  // JSON by its type; an interface has no index signature.
  return digestOf(known as unknown as Json);
}
