import { didYouMean } from '@tenon/model';
import { type BuildContext, follow } from './build.ts';
import { methodsOf, pathItemParts } from './openapi-build.ts';
import type { Part } from './part.ts';
import { ShapeChecker } from './shape.ts';
import { openApiShapes } from './shapes-openapi.ts';

/** Everything that is wrong with an OpenAPI document and can be said without looking at values. `version`: `3.1`. */
export function lintOpenApi(context: BuildContext, version: string): void {
  const { root, findings, sources } = context;
  new ShapeChecker({ shapes: openApiShapes, findings, sources, version }).check(root, 'openapi');
  const seen: Seen = { ids: new Map(), templates: new Map() };
  for (const [path, item] of root.get('paths')?.entries() ?? []) {
    if (path.startsWith('x-')) continue;
    lintTemplate(path, item, seen, context);
    for (const holder of pathItemParts(context, item))
      for (const { method, part } of methodsOf(holder)) {
        lintId(part, seen, context);
        lintParameters(method, path, holder, part, context);
        lintResponses(part, version, context);
        lintSecurity(part.get('security'), context);
      }
  }
  lintSecurity(root.get('security'), context);
}

interface Seen {
  readonly ids: Map<string, Part>;
  readonly templates: Map<string, { readonly path: string; readonly item: Part }>;
}

/** `/users/{id}` and `/users/{name}` match the same requests. */
function lintTemplate(path: string, item: Part, { templates }: Seen, { findings }: BuildContext): void {
  const shape = path.replaceAll(/\{[^}]*\}/g, '{}');
  const first = templates.get(shape);
  if (!first) {
    templates.set(shape, { path, item });
    return;
  }
  findings.add('contract-path-ambiguous', item, {
    message: `${path} matches the same requests as ${first.path}`,
    onKey: true,
    related: [{ message: 'the other path', at: first.item }],
  });
}

function lintId(operation: Part, { ids }: Seen, { findings }: BuildContext): void {
  const id = operation.text('operationId');
  if (id === undefined) return;
  const first = ids.get(id);
  if (!first) {
    ids.set(id, operation);
    return;
  }
  findings.add('contract-operation-id-duplicate', operation.get('operationId')!, {
    message: `${JSON.stringify(id)} is the id of another operation too; this one goes by ${JSON.stringify(`${id}_2`)} or the like`,
    related: [{ message: 'the first', at: first.get('operationId')! }],
  });
}

function lintParameters(
  method: string,
  path: string,
  item: Part,
  operation: Part,
  context: BuildContext,
): void {
  const { findings } = context;
  const wanted = new Set([...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name!));
  const declared = new Set<string>();
  for (const holder of [item, operation]) {
    const seen = new Set<string>();
    for (const reference of holder.get('parameters')?.items() ?? []) {
      const part = follow(context, reference);
      const name = part?.text('name');
      const where = part?.text('in');
      if (!part || name === undefined || where === undefined) continue;
      if (seen.has(`${where} ${name}`))
        findings.add('contract-parameter-duplicate', reference, {
          message: `the ${where} parameter ${JSON.stringify(name)} is declared twice in this list; the last one counts`,
        });
      seen.add(`${where} ${name}`);
      if (where !== 'path') continue;
      declared.add(name);
      if (!wanted.has(name)) {
        const meant = didYouMean(name, wanted);
        findings.add('contract-path-parameter-unused', reference, {
          message: `the path parameter ${JSON.stringify(name)} is not in the template ${path}${meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`}`,
        });
      } else if (!part.flag('required'))
        findings.add('contract-path-parameter-optional', part, {
          message: `the path parameter ${JSON.stringify(name)} must say \`required: true\`; it is read so`,
        });
    }
  }
  for (const name of wanted)
    if (!declared.has(name))
      findings.add('contract-path-parameter-undeclared', operation, {
        message: `${method.toUpperCase()} ${path} does not declare the path parameter ${JSON.stringify(name)}; it is taken for a text`,
        onKey: true,
      });
}

function lintResponses(operation: Part, version: string, { findings }: BuildContext): void {
  const responses = operation.get('responses');
  const isEmpty = responses
    ? Object.keys(responses.object ?? {}).every((key) => key.startsWith('x-'))
    : version === '3.0';
  if (isEmpty)
    findings.add('contract-response-missing', responses ?? operation, {
      message: 'this operation declares no response: any answer passes',
      onKey: true,
    });
}

function lintSecurity(security: Part | undefined, { root, findings }: BuildContext): void {
  const schemes = root.get('components')?.get('securitySchemes')?.object ?? {};
  for (const requirement of security?.items() ?? [])
    for (const [name, part] of requirement.entries()) {
      if (Object.hasOwn(schemes, name)) continue;
      const meant = didYouMean(name, Object.keys(schemes));
      findings.add('contract-security-unknown', part, {
        message: `there is no security scheme ${JSON.stringify(name)}${meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`}`,
        onKey: true,
      });
    }
}
