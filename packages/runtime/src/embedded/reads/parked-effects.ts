import type { Plan, PlanStep } from '@tenon/pipeline';
import type { Interruption } from '../../engine.ts';
import { PASSED } from '../../interpreter/carry-out.ts';
import { isOfUndoing } from '../control/operations.ts';
import type { JournalRow, OpeningRow, RunRow } from '../file/run-row.ts';
import { BROKEN } from '../work/activations.ts';
import { STOP } from '../work/step-rows.ts';
import { FAILED } from '../work/strand-memory.ts';
import { type PlacedStep, placedSteps } from './placed-steps.ts';
import type { Queries } from './queries.ts';
import { stepRecords } from './step-records.ts';

/** The letter of a run that is parked at an effect, or why it is not parked at that one: in words, with what is to be done. */
export function parkedEffect(
  queries: Queries,
  run: RunRow,
  place: string,
): { readonly letter: OpeningRow } | { readonly why: string } {
  const { run_id: runId, state, seq } = run;
  const letters = queries.openingsOf(seq).filter(({ kind }) => kind === 'deadLetter');
  const [letter] = letters;
  if (state !== 'failed' || letter === undefined)
    // A cancellation closes the letter before the run heeds it.
    return {
      why: `the run is not parked at ${place}: it ${state === 'failed' ? 'was cancelled before' : `is ${state}`}`,
    };
  const undoing = letters.find(isOfUndoing);
  if (undoing !== undefined)
    return {
      why: `the run is parked at ${undoing.step}, an undoing: resume it (\`tenon dead-letters resume ${runId}\`), or undo that by hand and say so with \`tenon runs undone\``,
    };
  if (letter.key.startsWith(BROKEN))
    return {
      why: `what stopped the run at ${letter.step} is no answer of the target: mend that and resume the run (\`tenon dead-letters resume ${runId}\`)`,
    };
  const plan = queries.planOf(run);
  const journal = queries.journalOf(seq);
  const placed = placedSteps(plan.steps, journal);
  const found = placed.find((one) => one.place === place);
  if (found?.step.kind === 'run') {
    const child = queries.childrenOf(seq).find(({ parent_step: step }) => step === place);
    if (child !== undefined)
      return {
        why: `${place} runs another pipeline: say it of run ${child.run_id} (${child.pipeline}) at the step that it is parked at, then resume this one`,
      };
  }
  const inside =
    found === undefined || !BLOCKS.has(found.step.kind)
      ? []
      : parkedEffects(plan, run, [letter], journal).filter((one) => isInside(found, one, placed));
  if (inside.length > 0)
    return {
      why: `${place} is a ${found!.step.kind}; what can be done by hand is inside of it: ${inside.join(', ')} (\`tenon runs done ${runId} '${inside[0]}' --reason …\`)`,
    };
  const at = parkedEffects(plan, run, [letter], journal);
  const where = at.length === 0 ? letter.step : at.join(', ');
  if (found !== undefined && !isEffect(plan, found.step)) {
    const none = `${place} has no effect that could be done by hand (${found.step.kind === 'call' ? 'it reads' : `its kind is ${found.step.kind}`})`;
    const isHere = found.key === letter.step || isEnd(found.key, letter.step, strandEnds(journal));
    return {
      why: isHere
        ? `${none}: mend what it fails of and resume the run, or cancel it`
        : `${none}, and the run is parked elsewhere, at ${where} (\`tenon runs show ${runId}\`)`,
    };
  }
  if (found !== undefined && parkedAt(plan, run, letter, journal, placed).includes(found)) return { letter };
  return { why: `the run is not parked at ${place}, but at ${where} (\`tenon runs show ${runId}\`)` };
}

const BLOCKS: ReadonlySet<PlanStep['kind']> = new Set<PlanStep['kind']>(['forEach', 'parallel']);

function isInside(block: PlacedStep, place: string, placed: readonly PlacedStep[]): boolean {
  const key = placed.find((one) => one.place === place)?.key ?? '';
  return key.startsWith(`${block.key}[`) || key.startsWith(`${block.key}.`);
}

/** Places of the effects that a run is parked at, each of which a person may do by hand. */
export function parkedEffects(
  plan: Plan,
  run: RunRow,
  openings: readonly OpeningRow[],
  journal: readonly JournalRow[],
): readonly string[] {
  const letter = openings.find(({ kind }) => kind === 'deadLetter');
  if (run.state !== 'failed' || letter === undefined) return [];
  if (openings.some(isOfUndoing) || letter.key.startsWith(BROKEN)) return [];
  return parkedAt(plan, run, letter, journal, placedSteps(plan.steps, journal)).map(({ place }) => place);
}

