import type { ChangeSeverity } from '../finding.ts';

/** What is known of a kind of change before it is seen. */
export interface ChangeRule {
  /** Where such a change can stand. `both`: what it means depends on the direction of the position. */
  readonly direction: 'request' | 'response' | 'both' | 'none';
  /** Where it does its harm; a schema change that is proved harmless is reported as `info` or `source`. */
  readonly severity: ChangeSeverity;
  readonly title: string;
  readonly why: string;
  readonly fix: string;
  /** The rule for the same change made the other way round. */
  readonly mirror?: string;
}

export type ChangeRules = Readonly<Record<string, ChangeRule>>;

export const NEW_VERSION = 'Keep what was there and add the new beside it, or publish a new version.';
