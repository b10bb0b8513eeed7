import type { PositionedDocument } from '@tenon/document';
import { isObject } from '@tenon/model';
import { exec, type JsonValue } from 'jsonpath-rfc9535';
import type { Findings } from './findings.ts';
import { type Part, setOwn } from './part.ts';
import { ShapeChecker } from './shape.ts';
import { overlayShapes } from './shapes-tenon.ts';
import type { Sources } from './sources.ts';

/**
 * Applies an OpenAPI Overlay 1.0 to the entry document, in memory. What it adds keeps its place in the overlay's file,
 * so that a diagnostic about it points there.
 */
export async function applyOverlay(
  file: string,
  document: PositionedDocument,
  sources: Sources,
  findings: Findings,
): Promise<void> {
  await sources.open(file);
  const overlay = sources.root(file);
  if (!overlay) {
    if (!sources.isUnreadable(file)) findings.addMissingFile(file);
    return;
  }
  new ShapeChecker({ shapes: overlayShapes, findings, sources, version: '1.0' }).check(overlay, 'overlay');
  sources.noteOverlay(file);
  sources.replaceValue(document.file, unshared(document.value));
  for (const action of overlay.get('actions')?.items() ?? []) {
    const target = action.text('target');
    if (target === undefined) continue;
    new Action({ action, target, file: document.file, sources, findings }).apply();
  }
}

type Path = readonly (string | number)[];

class Action {
  readonly #action: Part;
  readonly #target: string;
  readonly #file: string;
  readonly #sources: Sources;
  readonly #findings: Findings;

  constructor(parts: {
    readonly action: Part;
    readonly target: string;
    readonly file: string;
    readonly sources: Sources;
    readonly findings: Findings;
  }) {
    this.#action = parts.action;
    this.#target = parts.target;
    this.#file = parts.file;
    this.#sources = parts.sources;
    this.#findings = parts.findings;
  }

  apply(): void {
    const paths = this.#select();
    if (!paths) return;
    if (paths.length === 0) {
      this.#findings.add('contract-overlay-target-nothing', this.#action.get('target')!, {
        message: `${JSON.stringify(this.#target)} selects nothing in ${this.#file}`,
      });
      return;
    }
    // From the last to the first, so that taking an item out of a list moves none that is still to go.
    if (this.#action.flag('remove')) for (const path of [...paths].reverse()) this.#remove(path);
    else for (const path of paths) this.#update(path);
  }

  #select(): Path[] | undefined {
    const root = this.#sources.root(this.#file)!;
    const paths: Path[] = [];
    try {
      // A document's value is JSON: its parser gives nothing else.
      exec(root.value as JsonValue, this.#target, (_, path) => void paths.push([...path]));
      return paths;
    } catch (caught) {
      this.#findings.add('contract-overlay-target-invalid', this.#action.get('target')!, {
        message: `${JSON.stringify(this.#target)} is no JSONPath (RFC 9535): ${caught instanceof Error ? caught.message : 'it cannot be read'}`,
      });
      return undefined;
    }
  }

  #at(path: Path): Part | undefined {
    let here = this.#sources.root(this.#file);
    for (const token of path) here = here?.get(String(token));
    return here;
  }

  #remove(path: Path): void {
    const holder = this.#at(path.slice(0, -1));
    const key = String(path.at(-1));
    if (!holder || path.length === 0) return;
    if (!Array.isArray(holder.value)) {
      // `holder` was selected through this key, so it is an object.
      delete (holder.value as Record<string, unknown>)[key];
      return;
    }
    const list: unknown[] = holder.value;
    const places = [...holder.items()].map((item) => item.place);
    list.splice(Number(key), 1);
    places.splice(Number(key), 1);
    for (const [index, place] of places.entries()) this.#sources.graft(list, String(index), place);
  }

  #update(path: Path): void {
    const update = this.#action.get('update');
    const target = this.#at(path);
    if (!update || !target) return;
    if (Array.isArray(target.value)) this.#append(target.value, update);
    else if (isObject(target.value) && isObject(update.value)) this.#merge(target.value, update);
    else if (isObject(target.value))
      this.#findings.add('contract-overlay-update-kind', update, {
        message: `${JSON.stringify(this.#target)} selects an object: the update must be an object too`,
      });
    else this.#replace(path, update);
  }

  /** Overlay 1.1 lets an update take the place of a text or number; 1.0 does not say. */
  #replace(path: Path, update: Part): void {
    const holder = this.#at(path.slice(0, -1));
    if (!holder || path.length === 0 || typeof holder.value !== 'object' || holder.value === null) return;
    this.#put(holder.value, String(path.at(-1)), update);
  }

  #merge(target: Record<string, unknown>, update: Part): void {
    for (const [key, part] of update.entries()) {
      const present = Object.hasOwn(target, key) ? target[key] : undefined;
      if (isObject(present) && isObject(part.value)) this.#merge(present, part);
      else if (Array.isArray(present) && Array.isArray(part.value))
        for (const item of part.items()) this.#append(present, item);
      else this.#put(target, key, part);
    }
  }

  #append(list: unknown[], item: Part): void {
    list.push(unshared(item.value));
    this.#sources.graft(list, String(list.length - 1), item.place);
  }

  #put(holder: object, key: string, part: Part): void {
    // `holder` is a list or an object of the document; both take members by name.
    setOwn(holder as Record<string, unknown>, key, unshared(part.value));
    this.#sources.graft(holder, key, part.place);
  }
}

/** A copy in which no part is shared (YAML aliases share), so that changing one place changes that place only. */
function unshared(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unshared);
  if (!isObject(value)) return value;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) setOwn(copy, key, unshared(value[key]));
  return copy;
}
