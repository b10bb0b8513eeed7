import { describe, expect, it } from 'vitest';
import { bannedLibraries, layers, typeOnly } from './layers.ts';
import { isOwnSource, isTest, readRepoFile, repoFiles } from './repo.ts';

const files = repoFiles();
const sources = files.filter(isOwnSource).map((file) => ({ file, text: readRepoFile(file) }));
const packageSources = sources.filter(({ file }) => /^packages\/[^/]+\/src\//.test(file));

/** What a source imports: specifier, and whether types only. */
function importsOf(text: string): { specifier: string; typesOnly: boolean; line: number }[] {
  const found: { specifier: string; typesOnly: boolean; line: number }[] = [];
  const statement = /^\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
  const dynamic = /\bimport\(\s*'([^']+)'\s*\)/g;
  const lineAt = (index: number): number => text.slice(0, index).split('\n').length;
  for (const match of text.matchAll(statement)) {
    const named = /\{([^}]*)\}/.exec(match[0])?.[1];
    const allTypes =
      named?.split(',').every((name) => name.trim() === '' || name.trim().startsWith('type ')) === true;
    found.push({
      specifier: match[2]!,
      typesOnly: match[1] !== undefined || allTypes,
      line: lineAt(match.index),
    });
  }
  for (const match of text.matchAll(dynamic)) {
    const isType = /:\s*$|typeof\s+$/.test(text.slice(Math.max(0, match.index - 10), match.index));
    found.push({ specifier: match[1]!, typesOnly: isType, line: lineAt(match.index) });
  }
  return found;
}

