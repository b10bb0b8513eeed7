import type { Contract, ContractUsage, UsageBetween } from '@tenon/contract';
import { compareText, digestOf, isObject, type Json, type Location, toPointer } from '@tenon/model';
import { compareContracts } from './compare/contracts.ts';
import { checkDates, isVersionRaised } from './compare/lifecycle.ts';
import type { DirectChange, Position, Sink } from './compare/positions.ts';
import { type LocalChange, type Pair, SchemaDiffer } from './compare/schemas.ts';
import { usageNamedByBase } from './compare/usage-by-base.ts';
import {
  callOf,
  directVictims,
  HITS_OMITTERS,
  isSaying,
  operationsOf,
  SchemaVictims,
} from './compare/victims.ts';
import { writtenAs } from './compare/wire.ts';
import { isRefused, liftWitness, refusalOf } from './compare/witness.ts';
import {
  type ChangeSeverity,
  type DiffReport,
  type Finding,
  type FindingDirection,
  type Place,
  SEVERITIES,
  type Undecided,
  type Victim,
} from './finding.ts';
import { changeRules, type RuleId } from './rules/registry.ts';
import { subjectOf, victimOf } from './usage.ts';

export interface DiffOptions {
  /**
   * What the workspace's pipelines use of both: `before`, named as the base names it, and `after`, for those that were changed
   * along with it, as the revision does. Left out: nobody looked, and every impact is `unknown`.
   */
  readonly usage?: UsageBetween;
  /** Milliseconds since 1970, for sunset dates. Left out: dates are not checked. */
  readonly now?: number;
}

/**
 * Says what changed between two versions of a contract and whom it hits. Every `breaking` verdict about a schema has
 * a witness; a schema change without one is proved harmless, or is listed as undecided.
 */
export function diffContracts(base: Contract, revision: Contract, options: DiffOptions = {}): DiffReport {
  const collected = collect(base, revision, options);
  const builder = new ReportBuilder(base, revision, collected, options);
  return builder.report();
}

interface Collected {
  readonly positions: readonly Position[];
  readonly changes: readonly DirectChange[];
}

function collect(base: Contract, revision: Contract, options: DiffOptions): Collected {
  const positions: Position[] = [];
  const changes: DirectChange[] = [];
  const sink: Sink = {
    position: (position) => {
      positions.push(position);
    },
    change: (change) => {
      changes.push(change);
    },
  };
  if (base.digest !== revision.digest) compareContracts(base, revision, options, sink);
  if (options.now !== undefined) checkDates({ base, revision, now: options.now }, sink);
  return { positions, changes };
}

/** Where a schema change is reached from. */
interface Reach {
  readonly operations: Set<string>;
  /** The first ways to it. */
  readonly ways: { readonly position: Position; readonly path: readonly string[] }[];
  /** On one of all ways senders may leave the value out. */
  canBeAbsent: boolean;
}

/** Ways to a change that are tried when its witness has to be grown to a whole message. */
const WAYS_MAX = 3;

/** Witnesses that are grown to a whole message, at most: each asks the solver once more. */
const LIFTS_MAX = 400;

class ReportBuilder {
  private readonly base: Contract;
  private readonly revision: Contract;
  private readonly collected: Collected;
  private readonly options: DiffOptions;
  private readonly differ: SchemaDiffer;
  private readonly reached = new Map<LocalChange, Reach>();
  private readonly order: ReadonlyMap<string, number>;
  private readonly ofBase: readonly ContractUsage[] | undefined;
  private lifts = 0;

  constructor(base: Contract, revision: Contract, collected: Collected, options: DiffOptions) {
    this.base = base;
    this.revision = revision;
    this.collected = collected;
    this.options = options;
    this.differ = new SchemaDiffer(base, revision, options.now);
    this.ofBase = options.usage?.before.filter(({ contract }) => contract === base.name);
    const names = [
      ...base.operations.keys(),
      ...base.events.keys(),
      ...revision.operations.keys(),
      ...revision.events.keys(),
    ];
    this.order = new Map([...new Set(names)].map((name, i) => [name, i]));
  }

