import type { ConnectorManifest } from '@tenon/connector';
import type { Contract, ContractUsage, Named } from '@tenon/contract';
import { digestOf, isObject, type JsonObject, sha256 } from '@tenon/model';
import { GENERATOR, type GeneratedFile } from './generated-file.ts';

/**
 * From what a folder was made, and what was made. While neither has changed, the contract need not be generated again; where
 * only a file has, it was edited by hand. It is kept beside the workspace and not committed: it changes with every change of a
 * contract or of a pipeline that uses it, so any two branches would conflict in it.
 */
export interface Stamp {
  /** Digest of all that the files depend on. */
  readonly input: string;
  /** Digest of each file by its path below the folder. */
  readonly files: Readonly<Record<string, string>>;
}

/** Texts of stamps, by contract. */
export type Stamps = ReadonlyMap<string, string>;

/** Digest of contract, connector, what pipelines use of it, example inputs, and the generator itself. */
export function inputDigest({
  contract,
  manifest,
  wanted,
  usage,
  inputs,
}: {
  readonly contract: Contract;
  readonly manifest: ConnectorManifest | undefined;
  readonly wanted: Named | undefined;
  readonly usage: readonly ContractUsage[];
  readonly inputs: Readonly<Record<string, JsonObject>>;
}): string {
  return digestOf({
    generator: GENERATOR,
    contract: {
      name: contract.name,
      digest: contract.digest,
      document: contract.files[0],
      steward: contract.policy?.steward,
    },
    manifest,
    wanted: wanted && { operations: [...wanted.operations], events: [...wanted.events] },
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

export function stampOf(input: string, files: readonly GeneratedFile[], folder: string): string {
  const stamp: Stamp = {
    input,
    files: Object.fromEntries(files.map(({ path, text }) => [path.slice(folder.length + 1), sha256(text)])),
  };
  return JSON.stringify(stamp);
}

/** The stamp in a text, or `undefined` when it is none: such a folder is generated anew. */
export function readStamp(text: string | undefined): Stamp | undefined {
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Half written: as good as none.
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
