import type { Checked } from '@tenon/model';
import type { Contract } from './ir.ts';

/** Reads a file of the workspace; never the network. `undefined` when there is no such file. */
export interface FileReader {
  read(file: string): Promise<string | undefined>;
}

/** Reads below `root` only: a path that leads out of it is not found. */
export declare function nodeFileReader(root: string): FileReader;

export interface ContractSource {
  readonly name: string;
  /** The entry document, relative to the reader's root. */
  readonly document: string;
  readonly overlay?: string;
  /** `contract.yaml`. */
  readonly policy?: string;
}

/**
 * Loads OpenAPI 3.0, 3.1, 3.2 or AsyncAPI 2.6, 3.0. All that is wrong is in `diagnostics`, each with file, line and
 * column; `value` is there whenever enough of the document can be read to work with it.
 */
export declare function loadContract(source: ContractSource, files: FileReader): Promise<Checked<Contract>>;
