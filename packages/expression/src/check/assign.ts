import { describeType } from '../types/describe.ts';
import { finiteValues, itemAt, membersOf, type ObjectType, type Type } from '../types/type.ts';
import type { ExpressionIssue } from './issues.ts';
import { lookup } from './lookup.ts';

/** Why a value of one type cannot be sent where another is taken. `path` leads to the part at fault, within the value. */
export interface AssignmentIssue {
  readonly code: ExpressionIssue['code'];
  readonly message: string;
  readonly path: readonly string[];
}

/** Objects within objects that are compared; deeper ones are taken to fit. */
const DEPTH_MAX = 12;

/** What is wrong with giving a value of type `source` to a receiver of type `target`; empty when it always fits. */
export function assignmentIssues(source: Type, target: Type): readonly AssignmentIssue[] {
  return compareTypes(source, target, [], {
    inProgress: new Map(),
    fitting: new Map(),
    left: COMPARISONS_MAX,
    assumed: 0,
  });
}

/** Can every value of `source` be given where `target` is taken? */
export function isAssignable(source: Type, target: Type): boolean {
  return assignmentIssues(source, target).length === 0;
}

/** Pairs of types that are compared at most; where there are more, the rest is taken to fit. */
const COMPARISONS_MAX = 5_000;

interface Visited {
  /** Recursive types meet themselves: a pair that is being compared fits, if nothing else is wrong. */
  readonly inProgress: Map<Type, Set<Type>>;
  /** Pairs known to fit, whatever else is wrong. */
  readonly fitting: Map<Type, Set<Type>>;
  left: number;
  /** How often a pair was taken to fit because it was in progress. */
  assumed: number;
}

function compareTypes(
  source: Type,
  target: Type,
  path: readonly string[],
  visited: Visited,
): AssignmentIssue[] {
  if (source.kind === 'any' || target.kind === 'any' || source.kind === 'never' || source === target)
    return [];
  if (path.length > DEPTH_MAX) return [];
  if (source.kind === 'optional')
    return [
      { code: 'value-may-be-absent', message: 'the value may be absent', path },
      ...compareTypes(source.value, target, path, visited),
    ];
  for (const member of membersOf(source)) {
    const found = compareMember(member, target, path, visited);
    if (found.length === 0) continue;
    const isNullAlone = member.kind === 'null' && membersOf(source).length > 1;
    if (isNullAlone) return [{ code: 'value-may-be-null', message: `${subject(path)} may be null`, path }];
    return found;
  }
  return [];
}

/** One variant of the source against all variants of the target: it needs to fit one. */
function compareMember(
  source: Type,
  target: Type,
  path: readonly string[],
  visited: Visited,
): AssignmentIssue[] {
  const choices = membersOf(target).filter((choice) => isSameKind(source, choice));
  if (choices.length === 0)
    return [
      {
        code: 'wrong-type',
        message: `${subject(path)} must be ${describeType(target)}; this is ${describeType(source)}`,
        path,
      },
    ];
  let best: AssignmentIssue[] | undefined;
  for (const choice of choices) {
    const found = comparePair(source, choice, path, visited);
    if (found.length === 0) return [];
    if (best === undefined || found.length < best.length) best = found;
  }
  return best ?? [];
}

function comparePair(
  source: Type,
  target: Type,
  path: readonly string[],
  visited: Visited,
): AssignmentIssue[] {
  if (source.kind !== 'object' && source.kind !== 'list') return compareKind(source, target, path, visited);
  if (visited.fitting.get(source)?.has(target)) return [];
  const running = visited.inProgress.get(source) ?? new Set<Type>();
  visited.left -= 1;
  if (running.has(target) || visited.left < 0) {
    visited.assumed += 1;
    return [];
  }
  const assumedBefore = visited.assumed;
  visited.inProgress.set(source, running.add(target));
  const found = compareKind(source, target, path, visited);
  running.delete(target);
  // What rests on an assumption is not kept: the assumption may yet turn out wrong.
  if (found.length === 0 && visited.assumed === assumedBefore)
    visited.fitting.set(source, (visited.fitting.get(source) ?? new Set<Type>()).add(target));
  return found;
}

function isSameKind(source: Type, target: Type): boolean {
  // Times leave an expression as text.
  const kind = source.kind === 'timestamp' || source.kind === 'duration' ? 'string' : source.kind;
  return kind === target.kind || target.kind === 'any';
}

