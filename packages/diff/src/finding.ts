import type { Json, Location } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import type { RuleId } from './rules/registry.ts';

/**
 * How bad a change is, worst first.
 *
 * - `breaking`: what the one side sends by its contract, the other refuses.
 * - `risky`: allowed by the letter, and known to hurt: open content, a new enum value, another default.
 * - `policy`: breaks an agreement about change itself: sunset, security, version.
 * - `source`: generated types change, messages do not.
 * - `info`: worth a line in the changelog.
 */
export type ChangeSeverity = 'breaking' | 'risky' | 'policy' | 'source' | 'info';

export const SEVERITIES: readonly ChangeSeverity[] = ['breaking', 'risky', 'policy', 'source', 'info'];

/** Which way the values travel that a finding is about, seen from us, the caller. */
export type FindingDirection = 'request' | 'response' | 'both' | 'none';

export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One expression of one pipeline that a finding hits. */
export interface Victim {
  readonly pipeline: string;
  readonly step: string;
  readonly expression: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly owner: string;
  /** The same place with its range: for code frames. Not part of the JSON output. */
  readonly location: Location;
}

/** Why a finding no longer blocks. */
export interface AcceptedBy {
  readonly reason: string;
  readonly owner: string;
  /** Last day on which it holds: `2027-03-31`. */
  readonly expires: string;
}

export interface Finding {
  readonly rule: RuleId;
  readonly severity: ChangeSeverity;
  readonly direction: FindingDirection;
  /** The first operation or event it touches, in document order; absent for a change to the contract as a whole. */
  readonly operation: string | null;
  /** All of them. */
  readonly operations: readonly string[];
  /** JSON Pointers into the source documents. Absent on the side that does not have it. */
  readonly pointer: { readonly base: string | null; readonly revision: string | null };
  readonly at: { readonly base: Place | null; readonly revision: Place | null };
  /** As `at`, with ranges: for code frames. Not part of the JSON output. */
  readonly locations: { readonly base: Location | undefined; readonly revision: Location | undefined };
  readonly message: string;
  /** A message that one version accepts and the other refuses, as Ajv confirmed of both; absent where none exists. */
  readonly witness: Json | undefined;
  /** Where in the witness the offence is. */
  readonly witnessAt: string | null;
  readonly acceptedBy: 'base' | 'revision' | null;
  /** The schema that refuses the witness, as it holds in this direction: what a contract test is written from. */
  readonly refusal?: {
    readonly schema: JsonSchema;
    readonly definitions: Readonly<Record<string, JsonSchema>>;
  };
  readonly usage: readonly Victim[];
  /** `unknown` without pipelines to look at. */
  readonly impact: 'used' | 'unused' | 'unknown';
  readonly fingerprint: string;
  /** The accepted waiver that covers it. */
  readonly waiver?: AcceptedBy;
}

/** A position for which neither a proof nor a witness was found. It needs a person, and is never green. */
export interface Undecided {
  readonly keyword: string;
  readonly direction: FindingDirection;
  readonly operation: string | null;
  readonly operations: readonly string[];
  readonly pointer: { readonly base: string | null; readonly revision: string | null };
  readonly at: { readonly base: Place | null; readonly revision: Place | null };
  readonly locations: { readonly base: Location | undefined; readonly revision: Location | undefined };
  readonly message: string;
  readonly fingerprint: string;
  readonly waiver?: AcceptedBy;
}

export interface DiffReport {
  readonly contract: string;
  readonly base: { readonly version: string; readonly digest: string };
  readonly revision: { readonly version: string; readonly digest: string };
  readonly checked: { readonly operations: number; readonly messages: number; readonly schemas: number };
  readonly findings: readonly Finding[];
  readonly undecided: readonly Undecided[];
  /** What blocks, by the contract's policy (`contract.yaml`); `undefined`: the default. */
  readonly blocks?: readonly string[];
}
