import { type GeneratedFile, headerLine } from './generated-file.ts';
import type { Surface } from './surface.ts';

/** What makes the folder a package of the workspace: manifest, type-check settings, and one entry to import. */
export function packageFiles(surface: Surface, folder: string, hasTests: boolean): GeneratedFile[] {
  const { contract } = surface;
  const entry = `export * from './adapter.js';\nexport { completePlan } from './call.js';\n`;
  return [
    { path: `${folder}/package.json`, text: json(packageJson(contract.name, hasTests)) },
    { path: `${folder}/tsconfig.json`, text: json(TSCONFIG) },
    { path: `${folder}/index.js`, text: `${headerLine(contract)}\n${entry}` },
    {
      path: `${folder}/index.d.ts`,
      text: `${headerLine(contract)}\n${entry}export type * from './call.js';\n/** Apart, for a contract may call a schema what it likes. */\nexport type * as types from './types.js';\n`,
    },
  ];
}

function packageJson(name: string, hasTests: boolean): object {
  const entry = (file: string): object => ({ types: `./${file}.d.ts`, default: `./${file}.js` });
  return {
    name: `@tenon-generated/${packageName(name)}`,
    private: true,
    version: '0.0.0',
    description: `Generated from contract ${name}. Do not edit.`,
    type: 'module',
    sideEffects: false,
    exports: {
      '.': entry('index'),
      './operations/*': entry('operations/*'),
      './types': { types: './types.d.ts' },
      './validators': entry('validators'),
      ...(hasTests && { './pact': entry('pact') }),
    },
    dependencies: DEPENDENCIES,
    ...(hasTests && { devDependencies: TEST_DEPENDENCIES }),
  };
}

/** npm takes lower case, digits and `-._` only. */
function packageName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9._-]+/g, '-');
}

/** What the validators' code imports. */
const DEPENDENCIES = { ajv: '8.20.0', 'ajv-formats': '3.0.1' };

/** What its contract test imports. */
const TEST_DEPENDENCIES = {
  '@pact-foundation/pact': '17.1.4',
  '@tenon/testkit': 'workspace:*',
  vitest: '5.1.1',
};

/**
 * A project of the workspace's build. Declarations are what is generated, so they are checked too (`skipLibCheck`).
 * The contract test is left to the test runner: a workspace without vitest's types still builds.
 */
const TSCONFIG = {
  compilerOptions: {
    target: 'es2024',
    lib: ['es2024', 'dom'],
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    composite: true,
    outDir: 'dist',
    tsBuildInfoFile: 'dist/.tsbuildinfo',
    types: [],
  },
  include: ['**/*.d.ts'],
  exclude: ['node_modules', 'dist'],
};

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