  report(): DiffReport {
    const usage = usageNamedByBase(this.base, this.revision, this.options.usage);
    const victims = usage && new SchemaVictims(usage, (schema, value) => this.differ.takes(schema, value));
    for (const position of this.collected.positions) {
      const pair = this.differ.compareRoot(position.direction, position.base, position.revision);
      if (pair.changes.length + pair.below.length === 0) continue;
      this.reach(position, pair);
      victims?.look(position, pair);
    }
    const findings: Finding[] = [];
    const undecided: Undecided[] = [];
    for (const [change, reach] of this.reached) {
      const finding = this.schemaFinding(change, reach, victims);
      if (change.undecided !== undefined)
        undecided.push({ ...asUndecided(finding), keyword: change.undecided });
      else findings.push(finding);
    }
    for (const change of this.collected.changes) findings.push(this.directFinding(change, usage));
    findings.push(...this.renames());
    const merged = mergeDirections(findings);
    const breaking = merged.filter((finding) => finding.severity === 'breaking');
    if (breaking.length > 0 && this.revision.policy && !isVersionRaised(this.base, this.revision))
      merged.push(this.versionFinding(breaking));
    return {
      contract: this.base.name,
      base: { version: this.base.version, digest: this.base.digest },
      revision: { version: this.revision.version, digest: this.revision.digest },
      checked: {
        operations: new Set([...this.base.operations.keys(), ...this.revision.operations.keys()]).size,
        messages: countMessages(this.base),
        schemas: this.collected.positions.length,
      },
      findings: merged.sort(compareFindings),
      undecided: uniqueBy(undecided, (each) => each.fingerprint).sort((a, b) =>
        compareText(a.pointer.base ?? a.pointer.revision ?? '', b.pointer.base ?? b.pointer.revision ?? ''),
      ),
      ...(this.revision.policy?.blocks && { blocks: this.revision.policy.blocks }),
    };
  }

  /** Notes for every change below a position that the position reaches it, and by which path. */
  private reach(position: Position, root: Pair): void {
    // A place that is always sent on one way is looked at again where it can be left out on another.
    const seen = { always: new Set<Pair>(), absent: new Set<Pair>() };
    const queue: { readonly pair: Pair; readonly path: readonly string[]; readonly canBeAbsent: boolean }[] =
      [];
    const go = (pair: Pair, path: readonly string[], canBeAbsent: boolean): void => {
      const known = canBeAbsent ? seen.absent : seen.always;
      if (known.has(pair) || seen.absent.has(pair)) return;
      known.add(pair);
      queue.push({ pair, path, canBeAbsent });
    };
    go(root, [], position.canBeAbsent === true);
    for (let i = 0; i < queue.length; i++) {
      const { pair, path, canBeAbsent } = queue[i]!;
      const isAgain = canBeAbsent && seen.always.has(pair);
      for (const change of pair.changes) this.note(change, position, isAgain ? undefined : path, canBeAbsent);
      for (const { pair: below, tokens, canBeAbsent: its } of pair.below)
        go(below, [...path, ...tokens], tokens.length === 0 ? canBeAbsent : its === true);
    }
  }

  private note(
    change: LocalChange,
    position: Position,
    path: readonly string[] | undefined,
    canBeAbsent: boolean,
  ): void {
    const known = this.reached.get(change) ?? { operations: new Set(), ways: [], canBeAbsent: false };
    this.reached.set(change, known);
    known.operations.add(position.operation);
    known.canBeAbsent ||= canBeAbsent;
    if (path !== undefined && known.ways.length < WAYS_MAX) known.ways.push({ position, path });
  }

