import type { Named } from '@tenon/contract';
import { compareText, isObject } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import { type GeneratedFile, headerLine } from '../generated-file.ts';
import { commentLine, literal } from '../source-text.ts';
import { type Surface, statusKey } from '../surface.ts';
import { withoutEmptyLoops } from './loops.ts';
import { withStableNames } from './stable-names.ts';

/** A contract that nothing uses yet gets validators for all it has, up to this many. */
const UNUSED_SCHEMAS_MAX = 60;

/** What pipelines use; where they use nothing, all of a small contract. */
export function inUse(surface: Surface, used: Named): Named {
  if (used.operations.size + used.events.size > 0) return used;
  if (surface.operations.length * 2 + surface.events.length > UNUSED_SCHEMAS_MAX) return used;
  return {
    operations: new Set(surface.operations.map(({ operation }) => operation.id)),
    events: new Set(surface.events.map(({ event }) => event.id)),
  };
}

/**
 * Ajv standalone validators of the inputs, results and events in use, as one ES module: no schema is compiled at run
 * time. A name is `<function name>Input`, `<function name>Result` or `<event name>Event`.
 */
export async function validatorFiles(
  surface: Surface,
  used: Named,
  folder: string,
): Promise<GeneratedFile[]> {
  const targets = targetsOf(surface, used);
  const header = headerLine(surface.contract);
  const { code, made, refused } =
    targets.length === 0 ? { code: '', made: [], refused: [] } : await standalone(surface, targets);
  const notes = refused.map(({ name, reason }) => `// No validator ${name}: ${commentLine(reason)}\n`);
  const text = made.length === 0 ? 'export {};\n' : code;
  return [
    { path: `${folder}/validators.js`, text: `${header}\n${notes.join('')}${text}` },
    { path: `${folder}/validators.d.ts`, text: `${header}\n${declarations(made)}` },
  ];
}

interface Target {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly type: string;
}

function targetsOf(surface: Surface, used: Named): Target[] {
  const targets: Target[] = [];
  for (const { operation, identifier, input, results } of surface.operations) {
    if (!used.operations.has(operation.id)) continue;
    const id = JSON.stringify(operation.id);
    targets.push({ name: `${identifier}Input`, schema: input, type: `Operations[${id}]["input"]` });
    if (results.length === 0) continue;
    targets.push({
      name: `${identifier}Result`,
      schema: results.length === 1 ? results[0]!.schema : { anyOf: results.map(({ schema }) => schema) },
      type: `Operations[${id}]["results"][${results.map(({ status }) => statusKey(status)).join(' | ')}]`,
    });
  }
  for (const { event, identifier, payload } of surface.events)
    if (used.events.has(event.id))
      targets.push({
        name: `${identifier}Event`,
        schema: payload,
        type: `Events[${JSON.stringify(event.id)}]`,
      });
  return targets.sort((a, b) => compareText(a.name, b.name));
}

interface Standalone {
  readonly code: string;
  readonly made: readonly Target[];
  /** What Ajv cannot compile: one schema at fault does not take the rest of the contract with it. */
  readonly refused: readonly { readonly name: string; readonly reason: string }[];
}

