import { parseDocument } from '@tenon/document';
import { type Checked, type Diagnostic, isObject, type Location, toPointer } from '@tenon/model';
import type { AcceptedBy, DiffReport, Finding } from './finding.ts';
import { diffDiagnostic } from './rules.ts';

/** One accepted finding of `waivers.yaml`. */
export interface Waiver extends AcceptedBy {
  readonly fingerprint: string;
  readonly at: Location;
}

export interface Waivers {
  readonly file: string;
  readonly waivers: readonly Waiver[];
}

/** Reads `waivers.yaml`: `waivers: [{ fingerprint, reason, owner, expires }]`. */
export function loadWaivers(file: string, text: string): Checked<Waivers> {
  const parsed = parseDocument(file, text);
  const diagnostics: Diagnostic[] = [...parsed.diagnostics];
  const document = parsed.value;
  if (!document) return { diagnostics };
  const list = isObject(document.value)
    ? document.value['waivers']
    : document.value === null
      ? []
      : undefined;
  if (!Array.isArray(list)) {
    diagnostics.push(
      diffDiagnostic('waiver-invalid', {
        message: 'expected `waivers:` with a list',
        at: document.locate(''),
      }),
    );
    return { diagnostics };
  }
  const waivers: Waiver[] = [];
  for (const [index, entry] of list.entries()) {
    const at = document.locate(toPointer(['waivers', index]));
    const problem = problemOf(entry);
    if (problem !== undefined || !isObject(entry)) {
      diagnostics.push(
        diffDiagnostic('waiver-invalid', {
          message: problem ?? 'expected an object',
          at,
          subject: String(index),
        }),
      );
      continue;
    }
    const fingerprint = String(entry['fingerprint']);
    if (waivers.some((waiver) => waiver.fingerprint === fingerprint)) {
      diagnostics.push(
        diffDiagnostic('waiver-duplicate', {
          message: `${fingerprint} is accepted twice`,
          at,
          subject: fingerprint,
        }),
      );
      continue;
    }
    waivers.push({
      fingerprint,
      reason: String(entry['reason']),
      owner: String(entry['owner']),
      expires: dayOf(entry['expires'])!,
      at,
    });
  }
  return { value: { file, waivers }, diagnostics };
}

/**
 * Marks the findings that are accepted. An expired waiver accepts nothing and is reported, and so is one that matches
 * no finding. `now` in milliseconds since 1970; a waiver holds to the end of its last day, UTC.
 */
export function applyWaivers(
  report: DiffReport,
  waivers: Waivers,
  now: number,
): { readonly report: DiffReport; readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const byPrint = new Map<string, AcceptedBy>();
  const present = new Set([...report.findings, ...report.undecided].map((each) => each.fingerprint));
  for (const { at, ...waiver } of waivers.waivers) {
    const { fingerprint, expires } = waiver;
    const about = { at, subject: fingerprint, owner: waiver.owner };
    if (!present.has(fingerprint))
      diagnostics.push(
        diffDiagnostic('waiver-stale', { ...about, message: `${fingerprint} matches no finding` }),
      );
    else if (Date.parse(`${expires}T23:59:59.999Z`) < now)
      diagnostics.push(
        diffDiagnostic('waiver-expired', {
          ...about,
          message: `${fingerprint} was accepted until ${expires}: ${waiver.reason}`,
        }),
      );
    else byPrint.set(fingerprint, { reason: waiver.reason, owner: waiver.owner, expires });
  }
  const marked = <T extends { readonly fingerprint: string }>(each: T): T => {
    const waiver = byPrint.get(each.fingerprint);
    return waiver ? { ...each, waiver } : each;
  };
  return {
    report: {
      ...report,
      findings: withVersionAccepted(report.findings.map(marked)),
      undecided: report.undecided.map(marked),
    },
    diagnostics,
  };
}

/** The version has to be raised for what breaks: where all of that is accepted, so is the version as it stands. */
function withVersionAccepted(findings: readonly Finding[]): readonly Finding[] {
  const breaking = findings.filter(({ severity }) => severity === 'breaking');
  const waiver = breaking[0]?.waiver;
  if (!waiver || breaking.some((finding) => !finding.waiver)) return findings;
  return findings.map((finding) =>
    finding.rule === 'version-not-raised' && !finding.waiver ? { ...finding, waiver } : finding,
  );
}

export interface Acceptance extends AcceptedBy {
  readonly fingerprint: string;
}

/**
 * The text of `waivers.yaml` with one more finding accepted (or the old entry for it replaced); `text` is what the
 * file holds now, `undefined` when there is none. What stands in the file stays as it is written.
 */
export function acceptFinding(text: string | undefined, acceptance: Acceptance): string {
  const entry = [
    `  - fingerprint: ${acceptance.fingerprint}`,
    `    reason: ${JSON.stringify(acceptance.reason)}`,
    `    owner: ${JSON.stringify(acceptance.owner)}`,
    `    expires: ${acceptance.expires}`,
    '',
  ].join('\n');
  const before = text === undefined ? '' : withoutEntry(text, acceptance.fingerprint);
  if (!/^waivers:/m.test(before))
    return `${before.trimEnd()}${before.trim() === '' ? '' : '\n'}waivers:\n${entry}`;
  const opened = before.replace(/^waivers:[ \t]*(\[\s*\])?[ \t]*$/m, 'waivers:');
  return `${opened.trimEnd()}\n${entry}`;
}

/** The file without the lines of one entry: from its dash to the next one of the same indent, or the end. */
function withoutEntry(text: string, fingerprint: string): string {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => /^\s*-\s*fingerprint:/.test(line) && line.includes(fingerprint));
  if (at < 0) return text;
  const indent = lines[at]!.indexOf('-');
  let end = at + 1;
  while (end < lines.length && (lines[end]!.trim() === '' || lines[end]!.search(/\S/) > indent)) end++;
  return [...lines.slice(0, at), ...lines.slice(end)].join('\n');
}

function problemOf(entry: unknown): string | undefined {
  if (!isObject(entry)) return 'expected an object with `fingerprint`, `reason`, `owner` and `expires`';
  for (const key of ['fingerprint', 'reason', 'owner'])
    if (typeof entry[key] !== 'string' || entry[key].trim() === '') return `\`${key}\` is missing or empty`;
  if (!/^[0-9a-f]{16}$/.test(String(entry['fingerprint'])))
    return '`fingerprint` is 16 hexadecimal digits, as the report prints it';
  return dayOf(entry['expires']) === undefined ? '`expires` is a date: `2027-03-31`' : undefined;
}

function dayOf(value: unknown): string | undefined {
  const text =
    value instanceof Date ? value.toISOString().slice(0, 10) : typeof value === 'string' ? value : undefined;
  return text !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))
    ? text
    : undefined;
}
