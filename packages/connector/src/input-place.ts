import { atPointer, type Json, type JsonObject, toPointer, withPointer } from '@tenon/model';

/**
 * Where in the input of a call that stands which a manifest names: a parameter by its name, or a place in the body by a JSON Pointer into
 * the input, `/body/after`.
 */
export function inputPointer(named: string): string {
  return named.startsWith('/') ? named : toPointer([named]);
}

export function inputAt(input: JsonObject, named: string): unknown {
  return atPointer(input, inputPointer(named));
}

export function withInput(input: JsonObject, named: string, value: Json): JsonObject {
  // An object with a member put into it is one.
  return withPointer(input, inputPointer(named), value) as JsonObject;
}
