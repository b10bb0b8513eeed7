/**
 * Names that a contract's author chose, as names that TypeScript and every file system take. Each maker keeps what it
 * gave out, so that two ids which come out alike (`repos/get`, `repos-get`) still get different names.
 */
export interface NameMaker {
  /** A name made of `text`, not given out before. The same calls in the same order give the same names. */
  make(text: string): string;
}

/** `repos/get` → `reposGet`, `1abc` → `_1abc`, `delete` → `delete_`. */
export function identifierNames(taken: Iterable<string> = []): NameMaker {
  return nameMaker(camelCase, (name, attempt) => `${name}_${attempt}`, taken, RESERVED);
}

/** `ListInvoices` → `list-invoices`: for file names, alike on file systems that fold case. */
export function fileNames(): NameMaker {
  return nameMaker(kebabCase, (name, attempt) => `${name}-${attempt}`, [], WINDOWS_DEVICES);
}

/** `list-invoices` → `ListInvoices`. */
export function pascalCase(text: string): string {
  const name = camelCase(text).replace(/^_+(?=\p{ID_Start})/u, '');
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** Longest file name made: well within the 255 bytes of file systems, extension and counter included. */
const FILE_NAME_LENGTH_MAX = 100;

function nameMaker(
  shape: (text: string) => string,
  numbered: (name: string, attempt: number) => string,
  taken: Iterable<string>,
  reserved: ReadonlySet<string>,
): NameMaker {
  const used = new Set([...taken].map((name) => name.toLowerCase()));
  return {
    make(text) {
      const shaped = shape(text);
      const base = reserved.has(shaped) ? `${shaped}_` : shaped;
      let name = base;
      for (let attempt = 2; used.has(name.toLowerCase()); attempt++) name = numbered(base, attempt);
      used.add(name.toLowerCase());
      return name;
    },
  };
}

function camelCase(text: string): string {
  const words = text.normalize('NFC').match(/[\p{ID_Continue}$]+/gu) ?? [];
  const [first = 'operation', ...rest] = words.map((word) => word.replace(/\u200c|\u200d/g, '_'));
  const name = [lowerFirst(first), ...rest.map((word) => word.charAt(0).toUpperCase() + word.slice(1))].join(
    '',
  );
  return /^[\p{ID_Start}$_]/u.test(name) ? name : `_${name}`;
}

/** `URLCheck` → `urlCheck`, `GetPet` → `getPet`, `ABC` → `abc`. */
function lowerFirst(word: string): string {
  const capitals = /^\p{Lu}+/u.exec(word)?.[0] ?? '';
  if (capitals.length === word.length) return word.toLowerCase();
  const keep = capitals.length > 1 ? capitals.length - 1 : capitals.length;
  return word.slice(0, keep).toLowerCase() + word.slice(keep);
}

function kebabCase(text: string): string {
  const name = text
    .normalize('NFKD')
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, FILE_NAME_LENGTH_MAX);
  return name === '' ? 'operation' : name;
}

/**
 * What no function of ours may be called: words of the language (in a module, strictly), members that every object
 * has, `then` (an adapter with it would be taken for a promise), and what generated operation files import.
 */
const RESERVED = new Set(
  `arguments await break case catch class const continue debugger default delete do else enum eval export extends
  false finally for function if implements import in instanceof interface let new null package private protected
  public return static super switch this throw true try typeof undefined var void while with yield
  constructor prototype __proto__ hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString toString valueOf then
  carryOut operation transport input options bodies`.split(/\s+/),
);

/** Names that Windows keeps for devices, whatever the ending. */
const WINDOWS_DEVICES = new Set(
  ['con', 'prn', 'aux', 'nul'].concat(
    Array.from({ length: 10 }, (_, index) => [`com${index}`, `lpt${index}`]).flat(),
  ),
);
