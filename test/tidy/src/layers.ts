/** Which packages a package may import (DESIGN §2, and the package's own DESIGN.md where it differs): the one copy in code. */
export const layers: Readonly<Record<string, readonly string[]>> = {
  model: [],
  document: ['model'],
  schema: ['model'],
  expression: ['model'],
  contract: ['document', 'schema', 'model'],
  diff: ['contract', 'document', 'schema', 'model'],
  connector: ['document', 'schema', 'expression', 'model'],
  pipeline: ['expression', 'contract', 'connector', 'document', 'schema', 'model'],
  codegen: ['pipeline', 'contract', 'connector', 'schema', 'model'],
  runtime: ['pipeline', 'expression', 'connector', 'schema', 'model'],
  testkit: [
    'contract',
    'connector',
    'diff',
    'document',
    'expression',
    'pipeline',
    'runtime',
    'schema',
    'model',
  ],
  server: ['runtime', 'connector', 'schema', 'model'],
  'language-server': ['pipeline', 'expression', 'contract', 'connector', 'document', 'schema', 'model'],
  cli: [
    'language-server',
    'server',
    'testkit',
    'codegen',
    'diff',
    'runtime',
    'pipeline',
    'connector',
    'contract',
    'expression',
    'document',
    'schema',
    'model',
  ],
};

/** Packages of which only types may be imported: the runtime runs plans, it does not make them. */
export const typeOnly: Readonly<Record<string, readonly string[]>> = {
  runtime: ['pipeline'],
};

/** Libraries that a package must not load, with what to use instead. */
export const bannedLibraries: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  runtime: {
    yaml: 'the runtime runs plans; read YAML in `pipeline` and hand the plan over',
    'js-yaml': 'the runtime runs plans; read YAML in `pipeline` and hand the plan over',
    '@asyncapi/parser': 'the runtime runs plans; read contracts in `contract`',
  },
  server: {
    yaml: 'configuration is read in `pipeline`; the server is handed values',
    '@asyncapi/parser': 'contracts are read in `contract`',
  },
};
