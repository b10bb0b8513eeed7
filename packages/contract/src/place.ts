import { toPointer } from '@tenon/model';

/**
 * A place in a source file, as a chain up to its root: cheap to make for each of the 400,000 nodes of a large document,
 * and turned into a pointer only for the few that are asked for.
 */
export interface Place {
  readonly file: string;
  readonly parent?: Place;
  readonly token: string;
}

export function rootPlace(file: string): Place {
  return { file, token: '' };
}

export function childPlace(parent: Place, token: string): Place {
  return { file: parent.file, parent, token };
}

/** The JSON Pointer of a place in its file. */
export function pointerOf(place: Place): string {
  const tokens: string[] = [];
  for (let here = place; here.parent; here = here.parent) tokens.push(here.token);
  return toPointer(tokens.reverse());
}
