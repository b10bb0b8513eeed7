import type { Diagnostic } from '@tenon/model';
import { checkShape } from '../shape/check-shape.ts';
import { ownersSchema } from '../shape/owners-schema.ts';
import { reader } from '../spec/pipeline-spec.ts';
import { child, parseSpec } from '../yaml/spec-document.ts';

export const OWNERS_FILE = 'owners.yaml';

/** Reads `owners.yaml`: the names of the teams and roles that exist. */
export function readOwners(text: string): {
  readonly teams: ReadonlySet<string>;
  readonly diagnostics: readonly Diagnostic[];
} {
  const document = parseSpec(OWNERS_FILE, text);
  const found: Diagnostic[] = [...document.diagnostics];
  const root = document.isBroken ? undefined : document.root;
  if (root) found.push(...checkShape(document, root, ownersSchema));
  const read = reader(document, found);
  const listed = child(root, 'teams');
  const names = (listed?.kind === 'list' ? listed.items : []).flatMap(
    (item) => read.text(child(item, 'name'))?.value ?? [],
  );
  return { teams: new Set(names), diagnostics: found };
}