describe('layers', () => {
  it('every package is in the table and its imports follow it', () => {
    const wrong: string[] = [];
    for (const { file, text } of packageSources) {
      const own = file.split('/')[1]!;
      const allowed = layers[own];
      if (!allowed) {
        wrong.push(`${file}: package ${own} is not in test/tidy/src/layers.ts; say there what it may import`);
        continue;
      }
      for (const { specifier, typesOnly, line } of importsOf(text)) {
        const other = /^@tenon\/([a-z-]+)/.exec(specifier)?.[1];
        if (other !== undefined && other !== own && !isTest(file)) {
          if (!allowed.includes(other)) {
            wrong.push(
              `${file}:${line}: ${own} may not import ${other}; it may import ${allowed.join(', ') || 'nothing'}, or be handed what it needs`,
            );
          } else if (!typesOnly && typeOnly[own]?.includes(other)) {
            wrong.push(`${file}:${line}: ${own} may import only types of ${other}; use \`import type\``);
          }
        }
        const library = specifier.startsWith('@')
          ? specifier.split('/').slice(0, 2).join('/')
          : specifier.split('/')[0]!;
        const instead = bannedLibraries[own]?.[library];
        if (instead !== undefined) wrong.push(`${file}:${line}: ${own} may not load ${library}: ${instead}`);
        if (/^\.\.\/.*packages\/|^\.\.\/\.\.\/\.\.\//.test(specifier) && !isTest(file)) {
          wrong.push(`${file}:${line}: import another package by its name, not by path (${specifier})`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('the table has no cycle', () => {
    const done = new Set<string>();
    const visit = (name: string, path: readonly string[]): void => {
      expect(path, `cycle: ${[...path, name].join(' → ')}`).not.toContain(name);
      if (done.has(name)) return;
      for (const next of layers[name] ?? []) visit(next, [...path, name]);
      done.add(name);
    };
    for (const name of Object.keys(layers)) visit(name, []);
  });
});

/** Bans with their replacement. `allowed` are the named edges. */
const bans: readonly { pattern: RegExp; instead: string; allowed: RegExp }[] = [
  {
    pattern: /\bDate\.now\(|\bnew Date\(\)/,
    instead: 'take a Clock (model/ports)',
    allowed: /^packages\/model\/src\/ports\.ts$/,
  },
  {
    pattern: /\bMath\.random\(/,
    instead: 'take a Random (model/ports)',
    allowed: /^packages\/model\/src\/ports\.ts$/,
  },
  {
    pattern: /(?<![.\w])(setTimeout|setInterval)\(/,
    instead: 'use Clock.setTimer or sleep (model/ports)',
    allowed: /^packages\/model\/src\/ports\.ts$/,
  },
  {
    pattern: /\bprocess\.env\b/,
    instead: 'take the value from the composition root',
    allowed: /^packages\/cli\/src\/(main|process)\.ts$|^packages\/testkit\/src\/sandbox-main\.ts$/,
  },
  { pattern: /^\s*(export\s+)?(const\s+)?enum\s/m, instead: 'use a union of literals', allowed: /^$/ },
];

describe('bans', () => {
  it('time, randomness, timers and the environment are read at named edges only', () => {
    const wrong: string[] = [];
    for (const { file, text } of packageSources) {
      if (isTest(file)) continue;
      const code = withoutComments(text);
      for (const { pattern, instead, allowed } of bans) {
        const match = pattern.exec(code);
        if (match && !allowed.test(file)) {
          wrong.push(
            `${file}:${code.slice(0, match.index).split('\n').length}: ${match[0].trim()}: ${instead}`,
          );
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('no core package names a vendor', () => {
    const vendors = /\b(stripe|hubspot|zendesk|slack|github|jira|salesforce|pagerduty|shopify|twilio)\b/i;
    // In the connector package these name webhook signature schemes, which are wire formats; quoted, an output format.
    const schemeNames = /\b(stripe|github|slack)\b/g;
    const quotedNames = /['"`]github['"`]|\bgithub:|--format github/g;
    const wrong = packageSources
      .filter(({ file }) => !isTest(file))
      .flatMap(({ file, text }) => {
        const own = file.startsWith('packages/connector/') ? schemeNames : quotedNames;
        const match = vendors.exec(withoutComments(text).replaceAll(own, ''));
        return match
          ? [`${file}: names ${match[0]}; vendor knowledge belongs in a connector or an overlay`]
          : [];
      });
    expect(wrong).toEqual([]);
  });

  it('files and folders are not called utils, common, helpers or misc', () => {
    expect(files.filter((file) => /(^|\/)(utils?|common|helpers?|misc)(\.[a-z]+)?(\/|$)/.test(file))).toEqual(
      [],
    );
  });

  it('file names are kebab-case', () => {
    const named = sources.map(({ file }) => file.split('/').at(-1)!);
    expect(
      named.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*\.(ts|tsx|mts)$/.test(name)),
    ).toEqual([]);
  });

  it('what the compiler writes stands beside no source', () => {
    const written = files.flatMap((file) => {
      const source = file.replace(/(?:\.d\.ts|\.js)(?:\.map)?$/, '.ts');
      return source !== file && files.includes(source) ? [file] : [];
    });
    expect(written).toEqual([]);
  });

  it('words that the glossary replaces do not name types or functions', () => {
    const retired =
      /\b(?:export\s+)?(?:class|interface|type|function|const)\s+(\w*(?:Execution|Workflow)\w*)/;
    const wrong = packageSources.flatMap(({ file, text }) => {
      const match = retired.exec(text);
      return match ? [`${file}: ${match[1]}; say run, pipeline or step (DESIGN §3)`] : [];
    });
    expect(wrong).toEqual([]);
  });

  it('an escape from the checker carries its reason', () => {
    const wrong: string[] = [];
    for (const { file, text } of sources) {
      const lines = text.split('\n');
      for (const [index, line] of lines.entries()) {
        if (/@ts-(ignore|nocheck)/.test(line) && !file.startsWith('test/tidy/'))
          wrong.push(`${file}:${index + 1}: use @ts-expect-error with a reason`);
        if (
          /biome-ignore/.test(line) &&
          !/biome-ignore[^:]*:\s*\S+/.test(line) &&
          !file.startsWith('test/tidy/')
        )
          wrong.push(`${file}:${index + 1}: say why after the colon`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('a comment that documents stands right above what it tells of', () => {
    const orphans = ({ file, text }: { readonly file: string; readonly text: string }): string[] =>
      [...text.matchAll(/\*\/\n[ \t]*\/\*\*/g)].map(
        ({ index }) => `${file}:${text.slice(0, index).split('\n').length}: what does it tell of?`,
      );
    expect(sources.flatMap(orphans)).toEqual([]);
    const text =
      '/** Of the file. */\n\n/** Of `a`. */\nconst a = 1;\n/** Of `b`. */\n/** Of `c`. */\nconst c = 2;\n';
    expect(orphans({ file: 'x.ts', text })).toEqual(['x.ts:5: what does it tell of?']);
  });

  it('no test is skipped for good, and none runs alone', () => {
    const wrong = sources.filter(
      ({ file, text }) =>
        !file.startsWith('test/tidy/') && /\b(it|test|describe)\.(only|todo|skip)\(/.test(text),
    );
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });

  it('nothing names a path of a machine', () => {
    const wrong = files
      .filter((file) => file !== 'pnpm-lock.yaml' && /\.(ts|md|ya?ml|json|sh)$|^\.ci\//.test(file))
      .filter(
        (file) =>
          /(^|[^\w./-])\/(root|work|home\/\w+)\//.test(readRepoFile(file)) && !file.startsWith('test/tidy/'),
      );
    expect(wrong).toEqual([]);
  });
});

describe('parity', () => {
  it('every package says in DESIGN.md what it promises', () => {
    const missing = Object.keys(layers).filter((name) => !files.includes(`packages/${name}/DESIGN.md`));
    expect(missing).toEqual([]);
  });

  it('every table of diagnostic codes has its cases, typed by the table, and a test that runs them', () => {
    const wrong: string[] = [];
    for (const { file } of packageSources.filter((source) => /\/rules\.ts$/.test(source.file))) {
      const cases = file.replace(/rules\.ts$/, 'rules.cases.ts');
      const test = file.replace(/rules\.ts$/, 'rules.test.ts');
      if (!files.includes(cases)) wrong.push(`${file}: no rules.cases.ts beside it`);
      else if (!/Record<\s*(keyof typeof \w+|\w*(Code|RuleId))\b/.test(readRepoFile(cases))) {
        wrong.push(`${cases}: must be typed by the rule table, so that a missing case does not compile`);
      }
      if (!files.includes(test)) wrong.push(`${file}: no rules.test.ts that runs the cases`);
    }
    expect(wrong).toEqual([]);
  });
});

function withoutComments(text: string): string {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ' '))
    .replaceAll(/(^|\s)\/\/[^\n]*/g, '$1');
}
