import type { ConnectorManifest, ConnectorModule } from '@tenon/connector';
import type { Contract } from '@tenon/contract';
import type { Diagnostic, Json, JsonObject } from '@tenon/model';

/** A connector as it lies in its folder, read and joined to its contract: what the kit judges. */
export interface Subject {
  readonly manifest: ConnectorManifest;
  readonly contract: Contract;
  /** Its own code; empty where the manifest says it all. */
  readonly module: ConnectorModule;
  /** What reading it, and holding it against its contract, found. */
  readonly diagnostics: readonly Diagnostic[];
  /** The README beside the manifest. */
  readonly readme?: string;
  readonly fixtures: Fixtures;
  /** The version before this one, to hold the version number against what has changed. */
  readonly previous?: Previous;
}

export interface Previous {
  /** What it is, for people: `origin/main`. */
  readonly name: string;
  readonly manifest: ConnectorManifest;
  readonly contract: Contract;
}

/** `fixtures/conformance.yaml`: what cannot be made up from the contract. Everything in it is optional. */
export interface Fixtures {
  /** Input by operation; otherwise the contract's own example, else one that is made. */
  readonly inputs: Readonly<Record<string, JsonObject>>;
  /** Rows that the sandbox begins with, by resource. */
  readonly data: Readonly<Record<string, readonly JsonObject[]>>;
  /** Bodies that meet the `when` of a failure rule, by operation (`defaults` for those of all), in order of the rules. */
  readonly failures: Readonly<Record<string, readonly Json[]>>;
  readonly events: Readonly<Record<string, Json>>;
  /** Input of the compensation, by the operation it undoes: JSON Pointers into `{ result, request }`. */
  readonly compensations: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/**
 * As a sandbox takes it that follows the contract alone, so that a manifest that says otherwise is found out: only where tokens come from is the
 * manifest's to say.
 */
export function followingContract(manifest: ConnectorManifest): ConnectorManifest {
  return { ...manifest, operations: {}, sources: {} };
}

export const NO_FIXTURES: Fixtures = { inputs: {}, data: {}, failures: {}, events: {}, compensations: {} };
