import { posix } from 'node:path';
import { type PositionedDocument, parseDocument } from '@tenon/document';
import { type Diagnostic, fromPointer, isObject, type Location } from '@tenon/model';
import { Part } from './part.ts';
import { type Place, pointerOf, rootPlace } from './place.ts';
import type { FileReader } from './reader.ts';

/** Why a reference cannot be followed. */
export type RefFailure =
  | { readonly kind: 'remote' | 'outside' | 'circular' }
  | { readonly kind: 'noFile'; readonly file: string }
  | { readonly kind: 'unreadable'; readonly file: string }
  /** `near`: the deepest part of the way that exists. */
  | { readonly kind: 'nothing'; readonly near: Part; readonly missing: string };

interface Resolved {
  readonly part: Part;
  /** `file#pointer` of its place, the same for every way of writing a reference to it. */
  readonly key: string;
}

export type Resolution = Resolved | { readonly failure: RefFailure };

/** Files that one contract may pull in through references. */
const FILES_MAX = 500;

/**
 * The documents of one contract: the entry document and all files it refers to. Filled by `open` (which reads files),
 * after which resolving references reads nothing and is synchronous. States of a file: unknown → parsed or unreadable.
 */
export class Sources {
  readonly diagnostics: Diagnostic[] = [];
  readonly #reader: FileReader;
  readonly #documents = new Map<string, PositionedDocument>();
  readonly #unreadable = new Set<string>();
  readonly #resolutions = new Map<string, Resolution>();
  readonly #anchors = new Map<string, ReadonlyMap<string, Part>>();
  readonly #grafts = new Map<object, Map<string, Place>>();
  /** Values that an overlay changed, in the place of those that were read. */
  readonly #changed = new Map<string, unknown>();

  readonly #overlays = new Set<string>();

  constructor(reader: FileReader) {
    this.#reader = reader;
  }

