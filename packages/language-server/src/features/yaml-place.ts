/** Where in a YAML text a cursor stands, told from indentation and brackets: it works while the text is no YAML. */
export interface YamlPlace {
  /** Keys from the root down to the map that holds the cursor, `*` for an item of a list. */
  readonly path: readonly string[];
  /** The key whose value is being written; absent while a key is. */
  readonly key?: string;
  /** Offsets of the word under the cursor. */
  readonly start: number;
  readonly end: number;
  /** Keys that the map has besides the one being written, with what stands after them on their line. */
  readonly siblings: ReadonlyMap<string, string>;
}

interface Line {
  /** Columns of the dashes before the key. */
  readonly dashes: readonly number[];
  /** Column of the key, or of whatever is there. */
  readonly column: number;
  readonly key: string | undefined;
  readonly value: string;
}

const WORD = /[\w.$*/-]*$/;

export function yamlPlace(text: string, offset: number): YamlPlace {
  const lines = text.split('\n');
  const before = text.slice(0, offset);
  const row = before.split('\n').length - 1;
  const column = offset - (before.lastIndexOf('\n') + 1);
  const written = lines[row]!.slice(0, column);
  const here = read(written);
  const { path, siblings } = around(lines, row, here);
  const word = WORD.exec(written)?.[0] ?? '';
  const rest = /^[\w.$*/-]*/.exec(text.slice(offset))?.[0] ?? '';
  const span = { start: offset - word.length, end: offset + rest.length };
  const flow = inFlow(here.key === undefined ? written.slice(here.column) : here.value);
  if (flow) {
    const base = here.key === undefined ? path : [...path, here.key];
    return {
      ...span,
      path: [...base, ...flow.path],
      siblings: flow.siblings,
      ...(flow.key !== undefined && { key: flow.key }),
    };
  }
  return { ...span, path, siblings, ...(here.key !== undefined && { key: here.key }) };
}

function read(line: string): Line {
  const lead = /^\s*(?:-\s+)*(?:-$)?/.exec(line)![0];
  const dashes = [...lead.matchAll(/-/g)].map(({ index }) => index);
  const rest = line.slice(lead.length);
  const keyed = /^(["']?)([^\s"'{[#][^"']*?)\1:(?:\s+(.*)|$)/.exec(rest);
  return { dashes, column: lead.length, key: keyed?.[2], value: keyed?.[3] ?? '' };
}

function around(
  lines: readonly string[],
  row: number,
  here: Line,
): { readonly path: readonly string[]; readonly siblings: ReadonlyMap<string, string> } {
  const siblings = new Map<string, string>();
  const path: string[] = [];
  let column = here.column;
  let isItem = false;
  let isOwnMap = true;
  const leaveItems = (dashes: readonly number[]): void => {
    for (const dash of dashes.toReversed()) {
      if (dash >= column) continue;
      path.unshift('*');
      column = dash;
      isItem = true;
      isOwnMap = false;
    }
  };
  leaveItems(here.dashes);
  for (let index = row - 1; index >= 0; index--) {
    const line = lineAt(lines, index);
    if (!line) continue;
    if (isOwnMap && line.column === column && line.key !== undefined) {
      siblings.set(line.key, line.value);
      leaveItems(line.dashes);
    } else if (
      line.key !== undefined &&
      (line.column < column || (isItem && line.column === column && line.dashes.length === 0))
    ) {
      path.unshift(line.key);
      column = line.column;
      isItem = false;
      isOwnMap = false;
      leaveItems(line.dashes);
    }
  }
  for (let index = row + 1; index < lines.length; index++) {
    const line = lineAt(lines, index);
    if (!line) continue;
    if (line.column < here.column || line.dashes.some((dash) => dash < here.column)) break;
    if (line.column === here.column && line.key !== undefined) siblings.set(line.key, line.value);
  }
  return { path, siblings };
}

function lineAt(lines: readonly string[], index: number): Line | undefined {
  const line = lines[index]!;
  return /^\s*(#.*)?$/.test(line) ? undefined : read(line);
}

interface Frame {
  readonly isList: boolean;
  readonly keys: Map<string, string>;
  key: string | undefined;
  token: string;
}

/** Inside `{ a: 1, b` on one line; `undefined` when every bracket is closed, or there is none. */
function inFlow(value: string): Pick<YamlPlace, 'path' | 'key' | 'siblings'> | undefined {
  if (!/^[{[]/.test(value)) return undefined;
  const frames: Frame[] = [];
  let quote = '';
  for (const character of value) {
    const frame = frames.at(-1);
    if (quote !== '') {
      if (character === quote) quote = '';
      continue;
    }
    if (character === '"' || character === "'") quote = character;
    else if (character === '{' || character === '[')
      frames.push({ isList: character === '[', keys: new Map(), key: undefined, token: '' });
    else if (character === '}' || character === ']') frames.pop();
    else if (frame && character === ',') {
      if (frame.key !== undefined) frame.keys.set(frame.key, frame.token.trim());
      frame.key = undefined;
      frame.token = '';
    } else if (frame && character === ':' && !frame.isList && frame.key === undefined) {
      frame.key = frame.token.trim();
      frame.token = '';
    } else if (frame) frame.token += character;
  }
  const last = frames.at(-1);
  if (!last) return undefined;
  const path = frames.slice(0, -1).flatMap((frame) => (frame.isList ? ['*'] : [frame.key ?? '']));
  if (last.isList) return { path: [...path, '*'], siblings: new Map() };
  return { path, siblings: last.keys, ...(last.key !== undefined && { key: last.key }) };
}
