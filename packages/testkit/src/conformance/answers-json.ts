import type { CallResult } from '@tenon/connector';
import { isJson } from '../sandbox/body.ts';
import type { BenchOperation } from './bench.ts';

/** May a success of it be JSON? Bytes and text have no fields that could be missing or new, and nothing that must parse. */
export function answersJson({ plan: { http } }: BenchOperation): boolean {
  const declared = http?.responses ?? [];
  const successes = declared.filter(({ status }) => status.startsWith('2'));
  // `default` stands for errors wherever a success is declared.
  return (successes.length > 0 ? successes : declared).some(
    ({ mediaType }) => mediaType !== undefined && isJsonType(mediaType),
  );
}

/** Is this one? By its own word; where it gives none, by the contract's. */
export function isJsonAnswer(operation: BenchOperation, result: CallResult): boolean {
  const type = result.ok ? result.headers['content-type'] : undefined;
  return type === undefined ? answersJson(operation) : isJsonType(type);
}

function isJsonType(type: string): boolean {
  const essence = type.split(';')[0]!.trim().toLowerCase();
  return essence === '*/*' || isJson(essence);
}
