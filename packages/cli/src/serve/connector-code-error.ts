import { readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ModuleProblem } from '@tenon/connector';
import { textRange } from '@tenon/document';
import type { Diagnostic, Location } from '@tenon/model';
import { cliDiagnostic } from '../cli-rules.ts';

/** A connector's code that cannot be taken: what it throws, what it cannot import, or no connector at all. */
export class ConnectorCodeError extends Error {
  readonly diagnostic: Diagnostic;

  constructor(diagnostic: Diagnostic, cause?: unknown) {
    super(diagnostic.message, { cause });
    this.diagnostic = diagnostic;
  }

  /** In a line, where no report is printed. */
  get words(): string {
    const { code, message, file = '', range } = this.diagnostic;
    const { line, column } = range!.start;
    return `${file}:${line}:${column}: ${message}\nsee \`tenon explain ${code}\``;
  }
}

/** It was loaded, and is none of a connector, or of another version. */
export function noConnector(
  message: string,
  fix: string | undefined,
  root: string,
  file: string,
): ConnectorCodeError {
  const at = lineOf(root, file, 1, 1);
  return new ConnectorCodeError(cliDiagnostic('connector-code-broken', { message, at, fix }));
}

/** It was loaded, and what it exports under a name is not what belongs there. */
export function wrongHook({ message, name }: ModuleProblem, root: string, file: string): ConnectorCodeError {
  const at = wordIn(root, file, name);
  const fix = `export \`defineConnector({ … })\`, which an editor holds to its types; a scheme is \`{ parsers, read, matches, sign }\``;
  return new ConnectorCodeError(cliDiagnostic('connector-code-broken', { message, at, fix }));
}

/** By `import`, or by `require`, which is how tsx loads what is in no package that says it is a module. */
export function isNotFound(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND')
  );
}

/** What went wrong as the code of a connector was loaded, where in the workspace it did. */
export function notLoaded(error: unknown, root: string, entry: string): ConnectorCodeError {
  const message = error instanceof Error ? error.message : String(error);
  const [first = '', ...more] = message
    .split(root + sep)
    .join('')
    .split('\n');
  const text = more.length > 0 ? `${first} …` : first;
  return new ConnectorCodeError(
    cliDiagnostic('connector-code-broken', {
      message: `this code cannot be loaded: ${text.replace(/ imported from .*$/, '')}`,
      at: error instanceof Error ? placeOf(error, root, entry) : lineOf(root, entry, 1, 1),
      ...(isNotFound(error) && {
        fix: 'install the package in the workspace, or mend the path; `@tenon/connector` needs no installing',
      }),
    }),
    error,
  );
}

/** The first place in the workspace that an error names; where it names none, the file that was to be loaded. */
function placeOf({ message, stack = '' }: Error, root: string, entry: string): Location {
  const inside = (path: string): string | undefined => {
    const file = relative(root, path.startsWith('file:') ? fileURLToPath(path) : path);
    return file.startsWith('..') || file === '' ? undefined : file.split(sep).join('/');
  };
  // What cannot be parsed or linked: the place, its line, and a caret below, in front of all else.
  const [, parsed = '', line, shown = ''] = /^((?:file:\/\/)?\/.+):(\d+)\n.*\n( *\^)?/.exec(stack) ?? [];
  const parsedIn = parsed === '' ? undefined : inside(parsed);
  if (parsedIn !== undefined) return lineOf(root, parsedIn, Number(line), Math.max(1, shown.length));
  // What cannot be found: who asked for it, which says it somewhere.
  const [, wanted = '', asker = ''] = /'([^']+)' imported from (\S.*)$/.exec(message) ?? [];
  const askedIn = asker === '' ? undefined : inside(asker);
  if (askedIn !== undefined) return wordIn(root, askedIn, wanted.split('/').at(-1)!);
  for (const [, path, frameLine, column] of stack.matchAll(/(file:\/\/\/[^\s)]+):(\d+):(\d+)/g)) {
    const file = inside(path!);
    if (file !== undefined) return lineOf(root, file, Number(frameLine), Number(column));
  }
  return lineOf(root, entry, 1, 1);
}

function lineOf(root: string, file: string, line: number, column: number): Location {
  const text = textOf(root, file);
  const lines = text.split('\n');
  const before = lines.slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0);
  const at = Math.min(text.length, before + column - 1);
  return { file, range: textRange(text, at, at) };
}

function wordIn(root: string, file: string, word: string): Location {
  const text = textOf(root, file);
  const at = Math.max(0, text.indexOf(word));
  return { file, range: textRange(text, at, at) };
}

function textOf(root: string, file: string): string {
  try {
    return readFileSync(join(root, file), 'utf8');
  } catch {
    return '';
  }
}