function compareKind(
  source: Type,
  target: Type,
  path: readonly string[],
  visited: Visited,
): AssignmentIssue[] {
  if (source.kind === 'number' && target.kind === 'number' && target.isInteger && !source.isInteger) {
    if (!source.values?.every(Number.isInteger))
      return [
        {
          code: 'integer-expected',
          message: `${subject(path)} must be an integer; this may have a fraction`,
          path,
        },
      ];
  }
  if (source.kind === 'object' && target.kind === 'object')
    return compareObjects(source, target, path, visited);
  if (source.kind === 'list' && target.kind === 'list') {
    const length = Math.max(source.first.length, target.first.length);
    const first = Array.from({ length }, (_, i) =>
      compareTypes(itemAt(source, i), itemAt(target, i), [...path, String(i)], visited),
    );
    const isShort = source.itemsMin < target.itemsMin;
    const short = isShort ? [tooShort(source.itemsMin, target.itemsMin, path)] : [];
    return [
      ...short,
      ...first.flat(),
      ...compareTypes(source.item(), target.item(), [...path, '*'], visited),
    ];
  }
  return [...compareFormats(source, target, path), ...compareValues(source, target, path)];
}

/** Text of one format is never text of another. Times leave an expression as RFC 3339, lengths of time as seconds. */
function compareFormats(source: Type, target: Type, path: readonly string[]): AssignmentIssue[] {
  if (target.kind !== 'string' || target.format === undefined) return [];
  const given =
    source.kind === 'timestamp'
      ? 'date-time'
      : source.kind === 'duration'
        ? 'length of time in seconds'
        : source.kind === 'string'
          ? source.format
          : undefined;
  if (given === undefined || given === target.format) return [];
  return [
    { code: 'wrong-type', message: `${subject(path)} must be a ${target.format}; this is a ${given}`, path },
  ];
}

function tooShort(given: number, needed: number, path: readonly string[]): AssignmentIssue {
  const what = given === 0 ? 'it may be empty' : `it may have only ${given}`;
  const message = `${subject(path)} needs ${needed} item${needed === 1 ? '' : 's'}; ${what}`;
  return { code: 'list-may-be-too-short', message, path };
}

/** An enum takes only what is one of its values: a value that may be any text is refused as well. */
function compareValues(source: Type, target: Type, path: readonly string[]): AssignmentIssue[] {
  const allowed = finiteValues(target);
  if (allowed === undefined) return [];
  const given = finiteValues(source);
  const wrong = given?.filter((value) => !allowed.includes(value));
  if (wrong?.length === 0) return [];
  const what =
    wrong === undefined
      ? `this may be any ${source.kind}`
      : `this may be ${wrong
          .slice(0, 3)
          .map((one) => JSON.stringify(one))
          .join(', ')}`;
  return [
    {
      code: 'value-outside-enum',
      message: `${subject(path)} must be ${describeType(target)}; ${what}`,
      path,
    },
  ];
}

function compareObjects(
  source: ObjectType,
  target: ObjectType,
  path: readonly string[],
  visited: Visited,
): AssignmentIssue[] {
  const found: AssignmentIssue[] = [];
  for (const [name, field] of target.fields) {
    const read = lookup(source, name);
    const inner = [...path, name];
    if (read.type === undefined || read.mayBeAbsent) {
      // A receiver that cannot take the field at all is content with its absence.
      if (field.required && field.type().kind !== 'never')
        found.push({
          code: 'missing-member',
          message:
            read.type === undefined
              ? `${subject(inner)} is required`
              : `${subject(inner)} is required; here it may be absent`,
          path: inner,
        });
    }
    if (read.type !== undefined) found.push(...compareTypes(read.type, field.type(), inner, visited));
  }
  for (const [name, field] of source.fields) {
    if (target.fields.has(name)) continue;
    const rest = target.rest?.(name);
    if (rest) found.push(...compareTypes(field.type(), rest, [...path, name], visited));
    else if (target.isClosed)
      found.push({
        code: 'unknown-member',
        message: `${subject([...path, name])} is not taken here`,
        path: [...path, name],
      });
  }
  return [...found, ...compareRest(source, target, path, visited)];
}

/** Members by names that are not listed: those of a map. */
function compareRest(
  source: ObjectType,
  target: ObjectType,
  path: readonly string[],
  visited: Visited,
): AssignmentIssue[] {
  const sent = source.rest?.('');
  if (sent === undefined || sent.kind === 'any') return [];
  const taken = target.rest?.('');
  if (taken) return compareTypes(sent, taken, [...path, '*'], visited);
  if (!target.isClosed) return [];
  return [
    { code: 'unknown-member', message: `${subject(path)} may have members that are not taken here`, path },
  ];
}

function subject(path: readonly string[]): string {
  return path.length === 0 ? 'the value' : `\`${path.join('.')}\``;
}
