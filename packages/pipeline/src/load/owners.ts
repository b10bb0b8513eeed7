import { type DataClass, dataClasses } from '@tenon/contract';
import type { Diagnostic } from '@tenon/model';
import { checkShape } from '../shape/check-shape.ts';
import { ownersSchema } from '../shape/owners-schema.ts';
import { reader } from '../spec/pipeline-spec.ts';
import { child, parseSpec } from '../yaml/spec-document.ts';

export const OWNERS_FILE = 'owners.yaml';

/** Reads `owners.yaml`: the names of the teams and roles that exist, and what data they may be shown. */
export function readOwners(text: string): {
  readonly teams: ReadonlySet<string>;
  readonly clearances: ReadonlyMap<string, ReadonlySet<DataClass>>;
  readonly diagnostics: readonly Diagnostic[];
  /** Its text is YAML: without that, nothing is known of the teams. */
  readonly isReadable: boolean;
} {
  const document = parseSpec(OWNERS_FILE, text);
  const found: Diagnostic[] = [...document.diagnostics];
  const root = document.isBroken ? undefined : document.root;
  if (root) found.push(...checkShape(document, root, ownersSchema));
  const read = reader(document, found);
  const listed = child(root, 'teams');
  const teams = (listed?.kind === 'list' ? listed.items : []).flatMap((item) => {
    const name = read.text(child(item, 'name'))?.value;
    const cleared = child(item, 'cleared');
    const classes = (cleared?.kind === 'list' ? cleared.items : []).flatMap(
      (one) => read.oneOf(one, dataClasses)?.value ?? [],
    );
    return name === undefined ? [] : [[name, new Set(classes)] as const];
  });
  return {
    teams: new Set(teams.map(([name]) => name)),
    clearances: new Map(teams),
    diagnostics: found,
    isReadable: !document.isBroken,
  };
}
