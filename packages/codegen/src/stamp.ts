import type { ConnectorManifest } from '@tenon/connector';
import type { Contract, ContractUsage } from '@tenon/contract';
import { digestOf, isObject, type JsonObject, sha256 } from '@tenon/model';
import { GENERATOR, type GeneratedFile } from './generated-file.ts';

/**
 * `generated/<contract>/stamp.json`: from what a folder was made, and what was made. While neither has changed, the
 * contract need not be generated again; where only a file has, it was edited by hand.
 */
export interface Stamp {
  readonly generator: { readonly version: string; readonly revision: string };
  readonly contract: { readonly name: string; readonly version: string; readonly digest: string };
  /** Digest of all that the files depend on. */
  readonly input: string;
  /** Digest of each file by its path below the folder. */
  readonly files: Readonly<Record<string, string>>;
}

export const STAMP_FILE = 'stamp.json';

/** Digest of contract, connector, what pipelines use of it, example inputs, and the generator itself. */
export function inputDigest(
  contract: Contract,
  manifest: ConnectorManifest | undefined,
  usage: readonly ContractUsage[],
  inputs: Readonly<Record<string, JsonObject>> = {},
): string {
  return digestOf({
    generator: GENERATOR,
    contract: {
      name: contract.name,
      digest: contract.digest,
      document: contract.files[0],
      steward: contract.policy?.steward,
    },
    manifest,
    inputs,
    // Only what generation reads of it: an expression moved to another line, or written another way, changes nothing.
    usage: usage
      .filter((entry) => entry.contract === contract.name)
      .map(({ pipeline, target, access, path, comparedWith, values }) => ({
        pipeline,
        target,
        access,
        path,
        comparedWith,
        values,
      })),
  });
}

export function stampFile(
  contract: Contract,
  input: string,
  files: readonly GeneratedFile[],
  folder: string,
): GeneratedFile {
  const stamp: Stamp = {
    generator: GENERATOR,
    contract: { name: contract.name, version: contract.version, digest: contract.digest },
    input,
    files: Object.fromEntries(files.map(({ path, text }) => [path.slice(folder.length + 1), sha256(text)])),
  };
  return { path: `${folder}/${STAMP_FILE}`, text: `${JSON.stringify(stamp, null, 2)}\n` };
}

/** The stamp in a file, or `undefined` when it is none: such a folder is generated anew. */
export function readStamp(text: string | undefined): Stamp | undefined {
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Half written, or a merge conflict: as good as none.
    return undefined;
  }
  if (!isObject(value) || typeof value['input'] !== 'string' || !isObject(value['files'])) return undefined;
  // The members that are read from it were looked at just now.
  return value as unknown as Stamp;
}

/** Are the folder's files what the stamp says, every one and no other? */
export function isIntact(stamp: Stamp, folder: string, existing: ReadonlyMap<string, string>): boolean {
  return Object.entries(stamp.files).every(([file, digest]) => {
    const text = existing.get(`${folder}/${file}`);
    return text !== undefined && sha256(text) === digest;
  });
}
