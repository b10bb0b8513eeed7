import type { Findings } from './findings.ts';
import type { EventDefinition, Operation, SecurityRequirement, SecurityScheme, Server } from './ir.ts';
import type { Part } from './part.ts';
import type { Place } from './place.ts';
import type { SchemaReader } from './schema-reader.ts';
import type { Sources } from './sources.ts';

/** What the builders of both formats work with. */
export interface BuildContext {
  readonly sources: Sources;
  readonly findings: Findings;
  readonly schemas: SchemaReader;
  readonly origins: Map<object, Place>;
  readonly root: Part;
}

/** What a builder makes of a document. */
export interface Built {
  readonly servers: readonly Server[];
  readonly operations: ReadonlyMap<string, Operation>;
  readonly events: ReadonlyMap<string, EventDefinition>;
  readonly securitySchemes: ReadonlyMap<string, SecurityScheme>;
}

/** Notes where a part of the representation came from, and hands it back. */
export function from<T extends object>(context: BuildContext, part: Part, built: T): T {
  context.origins.set(built, part.place);
  return built;
}

/** What a part refers to, or the part itself; `undefined` where a reference leads nowhere (the shape check says so). */
export function follow(context: BuildContext, part: Part | undefined): Part | undefined {
  if (!part) return undefined;
  const found = context.sources.follow(part);
  return 'failure' in found ? undefined : found;
}

/** Requirements as alternatives; whatever is no list of objects is left out. */
export function securityOf(part: Part | undefined): SecurityRequirement[] {
  const found: SecurityRequirement[] = [];
  for (const item of part?.items() ?? []) {
    if (!item.object) continue;
    const scopes = [...item.entries()].map(([scheme, list]) => [scheme, textItems(list)] as const);
    found.push(Object.fromEntries(scopes));
  }
  return found;
}

export function textItems(part: Part | undefined): string[] {
  if (!part || !Array.isArray(part.value)) return [];
  return part.value.filter((item) => typeof item === 'string');
}

/** Tags as names, in whichever form the format writes them. */
export function tagNames(part: Part | undefined): string[] {
  const names: string[] = [];
  for (const item of part?.items() ?? []) {
    if (typeof item.value === 'string') names.push(item.value);
    else if (item.text('name') !== undefined) names.push(item.text('name')!);
  }
  return names;
}

/** The members of `texts` that are there: keeps `exactOptionalPropertyTypes` out of each builder. */
export function present<Key extends string>(part: Part, keys: readonly Key[]): { [K in Key]?: string } {
  const found: { [K in Key]?: string } = {};
  for (const key of keys) {
    const text = part.text(key);
    if (text !== undefined) found[key] = text;
  }
  return found;
}

export function readSecuritySchemes(context: BuildContext): Map<string, SecurityScheme> {
  const schemes = new Map<string, SecurityScheme>();
  for (const [id, part] of context.root.get('components')?.get('securitySchemes')?.entries() ?? []) {
    const target = follow(context, part);
    if (!target?.object) continue;
    const flows = target.get('flows')?.object;
    schemes.set(
      id,
      from(context, target, {
        id,
        type: target.text('type') ?? '',
        ...present(target, ['scheme', 'in', 'name', 'openIdConnectUrl']),
        ...(flows && { flows }),
      }),
    );
  }
  return schemes;
}