  /** Files read, in the order of reading. */
  get files(): readonly string[] {
    return [...this.#documents.keys()];
  }

  /** Reads and parses one file; `undefined` when there is none or nothing in it can be read. */
  async open(file: string): Promise<PositionedDocument | undefined> {
    const known = this.#documents.get(file);
    if (known || this.#unreadable.has(file)) return known;
    const text = await this.#reader.read(file);
    if (text === undefined) return undefined;
    const { value, diagnostics } = parseDocument(file, text);
    this.diagnostics.push(...diagnostics);
    if (value) this.#documents.set(file, value);
    else this.#unreadable.add(file);
    return value;
  }

  /** Reads all files that the documents so far refer to, and those that these refer to, and so on. */
  async openReferenced(file: string): Promise<void> {
    const queue = [file];
    const seen = new Set(queue);
    for (let here = queue.shift(); here !== undefined; here = queue.shift()) {
      const document = this.#documents.get(here);
      if (!document) continue;
      for (const target of referencedFiles(this.root(here)?.value, here)) {
        if (seen.has(target) || seen.size >= FILES_MAX) continue;
        seen.add(target);
        if (await this.open(target)) queue.push(target);
      }
    }
  }

  root(file: string): Part | undefined {
    const document = this.#documents.get(file);
    if (!document) return undefined;
    const value = this.#changed.has(file) ? this.#changed.get(file) : document.value;
    return new Part(value, rootPlace(file), file, this.#grafts);
  }

  isUnreadable(file: string): boolean {
    return this.#unreadable.has(file);
  }

  /** From now on, what stands in this file was added to a document whose version somebody else chose. */
  noteOverlay(file: string): void {
    this.#overlays.add(file);
  }

  isOverlay(file: string): boolean {
    return this.#overlays.has(file);
  }

  /** From now on the document has this value; done before anything is resolved in it. */
  replaceValue(file: string, value: unknown): void {
    this.#changed.set(file, value);
  }

  /** Notes that a member of a changed document stands somewhere else than its container says. */
  graft(container: object, key: string, place: Place): void {
    const members = this.#grafts.get(container);
    if (members) members.set(key, place);
    else this.#grafts.set(container, new Map([[key, place]]));
  }

  text(file: string): string | undefined {
    return this.#documents.get(file)?.text;
  }

  locate(place: Place): Location | undefined {
    return this.#documents.get(place.file)?.locate(pointerOf(place));
  }

  locateKey(place: Place): Location | undefined {
    return this.#documents.get(place.file)?.locateKey(pointerOf(place));
  }

  /** The key under which `resolve` would give this part. */
  keyOf(part: Part): string {
    return keyOf(part);
  }

  /** What a `$ref` in a part of document `base` names. */
  resolve(ref: string, base: string): Resolution {
    const asked = `${base} ${ref}`;
    const known = this.#resolutions.get(asked);
    if (known) return known;
    // Holds while it is being resolved: a reference that leads through itself leads nowhere.
    this.#resolutions.set(asked, { failure: { kind: 'circular' } });
    const found = this.#resolve(ref, base);
    this.#resolutions.set(asked, found);
    return found;
  }

  /** The part itself, or what it refers to in the end when it is a reference. */
  follow(part: Part): Part | { readonly failure: RefFailure } {
    let here = part;
    for (let hops = 0; hops < REF_HOPS_MAX; hops++) {
      const ref = here.text('$ref');
      if (ref === undefined) return here;
      const next = this.resolve(ref, here.base);
      if ('failure' in next) return next;
      here = next.part;
    }
    return { failure: { kind: 'circular' } };
  }

  #resolve(ref: string, base: string): Resolution {
    const hash = ref.indexOf('#');
    const way = hash === -1 ? ref : ref.slice(0, hash);
    const fragment = hash === -1 ? '' : decode(ref.slice(hash + 1));
    let file = base;
    if (way !== '') {
      const byId = this.#byId(way);
      if (byId) return this.#within(byId, fragment);
      if (/^(?:[a-z][a-z\d+.-]*:|\/\/)/i.test(way)) return { failure: { kind: 'remote' } };
      const target = resolveFile(base, way);
      if (target === undefined) return { failure: { kind: 'outside' } };
      file = target;
    }
    const root = this.root(file);
    if (root) return this.#within(root, fragment);
    return { failure: { kind: this.#unreadable.has(file) ? 'unreadable' : 'noFile', file } };
  }

  #within(root: Part, fragment: string): Resolution {
    if (fragment !== '' && !fragment.startsWith('/')) {
      const named = this.#anchorsOf(root.base).get(fragment);
      return named ? resolved(named) : { failure: { kind: 'nothing', near: root, missing: fragment } };
    }
    let here = root;
    for (const token of fromPointer(fragment)) {
      const next = here.get(token) ?? this.#throughRef(here, token);
      if (!next) return { failure: { kind: 'nothing', near: here, missing: token } };
      here = next;
    }
    return resolved(here);
  }

  /** A pointer may lead through a reference (`…/responses/404/content` where `404` is a `$ref`): common, if not standard. */
  #throughRef(part: Part, token: string): Part | undefined {
    if (part.text('$ref') === undefined) return undefined;
    const target = this.follow(part);
    return 'failure' in target ? undefined : target.get(token);
  }

  #byId(id: string): Part | undefined {
    for (const file of this.#documents.keys()) {
      const found = this.#anchorsOf(file).get(`id:${id}`);
      if (found) return found;
    }
    return undefined;
  }

  /** Schemas that name themselves (`$anchor`, `$dynamicAnchor`, `$id`), found once per file and only when asked for. */
  #anchorsOf(file: string): ReadonlyMap<string, Part> {
    const known = this.#anchors.get(file);
    if (known) return known;
    const found = new Map<string, Part>();
    const root = this.root(file);
    const queue = root ? [root] : [];
    for (let here = queue.pop(); here; here = queue.pop()) {
      for (const keyword of ['$anchor', '$dynamicAnchor']) {
        const name = here.text(keyword);
        if (name !== undefined && !found.has(name)) found.set(name, here);
      }
      const id = here.text('$id');
      if (id !== undefined && !found.has(`id:${id}`)) found.set(`id:${id}`, here);
      for (const [, child] of here.entries()) if (typeof child.value === 'object') queue.push(child);
      for (const child of here.items()) if (typeof child.value === 'object') queue.push(child);
    }
    this.#anchors.set(file, found);
    return found;
  }
}

/** References to references followed at most; more is a circle. */
const REF_HOPS_MAX = 50;

function resolved(part: Part): Resolved {
  return { part, key: keyOf(part) };
}

function keyOf(part: Part): string {
  return `${part.place.file}#${pointerOf(part.place)}`;
}

function decode(fragment: string): string {
  if (!fragment.includes('%')) return fragment;
  try {
    return decodeURIComponent(fragment);
  } catch {
    // Not percent-encoding after all: a name may hold a bare "%".
    return fragment;
  }
}

/** A relative reference against the file it stands in; `undefined` when it leads out of the workspace. */
function resolveFile(base: string, way: string): string | undefined {
  const path = posix.normalize(posix.join(posix.dirname(base), decode(way.split('?')[0]!)));
  return path.startsWith('../') || path === '..' || posix.isAbsolute(decode(way)) ? undefined : path;
}

function referencedFiles(value: unknown, base: string): Set<string> {
  const files = new Set<string>();
  const visit = (part: unknown): void => {
    if (Array.isArray(part)) for (const item of part) typeof item === 'object' && visit(item);
    else if (isObject(part)) {
      const ref = part['$ref'];
      if (typeof ref === 'string' && !ref.startsWith('#') && !/^(?:[a-z][a-z\d+.-]*:|\/\/)/i.test(ref)) {
        const file = resolveFile(base, ref.split('#')[0]!);
        if (file !== undefined && file !== base) files.add(file);
      }
      for (const key in part) typeof part[key] === 'object' && visit(part[key]);
    }
  };
  visit(value);
  return files;
}
