import { type Checked, compareDiagnostics, digestOf } from '@tenon/model';
import { lintAnswers } from './answer-lint.ts';
import { asideOf, type Named } from './aside.ts';
import { buildAsyncApi } from './asyncapi-build.ts';
import { type CheckCache, lintAsyncApi } from './asyncapi-lint.ts';
import type { BuildContext } from './build.ts';
import { lintExamples } from './example-lint.ts';
import { Findings } from './findings.ts';
import { type FormatFound, formatOf } from './format.ts';
import type { Contract, ContractPolicy, Origin } from './ir.ts';
import { buildOpenApi } from './openapi-build.ts';
import { lintOpenApi } from './openapi-lint.ts';
import { applyOverlay } from './overlay.ts';
import type { Part } from './part.ts';
import { type Place, pointerOf } from './place.ts';
import { readPolicy } from './policy.ts';
import type { FileReader } from './reader.ts';
import { SchemaReader } from './schema-reader.ts';
import { Sources } from './sources.ts';
import { lintSecrets, lintWorkspace } from './workspace-lint.ts';

export interface ContractSource {
  readonly name: string;
  /** The entry document, relative to the reader's root. */
  readonly document: string;
  readonly overlay?: string;
  /** `contract.yaml`. */
  readonly policy?: string;
}

export interface LoadOptions {
  /** Where `@asyncapi/parser`'s results are kept between loads. Default: in memory, for this process. */
  readonly cache?: CheckCache;
  /**
   * The document was loaded before, and what is wrong with it is known: whatever only finds faults is left out. The
   * contract is the same; `diagnostics` are not all. Default false.
   */
  readonly isKnown?: boolean;
  /**
   * What connectors name of it. Of a document from elsewhere, what is short of an error and about anything else is only
   * counted. Left out: all is told.
   */
  readonly named?: Named;
}

/** Above this a document's examples are not compared with their schemas: thousands would take minutes. */
const EXAMPLES_CHECKED_CHARS_MAX = 256 * 1024;

const memory = new Map<string, string>();

/**
 * Loads OpenAPI 3.0, 3.1, 3.2 or AsyncAPI 2.x, 3.x. All that is wrong is in `diagnostics`, each with file, line and
 * column; `value` is there whenever enough of the document can be read to work with it. Nothing is ever fetched.
 */
export async function loadContract(
  source: ContractSource,
  files: FileReader,
  options: LoadOptions = {},
): Promise<Checked<Contract>> {
  const sources = new Sources(files);
  const findings = new Findings(sources);
  const origins = new Map<object, Place>();
  const done = (value?: Contract): Checked<Contract> => {
    const isAside = value && options.named && asideOf(value, options.named, origins);
    const diagnostics = [...sources.diagnostics, ...findings.diagnostics(isAside)].sort(compareDiagnostics);
    return { ...(value && { value }), diagnostics };
  };
  const document = await sources.open(source.document);
  if (!document) {
    if (!sources.isUnreadable(source.document)) findings.addMissingFile(source.document);
    return done();
  }
  if (source.overlay !== undefined) await applyOverlay(source.overlay, document, sources, findings);
  await sources.openReferenced(source.document);
  const root = sources.root(source.document)!;
  const format = formatOf(root, findings);
  if (!format) return done();
  const schemas = new SchemaReader({
    sources,
    findings,
    dialect: format.dialect,
    entry: source.document,
    origins,
  });
  const context: BuildContext = { sources, findings, schemas, origins, root };
  const policy = source.policy === undefined ? undefined : await readPolicy(source.policy, context);
  if (options.isKnown) return done(build(source, format, context, policy));
  if (format.format === 'openapi') lintOpenApi(context, format.version.split('.').slice(0, 2).join('.'));
  else await lintAsyncApi(context, format.version, options.cache ?? memory);
  const contract = build(source, format, context, policy);
  if (policy) {
    lintWorkspace(contract, origins, findings);
    lintSecrets(schemas.secretLike, policy, findings);
  }
  lintAnswers(contract, contract.definitions, origins, findings);
  if (document.text.length <= EXAMPLES_CHECKED_CHARS_MAX)
    lintExamples(contract, contract.definitions, origins, findings);
  return done(contract);
}

/** Loads one document that stands alone: in tests, and for documents that come from elsewhere than a workspace. */
export function loadContractText(name: string, file: string, text: string): Promise<Checked<Contract>> {
  return loadContract(
    { name, document: file },
    { read: async (asked) => (asked === file ? text : undefined) },
  );
}

function build(
  source: ContractSource,
  format: FormatFound,
  context: BuildContext,
  policy: ContractPolicy | undefined,
): Contract {
  const { root, schemas, sources, origins } = context;
  schemas.hoistComponents(root);
  const built = format.format === 'openapi' ? buildOpenApi(context) : buildAsyncApi(context);
  const definitions = schemas.definitions();
  // What a document calls a password is one, whoever looked through it; the policy may know better.
  const secrets = Object.fromEntries([...schemas.passwords].map((pointer) => [pointer, 'secret' as const]));
  const info = root.get('info');
  const documents = sources.files.filter((file) => file !== source.overlay && file !== source.policy);
  let digest: string | undefined;
  const originOf = (node: object): Origin | undefined => {
    const place = origins.get(node);
    return place && { file: place.file, pointer: pointerOf(place) };
  };
  return Object.freeze({
    name: source.name,
    format: format.format,
    formatVersion: format.version,
    title: info?.text('title') ?? source.name,
    version: versionOf(info),
    get versionAt() {
      const written = info?.get('version');
      return written && sources.locate(written.place);
    },
    // Canonical JSON of 13 MB takes longer than all the rest; most loads never ask for it.
    get digest() {
      digest ??= digestOf(documents.map((file) => sources.root(file)?.value));
      return digest;
    },
    ...built,
    definitions,
    ...(policy && { policy: { ...policy, classes: { ...secrets, ...policy.classes } } }),
    files: sources.files,
    locate: (node: object) => {
      const place = origins.get(node);
      return place && sources.locate(place);
    },
    originOf,
  } satisfies Contract);
}

/** A version is a text; YAML makes a number of `1.0` without quotes, which is reported and read all the same. */
function versionOf(info: Part | undefined): string {
  const version = info?.get('version')?.value;
  return typeof version === 'string' || typeof version === 'number' ? String(version) : '';
}
