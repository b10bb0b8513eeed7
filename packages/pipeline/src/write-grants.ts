import type { Grant, Grants } from '@tenon/connector';
import { isMap, isNode, isScalar, parseDocument, type YAMLMap } from 'yaml';
import { columnOf, type Edit, edited, endOf, lineEnd, plain, startOf } from './yaml/edit-text.ts';

/**
 * `tenon.config.yaml` with these grants, by connection, in place of those it has. Every other byte stays: comments, order
 * and spacing are their author's.
 */
export function writeGrants(config: string, needed: ReadonlyMap<string, Grants>): string {
  const document = parseDocument(config);
  const edits = [...needed].flatMap(([connection, grants]) => {
    const node = document.getIn(['connections', connection]);
    return isMap(node) ? editOf(config, node, grants) : [];
  });
  return edited(config, edits);
}

function editOf(text: string, connection: YAMLMap, grants: Grants): readonly Edit[] {
  const [first] = connection.items;
  const last = connection.items.at(-1);
  if (!first || !last) return [];
  const present = connection.items.find(({ key }) => isScalar(key) && key.value === 'grants');
  const isWanted = Object.keys(grants).length > 0;
  if (present === undefined && !isWanted) return [];
  if (present !== undefined && isSame(present.value, grants)) return [];
  if (connection.flow === true) {
    const put = `grants: ${flow(grants)}`;
    if (present !== undefined) return [{ from: startOf(present), to: endOf(present), put }];
    return [{ from: endOf(last), to: endOf(last), put: `, ${put}` }];
  }
  const indent = ' '.repeat(columnOf(text, startOf(first)));
  const put = isWanted ? block(grants, indent) : '';
  if (present === undefined) {
    const at = lineEnd(text, endOf(last));
    return [{ from: at, to: at, put: `\n${put}` }];
  }
  const from = startOf(present);
  const to = lineEnd(text, endOf(present));
  if (isWanted) return [{ from, to, put: put.trimStart() }];
  // The whole lines go; the connection's first key stands behind nothing that must stay.
  return [{ from: from - indent.length, to: Math.min(to + 1, text.length), put: '' }];
}

const LINE_MAX = 110;

function block(grants: Grants, indent: string): string {
  const lines = [`${indent}grants:`];
  for (const [pipeline, grant] of Object.entries(grants)) {
    lines.push(`${indent}  ${plain(pipeline)}:`);
    for (const [kind, names] of listsOf(grant)) {
      const line = `${indent}    ${kind}: [${names.map(plain).join(', ')}]`;
      if (line.length <= LINE_MAX) lines.push(line);
      else lines.push(`${indent}    ${kind}:`, ...names.map((name) => `${indent}      - ${plain(name)}`));
    }
  }
  return lines.join('\n');
}

function flow(grants: Grants): string {
  const pipelines = Object.entries(grants).map(([pipeline, grant]) => {
    const lists = listsOf(grant).map(([kind, names]) => `${kind}: [${names.map(plain).join(', ')}]`);
    return `${plain(pipeline)}: { ${lists.join(', ')} }`;
  });
  return pipelines.length === 0 ? '{}' : `{ ${pipelines.join(', ')} }`;
}

/** An empty list is the default and is left out; `operations` are what a grant is about. */
function listsOf({ operations, scopes, hosts }: Grant): readonly (readonly [string, readonly string[]])[] {
  const more = [['scopes', scopes] as const, ['hosts', hosts] as const];
  return [['operations', operations] as const, ...more.filter(([, names]) => names.length > 0)];
}

function isSame(node: unknown, grants: Grants): boolean {
  const given: unknown = isNode(node) ? node.toJSON() : undefined;
  const wanted = Object.entries(grants).map(([pipeline, grant]) => [
    pipeline,
    Object.fromEntries(listsOf(grant)),
  ]);
  return JSON.stringify(given) === JSON.stringify(Object.fromEntries(wanted));
}
