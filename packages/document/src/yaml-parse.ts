import type { Diagnostic } from '@tenon/model';
import { constructFromEvents, EVENT_ID, type Event, parseEvents, SCALAR_STYLE, YAMLException } from 'js-yaml';
import { ignoredAllowances } from './allow-comment.ts';
import { finding, type Parsed, placeOf } from './parsed.ts';
import type { documentRules } from './rules.ts';
import { aliasCycle, expandedSizePast } from './yaml-alias.ts';
import { DEPTH_MAX, keyName, scalarSpan, yamlSchema } from './yaml-source.ts';
import { yamlTrap } from './yaml-trap.ts';

/** Aliases in one document; the largest real contracts hold some hundreds. */
const ALIASES_MAX = 10_000;
/** Values in a document once every alias is written out: a few lines can stand for billions ("alias bomb"). */
const EXPANDED_VALUES_MAX = 5_000_000;

/** Parses a YAML text with js-yaml: events first, so that the checks below cost no second parse. */
export function parseYaml(file: string, text: string): Parsed {
  let events: Event[];
  try {
    events = parseEvents(text, { maxDepth: DEPTH_MAX });
  } catch (caught) {
    return unreadable(syntaxFinding(file, text, caught));
  }
  const documents = documentStarts(events);
  if (documents.length === 0)
    return unreadable(
      finding('document-empty', {
        message: 'the file holds no value',
        at: placeOf(file, text, 0, 0),
        subject: '',
      }),
    );
  const cycle = aliasCycle(text, events);
  if (cycle) return unreadable(aliasCycleFinding(file, text, cycle));
  const diagnostics = [
    ...manyDocuments(file, text, events, documents),
    ...scalarFindings(file, text, events),
    ...ignoredAllowances(file, text, (offset) => isInScalar(text, events, offset)),
  ];
  return construct(file, text, events, diagnostics);
}

function construct(file: string, text: string, events: Event[], found: readonly Diagnostic[]): Parsed {
  const options = { source: text, schema: yamlSchema, maxAliases: ALIASES_MAX };
  const diagnostics = [...found];
  let value: unknown;
  try {
    value = constructFromEvents(events, options)[0];
  } catch (caught) {
    const refusal = syntaxFinding(file, text, caught);
    if (refusal.code !== 'document-duplicate-key')
      return { isReadable: false, diagnostics: [...diagnostics, refusal] };
    try {
      value = constructFromEvents(events, { ...options, json: true })[0];
    } catch (second) {
      return { isReadable: false, diagnostics: [...diagnostics, syntaxFinding(file, text, second)] };
    }
    diagnostics.push(...duplicateFindings(file, text, events));
  }
  if (events.some((event) => event.type === EVENT_ID.ALIAS) && expandedSizePast(value, EXPANDED_VALUES_MAX))
    return { isReadable: false, diagnostics: [...diagnostics, expansionFinding(file, text, events)] };
  return { isReadable: true, value, diagnostics };
}

function unreadable(diagnostic: Diagnostic): Parsed {
  return { isReadable: false, diagnostics: [diagnostic] };
}

interface Refusal {
  readonly match: RegExp;
  readonly code: keyof typeof documentRules;
  readonly message: (match: RegExpMatchArray) => string;
  readonly fix?: string;
}

/** js-yaml's sentences that have a code of their own; any other is `document-syntax`. */
const refusals: readonly Refusal[] = [
  {
    match: /^duplicated mapping key/,
    code: 'document-duplicate-key',
    message: () => 'this key is given twice',
  },
  {
    match: /exceeded maxDepth/,
    code: 'document-too-deep',
    message: () => `nested more than ${DEPTH_MAX} deep`,
  },
  {
    match: /^tab characters/,
    code: 'document-tab-indentation',
    message: () => 'a tab indents this line; YAML takes spaces only',
  },
  {
    match: /maxAliases|maxTotalMergeKeys|merge keys exceeded|aliases exceeded/i,
    code: 'document-alias-expansion',
    message: () => `more than ${ALIASES_MAX} aliases or merged keys`,
  },
  {
    match: /^object-based map does not support complex keys/,
    code: 'document-key-not-text',
    message: () => 'a key must be text, this one is a list or a mapping',
  },
  {
    match: /^unknown (?:scalar|sequence|mapping) tag !?<?([^>]*)>?/,
    code: 'document-tag-unknown',
    message: (match) => `the tag ${match[1]} means nothing here: a value that begins with "!" must be quoted`,
  },
  {
    match: /^unidentified alias "(.*)"/,
    code: 'document-alias-unknown',
    message: (match) =>
      `no anchor &${match[1]} stands before this alias: a value that begins with "*" must be quoted`,
  },
];

function syntaxFinding(file: string, text: string, caught: unknown): Diagnostic {
  if (!(caught instanceof YAMLException)) throw caught;
  const { reason } = caught;
  const reported = Math.min(caught.mark?.position ?? 0, text.length);
  const at = text[reported - 1] === '*' ? reported - 1 : reported;
  const place = placeOf(file, text, at, Math.min(text.length, at + 1));
  for (const { match, code, message } of refusals) {
    const found = match.exec(reason);
    if (found) return finding(code, { message: message(found), at: place, subject: reason });
  }
  const trap = yamlTrap(text, at);
  if (trap)
    return finding('document-unquoted', {
      message: trap.message,
      at: placeOf(file, text, trap.start, trap.end),
      fix: trap.fix,
    });
  return finding('document-syntax', { message: reason, at: place });
}