async function standalone(surface: Surface, targets: readonly Target[]): Promise<Standalone> {
  const [{ Ajv2020 }, { default: formats }, { default: standaloneCode }] = await Promise.all([
    import('ajv/dist/2020.js'),
    import('ajv-formats'),
    import('ajv/dist/standalone/index.js'),
  ]);
  const ajv = new Ajv2020({
    strict: false,
    allErrors: true,
    // One function per definition, not its body wherever it is used: on GitHub's document 5 s instead of 16.
    inlineRefs: false,
    validateFormats: true,
    // Whether the schemas are schemas, the loader has said; what cannot be compiled shows below.
    validateSchema: false,
    logger: false,
    code: { source: true, esm: true, lines: true },
  });
  formats.default(ajv);
  const definitions = withoutEmptyLoops(surface.definitions);
  ajv.addSchema({ ...prepared({ $defs: definitions }, ''), $id: DEFINITIONS_ID });
  const made: Target[] = [];
  const refused: Standalone['refused'][number][] = [];
  for (const target of targets) {
    const schema = target.schema === true ? {} : target.schema === false ? { not: {} } : target.schema;
    try {
      ajv.addSchema({ ...prepared(schema, DEFINITIONS_ID), $id: `tenon:${target.name}` }, target.name);
      ajv.getSchema(target.name);
      made.push(target);
    } catch (error) {
      refused.push({ name: target.name, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  if (made.length === 0) return { code: '', made, refused };
  const code = standaloneCode.default(ajv, Object.fromEntries(made.map(({ name }) => [name, name])));
  return { code: withImports(withStableNames(code, validatorNames(ajv, made))), made, refused };
}

const DEFINITIONS_ID = 'tenon:definitions';

/** What Ajv has compiled of a schema, as far as names of functions are found in it; its types do not show it. */
interface Compiled {
  readonly validateName?: { readonly str: string };
  readonly refs?: Readonly<Record<string, Compiled | object | boolean>>;
  readonly root?: Compiled;
}

/** The function of each target, and of each definition that it reaches, with what it validates. */
function validatorNames(ajv: object, made: readonly Target[]): ReadonlyMap<string, string> {
  // A test fails when an Ajv keeps them elsewhere.
  const { schemas } = ajv as { readonly schemas: Readonly<Record<string, Compiled | undefined>> };
  const names = new Map<string, string>();
  const seen = new Set<Compiled>();
  const visit = (compiled: Compiled | undefined, of: string): void => {
    if (compiled === undefined || seen.has(compiled)) return;
    seen.add(compiled);
    if (compiled.validateName) names.set(compiled.validateName.str, of);
    for (const holder of [compiled, compiled.root])
      for (const [reference, one] of Object.entries(holder?.refs ?? {}))
        if (isObject(one))
          visit(one, decodeURIComponent(reference.slice(reference.indexOf('#') + 1)).replace('/$defs/', ''));
  };
  for (const { name } of made) visit(schemas[name], name);
  return names;
}

/**
 * References led to the one schema that holds all definitions, of which only those referred to are compiled; and no
 * identifiers of the document's own, which would move what a reference is relative to, or ask for another dialect.
 */
function prepared(schema: object, base: string): object {
  const move = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(move);
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([key, member]) => !(IDENTIFIERS.has(key) && typeof member === 'string'))
        .map(([key, member]) => {
          const isReference = key === '$ref' && typeof member === 'string' && member.startsWith('#/$defs/');
          return [key, isReference ? base + member : move(member)];
        }),
    );
  };
  return move(schema) as object;
}

const IDENTIFIERS = new Set(['$id', '$schema', '$anchor']);

/**
 * Ajv writes `require(…)` for its run-time parts even into ES modules. Each becomes an import. What `.default` of a
 * CommonJS module is depends on who loads it: Node hands out the module's exports, a bundler or test runner their
 * `default`; the code takes either.
 */
function withImports(code: string): string {
  const modules = new Map<string, string>();
  const body = code.replace(
    /require\(["']([^"']+)["']\)(\.default)?/g,
    (_all, specifier: string, isDefault) => {
      const file = /\.[cm]?js$/.test(specifier) || !specifier.includes('/') ? specifier : `${specifier}.js`;
      const name = modules.get(file) ?? moduleName(file);
      modules.set(file, name);
      return isDefault ? `(${name}.default ?? ${name})` : name;
    },
  );
  const imports = [...modules].map(([file, name]) => `import ${name} from ${literal(file)};\n`);
  return `${imports.join('')}${body.replace(/^"use strict";/, '')}\n`;
}

/** `ajv/dist/runtime/ucs2length.js` is `runtime_ucs2length`, whatever else is imported. */
function moduleName(file: string): string {
  return `runtime_${file
    .replace(/^.*\//, '')
    .replace(/\.[cm]?js$/, '')
    .replaceAll(/[^A-Za-z0-9]+/g, '_')}`;
}

function declarations(targets: readonly Target[]): string {
  if (targets.length === 0) return 'export {};\n';
  const roots = ['Events', 'Operations'].filter((root) =>
    targets.some(({ type }) => type.startsWith(`${root}[`)),
  );
  const lines = targets.map(({ name, type }) => `export declare const ${name}: Validator<${type}>;\n`);
  return `import type { ${roots.join(', ')} } from './types.js';
${VALIDATOR}
${lines.join('')}`;
}

const VALIDATOR = `
/** Is it what the contract says? When not, \`errors\` tells why, until the next call. */
export interface Validator<T> {
  (value: unknown): value is T;
  readonly errors?:
    | readonly { readonly instancePath: string; readonly keyword: string; readonly message?: string }[]
    | null;
}
`;
