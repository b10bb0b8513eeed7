import type ts from 'typescript';

/**
 * The declarations, proved to compile under `--strict`, with what TypeScript cannot say replaced by `unknown`.
 *
 * The normal form rules out the errors that real documents were seen to give. What is left are loops that only the
 * checker can find: an intersection may ask for the type of a property while that property's own type is being worked
 * out (TS2502), or multiply out to more members than it allows (TS2590). A type that is too wide compiles and is still
 * held against the schema at run time; a file that does not compile takes the whole contract with it.
 */
export async function compilable(text: string): Promise<string> {
  const { default: compiler } = await import('typescript');
  let here = text;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const file = compiler.createSourceFile(FILE, here, compiler.ScriptTarget.ES2024, true);
    const errors = errorsOf(compiler, file);
    if (errors.length === 0) return here;
    here = widened(compiler, file, errors, round === ROUNDS_MAX - 2);
  }
  throw new Error(`generated types do not compile: ${errorText(compiler, here)}`);
}

/** Each round widens at least one type; the last but one widens all that are in error. */
const ROUNDS_MAX = 12;
const FILE = '/types.d.ts';
const LIB = '/lib.d.ts';

/** The global types that generated types stand on. The real library would be most of the time of a check. */
const LIB_TEXT = `
interface Array<T> { length: number; [n: number]: T }
interface ReadonlyArray<T> { readonly length: number; readonly [n: number]: T }
interface Boolean {} interface CallableFunction {} interface Function {} interface IArguments {}
interface NewableFunction {} interface Number {} interface Object {} interface RegExp {} interface String {} interface Symbol {}
type Record<K extends keyof any, T> = { [P in K]: T };
type Omit<T, K extends keyof any> = { [P in Exclude<keyof T, K>]: T[P] };
type PropertyKey = string | number | symbol;
type Exclude<T, U> = T extends U ? never : T;
`;

function errorsOf(compiler: typeof ts, file: ts.SourceFile): readonly ts.Diagnostic[] {
  const lib = compiler.createSourceFile(LIB, LIB_TEXT, compiler.ScriptTarget.ES2024);
  const sources = new Map([
    [FILE, file],
    [LIB, lib],
  ]);
  const host: ts.CompilerHost = {
    getSourceFile: (name) => sources.get(name),
    getDefaultLibFileName: () => LIB,
    writeFile: () => {},
    getCurrentDirectory: () => '/',
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    fileExists: (name) => sources.has(name),
    readFile: (name) => sources.get(name)?.text,
  };
  const options: ts.CompilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noLib: true,
    noEmit: true,
    types: [],
    target: compiler.ScriptTarget.ES2024,
  };
  const program = compiler.createProgram([LIB, FILE], options, host);
  return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
}

/** Widens the innermost types in error; a whole definition only where nothing within one is in error. */
function widened(
  compiler: typeof ts,
  file: ts.SourceFile,
  errors: readonly ts.Diagnostic[],
  isLastResort: boolean,
): string {
  const nodes = new Map<ts.TypeNode, { readonly code: number; readonly isDefinition: boolean }>();
  for (const error of errors) {
    const declaration = enclosingDeclaration(compiler, file, error.start ?? 0);
    if (!declaration?.type) continue;
    const { parent } = declaration;
    const isDefinition = compiler.isInterfaceDeclaration(parent) || compiler.isSourceFile(parent);
    nodes.set(declaration.type, { code: error.code, isDefinition });
  }
  const inner = [...nodes].filter(([, { isDefinition }]) => !isDefinition);
  const chosen = isLastResort ? [...nodes] : inner.length > 0 ? inner : [...nodes].slice(0, 1);
  let text = file.text;
  let end = text.length;
  for (const [node, { code }] of chosen.sort(
    ([a], [b]) => b.getStart(file) - a.getStart(file) || a.end - b.end,
  )) {
    // Inside one that was widened already: gone with it.
    if (node.end > end) continue;
    end = node.getStart(file);
    text = `${text.slice(0, end)}unknown /* beyond TypeScript (TS${code}) */${text.slice(node.end)}`;
  }
  return text;
}

type Declaration = ts.PropertySignature | ts.IndexSignatureDeclaration | ts.TypeAliasDeclaration;

function enclosingDeclaration(compiler: typeof ts, file: ts.SourceFile, at: number): Declaration | undefined {
  let found: Declaration | undefined;
  const visit = (node: ts.Node): void => {
    if (at < node.getFullStart() || at >= node.end) return;
    if (
      compiler.isPropertySignature(node) ||
      compiler.isIndexSignatureDeclaration(node) ||
      compiler.isTypeAliasDeclaration(node)
    )
      found = node;
    compiler.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function errorText(compiler: typeof ts, text: string): string {
  const file = compiler.createSourceFile(FILE, text, compiler.ScriptTarget.ES2024, true);
  const [first] = errorsOf(compiler, file);
  return first ? compiler.flattenDiagnosticMessageText(first.messageText, ' ') : 'no error';
}
