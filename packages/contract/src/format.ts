import type { Findings } from './findings.ts';
import type { Part } from './part.ts';
import type { Dialect } from './schema-reader.ts';

export interface FormatFound {
  readonly format: 'openapi' | 'asyncapi';
  /** As written: `3.0.3`. */
  readonly version: string;
  readonly dialect: Dialect;
}

const DIALECTS: readonly {
  readonly key: 'openapi' | 'asyncapi';
  readonly matches: RegExp;
  readonly dialect: Dialect;
}[] = [
  { key: 'openapi', matches: /^3\.0(?:\.\d+)?(?:-.*)?$/, dialect: 'openapi-3.0' },
  { key: 'openapi', matches: /^3\.[12](?:\.\d+)?(?:-.*)?$/, dialect: 'openapi-3.1' },
  { key: 'asyncapi', matches: /^[23]\.\d+(?:\.\d+)?$/, dialect: 'asyncapi' },
];

/** The format that a document says it is in; without one nothing in it can be read. */
export function formatOf(root: Part, findings: Findings): FormatFound | undefined {
  for (const { key, matches, dialect } of DIALECTS) {
    const version = root.text(key);
    if (version !== undefined && matches.test(version)) return { format: key, version, dialect };
  }
  refuse(root, findings);
  return undefined;
}

function refuse(root: Part, findings: Findings): void {
  const swagger = root.get('swagger');
  if (swagger) {
    findings.add('contract-version-unsupported', swagger, {
      message: `this is Swagger ${String(swagger.value)}; Tenon reads OpenAPI 3.0, 3.1 and 3.2`,
      fix: 'Convert it once (for example with `npx swagger2openapi`) and check the result in.',
    });
    return;
  }
  for (const key of ['openapi', 'asyncapi'] as const) {
    const version = root.get(key);
    if (!version) continue;
    const isText = typeof version.value === 'string';
    findings.add('contract-version-unsupported', version, {
      message: isText
        ? `${key} ${JSON.stringify(version.value)} is not supported: ${SUPPORTED[key]}`
        : `\`${key}\` must be a version as text, such as ${key === 'openapi' ? '"3.1.0"' : '"3.0.0"'}`,
      ...(!isText && { fix: 'Put the version in quotes.' }),
    });
    return;
  }
  findings.add('contract-format-unknown', root, {
    message: root.object
      ? 'the document has neither `openapi` nor `asyncapi`: its format is unknown'
      : 'an OpenAPI or AsyncAPI document is an object; this one is not',
  });
}

const SUPPORTED = {
  openapi: 'Tenon reads 3.0, 3.1 and 3.2',
  asyncapi: 'Tenon reads 2.x and 3.x',
} as const;