/** The step of the letter; of a block, those that its strands have ended at. */
function parkedAt(
  plan: Plan,
  run: RunRow,
  letter: OpeningRow,
  journal: readonly JournalRow[],
  placed: readonly PlacedStep[],
): readonly PlacedStep[] {
  const effects = placed.filter(({ step }) => isEffect(plan, step));
  const own = effects.find(({ key }) => key === letter.step);
  if (own !== undefined) return [own];
  const ends = strandEnds(journal);
  if (ends.size === 0) return [];
  const states = new Map(stepRecords(plan, run, journal).map(({ id, state }) => [id, state]));
  const stops = stopped(journal);
  return effects.filter((one) => {
    const state = states.get(one.place);
    if (state !== undefined && state !== 'failed') return false;
    return isEnd(one.key, letter.step, ends) && hasFailedItself(one, journal, stops);
  });
}

/** Places at which strands were stopped for the sake of others. */
function stopped(journal: readonly JournalRow[]): readonly string[] {
  return journal.flatMap(({ key, value }) => {
    if (!key.startsWith(STOP)) return [];
    // Stored by a strand's `#interruption`.
    return (JSON.parse(value) as Interruption).kind === 'stopped' ? [key.slice(STOP.length)] : [];
  });
}

/**
 * Did one of its ends come of itself? What was only ever stopped goes on as soon as the block does, by a word on another effect too: done by
 * hand meanwhile, it would be sent besides. Of a write that is based on a read, which is read again before it, that cannot be told where the
 * reading was stopped.
 */
function hasFailedItself(
  { step, key }: PlacedStep,
  journal: readonly JournalRow[],
  stops: readonly string[],
): boolean {
  const stopsAt = (name: string): number =>
    stops.filter((place) => place.startsWith(name) && /^[#/]/.test(place.slice(name.length))).length;
  const basis = step.kind === 'call' ? step.basedOn : undefined;
  const strand = key.slice(0, key.lastIndexOf('|') + 1);
  if (basis !== undefined && [basis.read, ...basis.again].some((id) => stopsAt(strand + id) > 0))
    return false;
  const ends = journal.filter((row) => row.key.startsWith(`${FAILED}${key}/`)).length;
  return ends > stopsAt(key);
}

/** By strand, the step that it has ended at in the last of its rounds; none where it left that out, and came to its end. */
function strandEnds(journal: readonly JournalRow[]): ReadonlyMap<string, string> {
  const ends = new Map<string, StrandRow>();
  for (const { key } of journal) {
    const row = strandRow(key);
    if (row === undefined) continue;
    const before = ends.get(row.strand);
    // What it has failed at in the same round comes after what it left out.
    const isLater =
      before === undefined ||
      row.round > before.round ||
      (row.round === before.round && row.failedAt !== undefined);
    if (isLater) ends.set(row.strand, row);
  }
  return new Map(
    [...ends].flatMap(([strand, { failedAt }]): [string, string][] =>
      failedAt === undefined ? [] : [[strand, failedAt]],
    ),
  );
}

interface StrandRow {
  readonly strand: string;
  readonly round: number;
  /** Absent where it left out a step that it had failed at. */
  readonly failedAt?: string;
}

function strandRow(key: string): StrandRow | undefined {
  const isFailure = key.startsWith(FAILED);
  if (!isFailure && !key.includes(PASSED)) return undefined;
  const at = key.lastIndexOf('|') + 1;
  const slash = key.lastIndexOf('/');
  const strand = key.slice(isFailure ? FAILED.length : 0, at);
  const round = Number(key.slice(slash + 1));
  return isFailure ? { strand, round, failedAt: key.slice(at, slash) } : { strand, round };
}

/** Has its strand ended at it, and each around it at the block that it is in, up to the one of the letter? */
function isEnd(key: string, block: string, ends: ReadonlyMap<string, string>): boolean {
  const parts = key.split('|');
  // A branch is named `block.branch`, an item `block[key]`.
  const ids = parts.map((part) => part.split(/[.[]/, 1)[0]);
  return parts.every((_, depth) =>
    depth === 0 ? ids[0] === block : ends.get(`${parts.slice(0, depth).join('|')}|`) === ids[depth],
  );
}

function isEffect({ operations }: Plan, step: PlanStep): boolean {
  const effect = step.kind === 'call' ? operations[step.operation]?.effect : undefined;
  return effect !== undefined && effect !== 'read';
}
