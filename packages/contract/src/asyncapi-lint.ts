import { digestOf, isObject } from '@tenon/model';
import type { BuildContext } from './build.ts';
import { type Part, setOwn } from './part.ts';
import { ShapeChecker } from './shape.ts';
import { asyncApi2Shapes, asyncApi3Shapes } from './shapes-asyncapi.ts';

/** What `@asyncapi/parser` found in a document, as kept between loads. */
interface ParserFinding {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Keeps what a check found, by the digest of what it looked at, so that an unchanged document is not checked again. */
export interface CheckCache {
  get(key: string): string | undefined;
  set(key: string, value: string): void;
}

/**
 * Our own checks first, which give places and suggestions and know all files; only a document that passes them is handed
 * to `@asyncapi/parser`, which knows the rest of the specification and takes most of a second to load.
 */
export async function lintAsyncApi(context: BuildContext, version: string, cache: CheckCache): Promise<void> {
  const { root, findings, sources } = context;
  const shapes = version.startsWith('2.') ? asyncApi2Shapes : asyncApi3Shapes;
  new ShapeChecker({ shapes, findings, sources, version }).check(root, 'asyncapi');
  if (findings.hasErrors()) return;
  const said = new Set<string>();
  for (const { path, message } of await parserFindings(root, cache)) {
    const part = nearest(context, path);
    // A component is reported once where it stands and once for each use.
    const once = `${sources.keyOf(part)} ${message}`;
    if (!said.has(once)) findings.add('contract-asyncapi-invalid', part, { message });
    said.add(once);
  }
}

/** Raised with the parser's version, so that results of another are not taken for this one's. */
const CACHE_KEY = 'asyncapi-parser-3.6.3';

async function parserFindings(root: Part, cache: CheckCache): Promise<ParserFinding[]> {
  const alone = withoutFiles(root.value);
  const key = `${CACHE_KEY}:${digestOf(alone)}`;
  const known = cache.get(key);
  // Only this function writes under this key.
  if (known !== undefined) return JSON.parse(known) as ParserFinding[];
  const found = await askParser(alone);
  cache.set(key, JSON.stringify(found));
  return found;
}

async function askParser(value: unknown): Promise<ParserFinding[]> {
  const { Parser } = await import('@asyncapi/parser');
  // Its own readers fetch; ours come first and answer for every scheme, so they are never asked.
  const resolvers = ['http', 'https', 'file'].map((schema) => ({
    schema,
    order: 1,
    canRead: true,
    read: () => '{}',
  }));
  const parser = new Parser({ __unstable: { resolver: { resolvers } } });
  const diagnostics = await parser.validate(JSON.stringify(value));
  return diagnostics
    .filter(({ severity, code }) => severity === ERROR && !IGNORED.has(String(code)))
    .map(({ path, message }) => ({ path: [...path], message }));
}

/** Of `DiagnosticSeverity`. */
const ERROR = 0;

/** References and examples are ours to check: they may lead to other files, and examples are no reason to stop. */
const IGNORED = new Set([
  'invalid-ref',
  'asyncapi2-message-examples',
  'asyncapi3-message-examples',
  'asyncapi2-schema-examples',
  'asyncapi2-schema-default',
]);

/** A copy in which references to other files and hosts stand for anything: the parser must read nothing but this document. */
export function withoutFiles(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutFiles);
  if (!isObject(value)) return value;
  if (isElsewhere(value)) return {};
  // A schema of another format that lies elsewhere: `{}` would not be one, so the format goes with it.
  if (typeof value['schemaFormat'] === 'string' && isElsewhere(value['schema'])) return {};
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value))
    if (key !== 'schemaFormat' || !isElsewhere(value['payload'])) setOwn(copy, key, withoutFiles(value[key]));
  return copy;
}

function isElsewhere(value: unknown): boolean {
  return isObject(value) && typeof value['$ref'] === 'string' && !value['$ref'].startsWith('#');
}

/** The parser reports ways through references as if they were followed: so are they here, as far as they lead. */
function nearest({ root, sources }: BuildContext, path: readonly (string | number)[]): Part {
  let here = root;
  for (const token of path) {
    const target = sources.follow(here);
    const next = here.get(String(token)) ?? ('failure' in target ? undefined : target.get(String(token)));
    if (!next) break;
    here = next;
  }
  return here;
}
