import type { DataClass } from '@tenon/contract';
import { isObject, type Json, type JsonObject } from '@tenon/model';

/** What a member of a pipeline's input or output may hold, and where that must stay. */
export interface MemberClass {
  readonly class: DataClass;
  readonly residency?: string;
}

const CLASS = 'x-tenon-class';
const RESIDENCY = 'x-tenon-residency';
const CLASSES: ReadonlySet<unknown> = new Set<DataClass>(['personal', 'secret', 'financial']);
/** Of a schema that refers to itself. */
const DEPTH_MAX = 12;

/** The classed members of a schema that a pipeline declares: pointer into the data (`*` for list items) → class. */
export function classedMembers(schema: Json | undefined): ReadonlyMap<string, MemberClass> {
  const found = new Map<string, MemberClass>();
  const cut: string[] = [];
  visit(schema, '', 0);
  // What comes back to itself has no last member: what is deeper than was looked may be classed as what is nearer.
  const [nearest] = found.values();
  for (const pointer of nearest === undefined ? [] : cut) found.set(pointer, nearest!);
  return found;

  function visit(here: Json | undefined, pointer: string, depth: number): void {
    if (!isObject(here)) return;
    if (depth > DEPTH_MAX) {
      if ('$ref' in here) cut.push(pointer);
      return;
    }
    const { [CLASS]: named, [RESIDENCY]: residency } = here;
    if (CLASSES.has(named))
      found.set(pointer, {
        // Looked up on the line above.
        class: named as DataClass,
        ...(typeof residency === 'string' && { residency }),
      });
    visit(referred(here['$ref']), pointer, depth + 1);
    for (const many of ['allOf', 'anyOf', 'oneOf', 'prefixItems']) {
      const list = here[many];
      const inner = many === 'prefixItems' ? `${pointer}/*` : pointer;
      if (Array.isArray(list)) for (const one of list) visit(one, inner, depth + 1);
    }
    const { properties } = here;
    if (isObject(properties))
      for (const [name, member] of Object.entries(properties))
        visit(member, `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, depth + 1);
    for (const each of ['items', 'additionalProperties']) visit(here[each], `${pointer}/*`, depth + 1);
    const { patternProperties } = here;
    if (isObject(patternProperties))
      for (const member of Object.values(patternProperties)) visit(member, `${pointer}/*`, depth + 1);
  }

  function referred(ref: Json | undefined): Json | undefined {
    if (typeof ref !== 'string' || !ref.startsWith('#/$defs/') || !isObject(schema)) return undefined;
    const definitions = schema['$defs'];
    return isObject(definitions) ? (definitions as JsonObject)[ref.slice('#/$defs/'.length)] : undefined;
  }
}