  private schemaFinding(change: LocalChange, reach: Reach, victims: SchemaVictims | undefined): Finding {
    const witness = change.witness === undefined ? undefined : this.grown(change.witness, reach);
    // Harmful here, and yet no message that holds it is refused: what stands around it makes it harmless.
    const isCapped = change.witness !== undefined && witness === undefined;
    const rule = ruleAt(change.rule, reach);
    const severity = isMoot(change, reach)
      ? 'info'
      : rule !== change.rule
        ? changeRules[rule].severity
        : isCapped
          ? change.severityCapped
          : change.severity;
    const { position, path } = witness?.way ?? reach.ways[0]!;
    const hits = reach.ways.some((way) => way.position.isAnswer)
      ? victims?.usage.filter((each) => reach.operations.has(subjectOf(each)))
      : rule === change.rule
        ? victims?.of(change)
        : this.omitting(reach, victims);
    const where = toPointer([...path, ...change.tail]);
    return {
      rule,
      severity: severityFor(rule, severity, hits),
      direction: position.direction,
      ...this.touched(reach.operations),
      pointer: this.pointers(change.base, change.revision),
      ...this.places(change.base, change.revision),
      message: `${change.message}, in ${position.label}${where === '' ? '' : ` at ${where}`}`,
      witness: witness?.value,
      witnessAt: witness?.at ?? null,
      acceptedBy: witness ? (position.direction === 'request' ? 'base' : 'revision') : null,
      ...(witness?.isWhole && { refusal: refusalOf(this.differ, position) }),
      usage: victimsOf(hits),
      impact: hits === undefined ? 'unknown' : hits.length > 0 ? 'used' : 'unused',
      fingerprint: this.fingerprint(rule, change.base, change.revision, change.tail.join('/')),
    };
  }

  /** Who calls the operations that a parameter's default matters to, and does not say the parameter himself. */
  private omitting(reach: Reach, victims: SchemaVictims | undefined): readonly ContractUsage[] | undefined {
    if (!victims) return undefined;
    const calls = victims.usage.filter((each) => reach.operations.has(subjectOf(each)));
    const saying = calls.filter((each) => reach.ways.some(({ position }) => isSaying(each, position)));
    const [said, pipelines] = [new Set(saying.map(callOf)), new Set(saying.map(({ pipeline }) => pipeline))];
    return calls.filter(
      (each) =>
        !said.has(callOf(each)) &&
        // Who reads an answer further down does not make the call; a call that leaves it out is here by itself.
        (each.target.kind !== 'response' || !pipelines.has(each.pipeline)),
    );
  }

  /** The whole message around a witness; `undefined` when it is proved that no message can be refused for it. */
  private grown(
    witness: Json,
    reach: Reach,
  ):
    | {
        readonly value: Json;
        readonly at: string;
        readonly way: Reach['ways'][number];
        readonly isWhole: boolean;
      }
    | undefined {
    const [first] = reach.ways;
    const local = { value: witness, at: '', way: first!, isWhole: false };
    if (this.lifts >= LIFTS_MAX) return local;
    for (const way of reach.ways) {
      this.lifts++;
      const value =
        way.path.length === 0 ? witness : liftWitness(this.differ, way.position, way.path, witness);
      if (value !== undefined && isRefused(this.differ, way.position, value))
        return { value, at: toPointer(way.path), way, isWhole: true };
    }
    if (reach.ways.length === WAYS_MAX) return local;
    const isHarmless = reach.ways.every(({ position }) =>
      this.differ.isSafeAsWhole(position.direction, position.base, position.revision),
    );
    return isHarmless ? undefined : local;
  }

  private directFinding(change: DirectChange, usage: readonly ContractUsage[] | undefined): Finding {
    const rule = changeRules[change.rule];
    // Who says the new name already is not hit by the change of it.
    const asked = change.rule === 'operation-id-changed' ? this.ofBase : usage;
    const hits = asked && directVictims(change, asked);
    const severity = change.severity ?? rule.severity;
    return {
      rule: change.rule,
      severity: severityFor(change.rule, severity, hits),
      direction: change.direction,
      ...this.touched(new Set(operationsOf(change))),
      pointer: this.pointers(change.base, change.revision),
      ...this.places(change.base, change.revision),
      message: change.message,
      witness: undefined,
      witnessAt: null,
      acceptedBy: null,
      usage: victimsOf(hits),
      impact: hits === undefined ? 'unknown' : hits.length > 0 ? 'used' : 'unused',
      fingerprint: digestOf([
        change.rule,
        this.pointers(change.base, change.revision),
        change.operation ?? '',
        change.message,
      ]).slice(7, 23),
    };
  }

