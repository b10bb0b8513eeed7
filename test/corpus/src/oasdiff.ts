import { type Contract, loadContractText } from '@tenon/contract';
import { blockingOf, type DiffReport, diffContracts } from '@tenon/diff';
import { readLines } from './containment.ts';

export interface OasdiffPair {
  readonly name: string;
  readonly openapi: string;
  readonly verdict: 'breaking' | 'warning' | 'info' | 'none';
  readonly expected: readonly {
    readonly id: string;
    readonly level: string;
    readonly operation: string;
    readonly path: string;
  }[];
  readonly base: unknown;
  readonly revision: unknown;
}

/** Why a verdict other than oasdiff's stands; see `oasdiff.adjudicated.json`. */
export interface Adjudication {
  readonly name: string;
  /**
   * `witness`: we show a value; `vacuous`: proved that no message changes its verdict; `policy`: an agreement about
   * change, which we refuse under another severity; `argument`: neither, see `because`.
   */
  readonly by: 'witness' | 'vacuous' | 'policy' | 'argument';
  readonly because: string;
}

export interface OasdiffResult {
  readonly pair: OasdiffPair;
  readonly report: DiffReport;
  readonly isBreaking: boolean;
  /** Refused by the default policy: breaking, undecided, a broken agreement, another default of a parameter. */
  readonly isRefused: boolean;
}

export function oasdiffPairs(): readonly OasdiffPair[] {
  return readLines('oasdiff/dev.jsonl.gz') as readonly OasdiffPair[];
}

export async function runOasdiff(
  pairs: readonly OasdiffPair[],
  now: number,
): Promise<readonly OasdiffResult[]> {
  const results: OasdiffResult[] = [];
  for (const pair of pairs) {
    const [base, revision] = [await load(pair.base, 'base.json'), await load(pair.revision, 'revision.json')];
    const report = diffContracts(base, revision, { now });
    const isBreaking = report.findings.some((finding) => finding.severity === 'breaking');
    const { findings, undecided } = blockingOf(report);
    const isRefused = findings.length + undecided > 0;
    results.push({ pair, report, isBreaking, isRefused });
  }
  return results;
}

async function load(document: unknown, file: string): Promise<Contract> {
  const loaded = await loadContractText('case', file, JSON.stringify(document));
  if (!loaded.value) throw new Error(`${file} does not load: ${loaded.diagnostics[0]?.message}`);
  return loaded.value;
}

/** Rules of oasdiff about the set of values that a schema accepts, told by the level it gives them. */
export function isValueSetBreak(id: string): boolean {
  const isSchema =
    /^(request|response)-(body|property|parameter|header|mediatype|read-only|write-only|optional|required)/.test(
      id,
    ) || /^new-required-request-property/.test(id);
  return isSchema && !NOT_VALUES.test(id);
}

const NOT_VALUES =
  /stability|sunset|deprecat|default|media-type-(added|removed|name)|added-(required|optional)$|body-(removed|became-(required|optional)|added)|parameter-(removed|became-(required|optional))|content-(encoding|media-type|schema)|extensible|header-(removed|added|became-(required|optional))|reactivated/;
