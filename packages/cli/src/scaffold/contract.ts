import { basename, isAbsolute, relative, resolve } from 'node:path';
import { parseDocument } from '@tenon/document';
import { isObject, sha256 } from '@tenon/model';
import { isMap, isNode, isPair, isScalar, parseDocument as parseYaml, type Scalar, type YAMLMap } from 'yaml';

/** What a document says of itself, as far as it can be read. */
export interface AboutDocument {
  readonly format: 'openapi' | 'asyncapi';
  /** The name that it goes by in its contract's folder. */
  readonly file: string;
  readonly version: string;
}

export function aboutDocument(from: string, text: string): AboutDocument {
  const value = parseDocument(from, text).value?.value;
  const format = isObject(value) && 'asyncapi' in value ? 'asyncapi' : 'openapi';
  const extension = text.trimStart().startsWith('{') ? '.json' : '.yaml';
  const version = isObject(value) && isObject(value['info']) ? String(value['info']['version'] ?? '') : '';
  return { format, file: `${format}${extension}`, version };
}

/**
 * Where a document came from, for whoever reads the workspace: an address, or a path in it. Of a file elsewhere only the name is told: where one machine had it is nobody
 * else's concern.
 */
export function sourceOf(from: string, root: string, cwd: string): string {
  if (/^https?:/.test(from)) return from;
  const path = relative(root, resolve(cwd, from));
  return path.startsWith('..') || isAbsolute(path) ? basename(from) : path;
}

/** Where a document came from: members of `provenance`, each as YAML. */
export type Provenance = Readonly<Record<'source' | 'version' | 'digest' | 'fetched', string>>;

export function provenanceOf(facts: {
  readonly source: string;
  readonly version: string;
  readonly text: string;
  readonly at: number;
}): Provenance {
  return {
    source: JSON.stringify(facts.source),
    version: JSON.stringify(facts.version),
    digest: sha256(facts.text),
    fetched: `'${new Date(facts.at).toISOString().slice(0, 10)}'`,
  };
}

/** A `contract.yaml` to begin with. */
export function contractPolicy(steward: string, provenance: Provenance): string {
  return `apiVersion: tenon/v1
kind: Contract
steward: ${/^[\w-]+$/.test(steward) ? steward : JSON.stringify(steward)}
compatibility: backward
deprecationWindow: 90d
${block(provenance)}`;
}

/** A `contract.yaml` that tells of another document: the values change where they stand, and nothing else does. */
export function withProvenance(policy: string, provenance: Provenance): string {
  const present = provenanceIn(policy);
  if (present === undefined) return `${policy.replace(/\n*$/, '\n')}${block(provenance)}`;
  if (isNothing(present)) return replaced(policy, present, line(provenance));
  // Of a shape that only a person can mend.
  if (!isMap(present)) return policy;
  const edits = Object.entries(provenance).flatMap(([key, put]) => {
    const value = memberOf(present, key);
    return isScalar(value) && value.range ? [{ value, at: value.range[0], put }] : [];
  });
  return edits
    .toSorted((a, b) => b.at - a.at)
    .reduce((text, { value, put }) => replaced(text, value, put), policy);
}

/** Whether a `contract.yaml` tells of another document: by its digest, or where it has none by its version. */
export function tellsOfAnother(policy: string, { digest, version }: Provenance): boolean {
  const present = provenanceIn(policy);
  if (!isMap(present)) return false;
  const [told, toldVersion] = [memberOf(present, 'digest'), memberOf(present, 'version')];
  if (isScalar(told)) return told.value !== digest;
  return isScalar(toldVersion) && JSON.stringify(String(toldVersion.value)) !== version;
}

function provenanceIn(policy: string): unknown {
  const { contents } = parseYaml(policy);
  return isMap(contents) ? memberOf(contents, 'provenance') : undefined;
}

/** No value, `null`, or a map without members. */
function isNothing(node: unknown): node is Scalar | YAMLMap {
  return isMap(node) ? node.items.length === 0 : isScalar(node) && node.value === null;
}

/** A value that is not there has its place right behind the colon, or right before a comment: it needs a space of its own. */
function replaced(text: string, { range }: Scalar | YAMLMap, put: string): string {
  if (!range) return text;
  const [before, after] = [text.slice(0, range[0]), text.slice(range[1])];
  return `${before}${/\s$/.test(before) ? '' : ' '}${put}${after.startsWith('#') ? ' ' : ''}${after}`;
}

function line(provenance: Provenance): string {
  const members = Object.entries(provenance).map(([key, value]) => `${key}: ${value}`);
  return `{ ${members.join(', ')} }`;
}

function block(provenance: Provenance): string {
  const members = Object.entries(provenance).map(([key, value]) => `  ${key}: ${value}\n`);
  return `provenance:\n${members.join('')}`;
}

function memberOf({ items }: YAMLMap, key: string): unknown {
  const pair = items.find((one) => isPair(one) && isScalar(one.key) && one.key.value === key);
  return isNode(pair?.value) ? pair.value : undefined;
}
