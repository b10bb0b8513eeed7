import type { Diagnostic, Json, JsonObject, Location } from '@tenon/model';
import { checkShape } from '../shape/check-shape.ts';
import { policySchema } from '../shape/policy-schema.ts';
import { given, type Located, reader } from '../spec/pipeline-spec.ts';
import type { SpecExpression } from '../spec/template.ts';
import { child, jsonOf, parseSpec } from '../yaml/spec-document.ts';

/** A named business rule, as written. */
export interface PolicySpec {
  readonly name: Located<string>;
  readonly description: string;
  readonly owner?: Located<string>;
  readonly parameters: readonly Located<string>[];
  readonly condition: SpecExpression;
  readonly tests: readonly { readonly given: JsonObject; readonly expect: boolean; readonly at: Location }[];
}

/** Reads one file of `pipelines/policies/`. */
export function readPolicies(
  file: string,
  text: string,
): { readonly policies: readonly PolicySpec[]; readonly diagnostics: readonly Diagnostic[] } {
  const document = parseSpec(file, text);
  const found: Diagnostic[] = [...document.diagnostics];
  const root = document.isBroken ? undefined : document.root;
  if (!root) return { policies: [], diagnostics: found };
  found.push(...checkShape(document, root, policySchema));
  const read = reader(document, found);
  const owner = read.text(child(root, 'owner'));
  const listed = child(root, 'policies');
  const policies = (listed?.kind === 'map' ? listed.entries : []).flatMap(({ key, value }): PolicySpec[] => {
    const condition = read.expression(child(value, 'condition'));
    if (!condition) return [];
    const parameters = child(value, 'parameters');
    const tests = child(value, 'tests');
    return [
      {
        name: { value: String(key.value), at: document.at(key) },
        description: read.text(child(value, 'description'))?.value ?? '',
        ...given('owner', owner),
        parameters: (parameters?.kind === 'list' ? parameters.items : []).flatMap(
          (item) => read.text(item) ?? [],
        ),
        condition,
        tests: (tests?.kind === 'list' ? tests.items : []).flatMap((item) => {
          const givenNode = child(item, 'given');
          const expected = child(item, 'expect');
          if (givenNode?.kind !== 'map' || expected?.kind !== 'scalar' || typeof expected.value !== 'boolean')
            return [];
          // A map node always becomes a JSON object.
          const values = jsonOf(givenNode) as Json as JsonObject;
          return [{ given: values, expect: expected.value, at: document.at(item) }];
        }),
      },
    ];
  });
  return { policies, diagnostics: found };
}