  /** Components that only their names tell apart. */
  private renames(): Finding[] {
    if (this.base.digest === this.revision.digest) return [];
    const { colours } = this.differ;
    const added = new Map<string, string[]>();
    for (const name of Object.keys(this.revision.definitions)) {
      if (Object.hasOwn(this.base.definitions, name)) continue;
      const colour = colours.of(1, name);
      added.set(colour, [...(added.get(colour) ?? []), name]);
    }
    const found: Finding[] = [];
    for (const [name, schema] of Object.entries(this.base.definitions)) {
      if (Object.hasOwn(this.revision.definitions, name)) continue;
      const other = added.get(colours.of(0, name))?.shift();
      if (other === undefined) continue;
      const node = this.revision.definitions[other];
      const change: DirectChange = {
        rule: 'component-renamed',
        direction: 'none',
        operation: undefined,
        base: isObject(schema) ? schema : undefined,
        revision: isObject(node) ? node : undefined,
        message: `component \`${name}\` is now \`${other}\``,
      };
      found.push(this.directFinding(change, undefined));
    }
    return found;
  }

  /** Of a document of our own nobody knows who else reads its number; one that came from elsewhere has its number there. */
  private versionFinding(breaking: readonly Finding[]): Finding {
    const [before, after] = [this.base.version, this.revision.version];
    const finding = this.directFinding(
      {
        rule: 'version-not-raised',
        direction: 'none',
        operation: undefined,
        base: this.base,
        revision: this.revision,
        // Waivers know the finding by this sentence.
        message: `the version is ${after}, was ${before}`,
      },
      undefined,
    );
    const isUsed = breaking.some((each) => each.impact === 'used');
    const hitsNobody = breaking.every((each) => each.impact === 'unused');
    const isOurs = this.revision.policy?.provenance === undefined;
    const impact = isUsed ? 'used' : hitsNobody && !isOurs ? 'unused' : 'unknown';
    const callers = hitsNobody ? 'callers break, none of them here,' : 'callers break,';
    const message =
      before === after
        ? `${callers} and the version is still ${after}`
        : `${callers} and the step from ${before} to ${after} says that they do not`;
    const locations = { base: this.base.versionAt, revision: this.revision.versionAt };
    const at = { base: placeOf(locations.base), revision: placeOf(locations.revision) };
    return { ...finding, at, locations, message, impact };
  }

  private touched(operations: ReadonlySet<string>): Pick<Finding, 'operation' | 'operations'> {
    const sorted = [...operations].sort((a, b) => (this.order.get(a) ?? 0) - (this.order.get(b) ?? 0));
    return { operation: sorted[0] ?? null, operations: sorted };
  }

  private pointers(base: object | undefined, revision: object | undefined): Finding['pointer'] {
    return {
      base: (base && this.base.originOf(writtenAs(base))?.pointer) ?? null,
      revision: (revision && this.revision.originOf(writtenAs(revision))?.pointer) ?? null,
    };
  }

  private places(base: object | undefined, revision: object | undefined): Pick<Finding, 'at' | 'locations'> {
    const locate = (contract: Contract, node: object | undefined): Location | undefined =>
      node && contract.locate(writtenAs(node));
    const locations = { base: locate(this.base, base), revision: locate(this.revision, revision) };
    return { at: { base: placeOf(locations.base), revision: placeOf(locations.revision) }, locations };
  }

  private fingerprint(
    rule: RuleId,
    base: object | undefined,
    revision: object | undefined,
    tail: string,
  ): string {
    const pointer = this.pointers(base, revision);
    return digestOf([
      rule,
      pointer.base ?? '',
      pointer.revision ?? '',
      tail,
      digestOf(base ?? null),
      digestOf(revision ?? null),
    ]).slice(7, 23);
  }
}

/** A default is for who leaves the value out, which nobody can. */
function isMoot({ rule }: LocalChange, { canBeAbsent }: Reach): boolean {
  return HITS_OMITTERS.has(rule) && !canBeAbsent;
}

