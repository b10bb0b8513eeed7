import {
  type ApartDetail,
  type Approver,
  type AskedApproval,
  givenTo,
} from '../../interpreter/several-approvals.ts';
import type { JournalRow, OpeningRow } from '../file/run-row.ts';
import type { StoredRows } from '../file/stored-rows.ts';

export interface GivenApproval extends Approver {
  readonly atMs: number;
}

/** Reads what is asked of several openings; what was given in a run is read once. */
export class AskedApprovals {
  readonly #stored: StoredRows;
  readonly #given = new Map<number, ReadonlyMap<string, JournalRow>>();

  constructor(stored: StoredRows) {
    this.#stored = stored;
  }

  of({ run_seq: run, key, detail }: OpeningRow): AskedApproval<GivenApproval> {
    // As `apartOf` made it; empty where it cannot be read.
    const { count = 1, except = [], exceptRequester }: ApartDetail = JSON.parse(detail);
    const requester = exceptRequester ? this.#stored.requesterOf(run) : undefined;
    return {
      count,
      given: count === 1 ? [] : givenTo(key, (row) => approvalIn(this.#rowsOf(run).get(row))),
      except: requester === undefined ? except : [...new Set([requester, ...except])],
    };
  }

  #rowsOf(run: number): ReadonlyMap<string, JournalRow> {
    const rows = this.#given.get(run) ?? new Map(this.#stored.given(run).map((row) => [row.key, row]));
    this.#given.set(run, rows);
    return rows;
  }
}

function approvalIn(row: JournalRow | undefined): GivenApproval | undefined {
  if (row === undefined) return undefined;
  // As `decide` wrote it.
  const { value } = JSON.parse(row.value) as { readonly value: Approver };
  return { actor: value.actor, reason: value.reason, atMs: row.at };
}

/** As it is shown: nothing where one person decides, whoever that is. */
export function shownAsked({ count, given, except }: AskedApproval<GivenApproval>) {
  return {
    ...(count > 1 && { count, given }),
    ...(except.length > 0 && { except }),
  };
}
