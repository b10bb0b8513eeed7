import { isMap, isNode, isPair, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { columnOf, type Edit, edited, endOf, lineEnd, plain, startOf } from './yaml/edit-text.ts';

/** What a new connection begins with. */
export interface NewConnection {
  readonly connector: string;
  /** Absent where nothing is called over it. */
  readonly baseUrl?: string;
  /** References by credential and member. */
  readonly credentials: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/**
 * `tenon.config.yaml` with one more connection, behind those that it has. Every other byte stays. `undefined` where
 * there is one of this name: it is somebody's, and may hold grants; and where `connections` is no map, which only a
 * person can mend.
 */
export function writeConnection(config: string, name: string, connection: NewConnection): string | undefined {
  const document = parseDocument(config);
  const { contents } = document;
  const present = isMap(contents) ? pairOf(contents, 'connections') : undefined;
  const map = isMap(present?.value) ? present.value : undefined;
  if (map !== undefined && pairOf(map, name) !== undefined) return undefined;
  const isNothing = isScalar(present?.value) && present.value.value === null;
  if (present?.value && map === undefined && !isNothing) return undefined;
  if (isMap(contents) && contents.flow === true) {
    // JSON: an author who spaces it by hand is not known.
    if (isNothing) document.delete('connections');
    document.setIn(['connections', name], document.createNode(connection));
    return document.toString();
  }
  return edited(config, editsOf(config, present, map, name, connection));
}

function editsOf(
  text: string,
  present: Pair | undefined,
  map: YAMLMap | undefined,
  name: string,
  connection: NewConnection,
): readonly Edit[] {
  const last = map?.items.at(-1);
  if (map?.flow === true && last !== undefined) {
    const at = endOf(last);
    return [{ from: at, to: at, put: `, ${plain(name)}: ${flow(connection)}` }];
  }
  if (map !== undefined && last !== undefined) {
    const indent = columnOf(text, startOf(map.items[0]!));
    const inner = isMap(last.value) && last.value.flow !== true ? last.value.items[0] : undefined;
    const step = inner === undefined ? 2 : columnOf(text, startOf(inner)) - indent;
    const at = lastLineEnd(text, endOf(last));
    return [{ from: at, to: at, put: `\n${block(name, connection, indent, step)}` }];
  }
  if (present !== undefined) {
    // `connections:` with nothing, `null` or `{}` behind it.
    const from = endOfKey(text, present);
    const to = isWritten(present.value) ? endOf(present) : from;
    const at = lineEnd(text, to);
    return [
      { from, to, put: '' },
      { from: at, to: at, put: `\n${block(name, connection, 2, 2)}` },
    ];
  }
  const at = text.length;
  const gap = text === '' || text.endsWith('\n') ? '' : '\n';
  return [{ from: at, to: at, put: `${gap}connections:\n${block(name, connection, 2, 2)}\n` }];
}

function block(name: string, connection: NewConnection, indent: number, step: number): string {
  const lines: string[] = [];
  const add = (depth: number, line: string): number => lines.push(' '.repeat(indent + depth * step) + line);
  const credentials = Object.entries(connection.credentials);
  add(0, `${plain(name)}:`);
  add(1, `connector: ${plain(connection.connector)}`);
  if (connection.baseUrl !== undefined) add(1, `baseUrl: ${plain(connection.baseUrl)}`);
  add(1, credentials.length === 0 ? 'credentials: {}' : 'credentials:');
  for (const [id, members] of credentials) {
    add(2, `${plain(id)}:`);
    for (const [member, reference] of Object.entries(members))
      add(3, `${plain(member)}: ${plain(reference)}`);
  }
  return lines.join('\n');
}

function flow({ connector, baseUrl, credentials }: NewConnection): string {
  const ways = Object.entries(credentials).map(([id, members]) => {
    const pairs = Object.entries(members).map(
      ([member, reference]) => `${plain(member)}: ${plain(reference)}`,
    );
    return `${plain(id)}: { ${pairs.join(', ')} }`;
  });
  const known = ways.length === 0 ? '{}' : `{ ${ways.join(', ')} }`;
  const address = baseUrl === undefined ? '' : `baseUrl: ${plain(baseUrl)}, `;
  return `{ connector: ${plain(connector)}, ${address}credentials: ${known} }`;
}

function pairOf({ items }: YAMLMap, name: string): Pair | undefined {
  return items.find((pair) => isPair(pair) && isScalar(pair.key) && pair.key.value === name);
}

/** Has it a text of its own? A value that is left out may have its place behind what follows the colon. */
function isWritten(value: unknown): boolean {
  return isNode(value) && value.range != null && value.range[1] > value.range[0];
}

/** Behind the colon of a key. */
function endOfKey(text: string, { key }: Pair): number {
  const end = isNode(key) && key.range ? key.range[1] : 0;
  return text.indexOf(':', end) + 1;
}

/** The end of the line that something ends in: a block of text ends with the line itself. */
function lastLineEnd(text: string, end: number): number {
  return text[end - 1] === '\n' ? end - 1 : lineEnd(text, end);
}