/** The default of a parameter speaks about every call that leaves the parameter out: a rule of its own. */
function ruleAt(rule: RuleId, reach: Reach): RuleId {
  const ofParameter = PARAMETER_DEFAULTS[rule];
  const isRoot = ({ position, path }: Reach['ways'][number]): boolean =>
    position.isParameter === true && position.canBeAbsent === true && path.length === 0;
  return ofParameter !== undefined && reach.ways.some(isRoot) ? ofParameter : rule;
}

const PARAMETER_DEFAULTS: Readonly<Partial<Record<RuleId, RuleId>>> = {
  'default-changed': 'parameter-default-changed',
  'default-added': 'parameter-default-added',
  'default-removed': 'parameter-default-removed',
};

function placeOf(location: Location | undefined): Place | null {
  if (!location) return null;
  const { start } = location.range;
  return { file: location.file, line: start.line, column: start.column };
}

/** What is refused or lost only for those who use it: a break where somebody does. */
function severityFor(
  rule: RuleId,
  severity: ChangeSeverity,
  hits: readonly ContractUsage[] | undefined,
): ChangeSeverity {
  const isHarmless = severity === 'info' || severity === 'source';
  const breaks = LOSES_NAME.has(rule) || (BREAKS_IN_USE.has(rule) && !isHarmless);
  return breaks && hits !== undefined && hits.length > 0 ? 'breaking' : severity;
}

/** Rules whose change takes data away without refusing a message, or refuses it by what a contract says beside its schemas. */
const BREAKS_IN_USE: ReadonlySet<RuleId> = new Set([
  'property-removed',
  'required-property-removed',
  'parameter-removed',
  'response-header-removed',
  'security-tightened',
  'security-scheme-changed',
]);

/** Rules whose change breaks no message, but those who say the name. */
const LOSES_NAME: ReadonlySet<RuleId> = new Set(['operation-id-changed']);

function asUndecided(finding: Finding): Omit<Undecided, 'keyword'> {
  const { direction, operation, operations, pointer, at, locations, message, fingerprint } = finding;
  return { direction, operation, operations, pointer, at, locations, message, fingerprint };
}

/** One change of a shared component is one finding, whichever ways its values travel: the worse one. */
function mergeDirections(findings: readonly Finding[]): Finding[] {
  const byPrint = new Map<string, Finding>();
  for (const finding of findings) {
    const known = byPrint.get(finding.fingerprint);
    if (!known) {
      byPrint.set(finding.fingerprint, finding);
      continue;
    }
    const order = SEVERITIES.indexOf(finding.severity) - SEVERITIES.indexOf(known.severity);
    const better =
      order < 0 || (order === 0 && known.witness === undefined && finding.witness !== undefined)
        ? finding
        : known;
    const operations =
      order === 0 ? [...new Set([...known.operations, ...finding.operations])] : better.operations;
    const direction: FindingDirection =
      order !== 0 || known.direction === finding.direction ? better.direction : 'both';
    // Who sends a value is not hit by what its way back loses, and the other way round.
    const usage =
      order === 0
        ? uniqueBy([...known.usage, ...finding.usage], (each) => JSON.stringify(each))
        : better.usage;
    byPrint.set(finding.fingerprint, {
      ...better,
      direction,
      operations,
      usage,
      impact: usage.length > 0 ? 'used' : better.impact,
    });
  }
  return [...byPrint.values()];
}

/** Each place once, however much of a value it takes. */
function victimsOf(hits: readonly ContractUsage[] = []): readonly Victim[] {
  return uniqueBy(hits.map(victimOf), (victim) => JSON.stringify(victim));
}

function uniqueBy<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}

function compareFindings(a: Finding, b: Finding): number {
  return (
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    compareText(a.pointer.revision ?? a.pointer.base ?? '', b.pointer.revision ?? b.pointer.base ?? '') ||
    compareText(a.rule, b.rule) ||
    compareText(a.message, b.message)
  );
}

function countMessages(contract: Contract): number {
  let count = contract.events.size;
  for (const operation of contract.operations.values())
    if (operation.kind === 'message')
      count += operation.messages.length + (operation.reply?.messages.length ?? 0);
  return count;
}