function documentStarts(events: readonly Event[]): number[] {
  const starts: number[] = [];
  for (let i = 0; i < events.length; i++) if (events[i]!.type === EVENT_ID.DOCUMENT) starts.push(i);
  return starts;
}

function manyDocuments(
  file: string,
  text: string,
  events: readonly Event[],
  starts: readonly number[],
): Diagnostic[] {
  if (starts.length < 2) return [];
  const second = events.slice(starts[1]).find((event) => offsetOf(event) >= 0);
  const at = second ? offsetOf(second) : text.length;
  return [
    finding('document-many', {
      message: `the file holds ${starts.length} documents; only the first is read`,
      at: placeOf(file, text, at, at + 1),
      subject: 'many',
    }),
  ];
}

function offsetOf(event: Event): number {
  if (event.type === EVENT_ID.SCALAR) return event.valueStart;
  if (event.type === EVENT_ID.ALIAS) return event.anchorStart - 1;
  return 'start' in event ? event.start : -1;
}

function aliasCycleFinding(file: string, text: string, [start, end]: readonly [number, number]): Diagnostic {
  return finding('document-alias-cycle', {
    message: `the alias ${text.slice(start, end)} stands inside the value that it names`,
    at: placeOf(file, text, start, end),
  });
}

function expansionFinding(file: string, text: string, events: readonly Event[]): Diagnostic {
  const last = events.findLast((event) => event.type === EVENT_ID.ALIAS);
  const at = last ? offsetOf(last) : 0;
  return finding('document-alias-expansion', {
    message: `written out, the aliases of this file make more than ${EXPANDED_VALUES_MAX} values`,
    at: placeOf(file, text, at, last?.type === EVENT_ID.ALIAS ? last.anchorEnd : at),
    subject: 'expansion',
  });
}

/** `.inf` and `.nan`, and keys whose text changes on the way to JSON (`1.0` → `1`, `0x10` → `16`, `~` → `null`). */
function scalarFindings(file: string, text: string, events: readonly Event[]): Diagnostic[] {
  const found: Diagnostic[] = [];
  forEachScalar(events, (event, isKey) => {
    if (event.style !== SCALAR_STYLE.PLAIN || event.tagStart >= 0 || event.valueStart < 0) return;
    const first = text[event.valueStart]!;
    const source = () => text.slice(event.valueStart, event.valueEnd);
    const at = () => placeOf(file, text, ...scalarSpan(text, event));
    if (!isKey && '.-+'.includes(first) && /^[-+]?\.(?:inf|nan)$/i.test(source()))
      found.push(
        finding('document-number-not-json', {
          message: `${source()} is a number that JSON cannot hold`,
          at: at(),
        }),
      );
    if (isKey && /[-+.\d~nNtTfF]/.test(first) && keyName(text, event) !== source())
      found.push(
        finding('document-key-changes', {
          message: `the key ${source()} is read as ${JSON.stringify(keyName(text, event))}`,
          at: at(),
        }),
      );
  });
  return found;
}

function duplicateFindings(file: string, text: string, events: readonly Event[]): Diagnostic[] {
  const found: Diagnostic[] = [];
  const seenByDepth: Map<string, ScalarEvent>[] = [];
  forEachScalar(
    events,
    (event, isKey, depth) => {
      if (!isKey) return;
      const seen = seenByDepth[depth]!;
      const key = event.valueStart < 0 ? 'null' : keyName(text, event);
      const first = seen.get(key);
      if (!first) seen.set(key, event);
      else if (key !== '<<')
        found.push(
          finding('document-duplicate-key', {
            message: `the key ${JSON.stringify(key)} is given twice in this mapping; the last one counts`,
            at: placeOf(file, text, ...scalarSpan(text, event)),
            related: [{ message: 'first given here', ...placeOf(file, text, ...scalarSpan(text, first)) }],
          }),
        );
    },
    (depth) => {
      seenByDepth[depth] = new Map();
    },
  );
  return found;
}

function isInScalar(text: string, events: readonly Event[], offset: number): boolean {
  return events.some((event) => {
    if (event.type !== EVENT_ID.SCALAR || event.valueStart < 0) return false;
    const [start, end] = scalarSpan(text, event);
    return start <= offset && offset < end;
  });
}

type ScalarEvent = Extract<Event, { type: typeof EVENT_ID.SCALAR }>;

/** Calls back for each scalar, saying whether it is a key, and how deep its container is. */
function forEachScalar(
  events: readonly Event[],
  visit: (event: ScalarEvent, isKey: boolean, depth: number) => void,
  enter?: (depth: number) => void,
): void {
  // Per open container: 0, not a mapping; 1, a key comes next; 2, a value comes next.
  const expected: number[] = [];
  for (const event of events) {
    if (event.type === EVENT_ID.POP) {
      expected.pop();
      continue;
    }
    const depth = expected.length - 1;
    const state = expected[depth] ?? 0;
    if (state !== 0) expected[depth] = 3 - state;
    if (event.type === EVENT_ID.SCALAR) visit(event, state === 1, depth);
    else if (event.type !== EVENT_ID.ALIAS) {
      expected.push(event.type === EVENT_ID.MAPPING ? 1 : 0);
      enter?.(depth + 1);
    }
  }
}
