import type { Diagnostic, Severity } from '@tenon/model';
import { checkedWords, countBySeverity, plural, type RenderContext, type Report } from './report.ts';

/** Our own JSON: the diagnostics as they are, after what was checked. */
export function renderJson(report: Report): string {
  return `${JSON.stringify({ checked: report.checked, summary: countBySeverity(report.diagnostics), findings: report.diagnostics }, null, 2)}\n`;
}

const SARIF_LEVELS: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', info: 'note' };

/** SARIF 2.1.0, for code scanning. */
export function renderSarif(report: Report, context: RenderContext): string {
  const codes = [...new Set(report.diagnostics.map(({ code }) => code))].sort();
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'tenon',
            version: context.toolVersion,
            rules: codes.map((code) => {
              const rule = context.rules[code];
              return {
                id: code,
                shortDescription: { text: rule?.title ?? code },
                ...(rule && { fullDescription: { text: rule.why }, help: { text: rule.fix } }),
              };
            }),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: report.diagnostics.map((diagnostic) => ({
          ruleId: diagnostic.code,
          ruleIndex: codes.indexOf(diagnostic.code),
          level: SARIF_LEVELS[diagnostic.severity],
          message: { text: `${diagnostic.message}. ${diagnostic.why} ${diagnostic.fix}` },
          partialFingerprints: { 'tenon/v1': diagnostic.fingerprint },
          ...(diagnostic.file !== undefined && { locations: [sarifLocation(diagnostic)] }),
        })),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function sarifLocation({ file, range }: Diagnostic): object {
  return {
    physicalLocation: {
      artifactLocation: { uri: encodeURI(file!) },
      ...(range && {
        region: {
          startLine: range.start.line,
          startColumn: range.start.column,
          endLine: range.end.line,
          endColumn: range.end.column,
        },
      }),
    },
  };
}

/** JUnit XML: a test case per finding, failed when it is an error; one that passes when there is none. */
export function renderJunit(report: Report): string {
  const { errors } = countBySeverity(report.diagnostics);
  const cases = report.diagnostics.map((diagnostic) => {
    const name = xml(`${diagnostic.code}: ${diagnostic.message}`);
    const place = xml(placeOf(diagnostic));
    const text = xml(`${diagnostic.message}\n${place}\nwhy  ${diagnostic.why}\nfix  ${diagnostic.fix}`);
    const body =
      diagnostic.severity === 'error'
        ? `<failure type="${xml(diagnostic.code)}" message="${xml(diagnostic.message)}">${text}</failure>`
        : `<system-out>${text}</system-out>`;
    return `    <testcase name="${name}" classname="${place}">${body}</testcase>`;
  });
  if (cases.length === 0)
    cases.push(`    <testcase name="${xml(checkedWords(report.checked))}" classname="tenon"/>`);
  const counts = `tests="${cases.length}" failures="${errors}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${counts}>\n  <testsuite name="tenon" ${counts}>\n${cases.join('\n')}\n  </testsuite>\n</testsuites>\n`;
}

const GITHUB_LEVELS: Readonly<Record<Severity, string>> = {
  error: 'error',
  warning: 'warning',
  info: 'notice',
};

/** GitHub workflow commands: annotations on the lines of a pull request. */
export function renderGithub(report: Report): string {
  const lines = report.diagnostics.map((diagnostic) => {
    const { file, range } = diagnostic;
    const properties = [
      file !== undefined && `file=${githubProperty(file)}`,
      range &&
        `line=${range.start.line},endLine=${range.end.line},col=${range.start.column},endColumn=${range.end.column}`,
      `title=${githubProperty(diagnostic.code)}`,
    ];
    const text = `${diagnostic.message}\nwhy: ${diagnostic.why}\nfix: ${diagnostic.fix}`;
    return `::${GITHUB_LEVELS[diagnostic.severity]} ${properties.filter(Boolean).join(',')}::${githubData(text)}`;
  });
  return lines.length > 0 ? `${lines.join('\n')}\n` : '';
}

/** Markdown for a comment. */
export function renderMarkdown(report: Report): string {
  const { errors, warnings, infos } = countBySeverity(report.diagnostics);
  const title = `**Tenon**: ${plural(errors, 'errors')}, ${plural(warnings, 'warnings')}, ${plural(infos, 'notes')} in ${checkedWords(report.checked)}`;
  if (report.diagnostics.length === 0) return `${title}\n`;
  const rows = report.diagnostics.map(
    (diagnostic) =>
      `| ${diagnostic.severity} | \`${diagnostic.code}\` | ${cell(placeOf(diagnostic))} | ${cell(diagnostic.message)} | ${cell(diagnostic.fix)} |`,
  );
  return `${title}\n\n| | finding | where | what | fix |\n|---|---|---|---|---|\n${rows.join('\n')}\n`;
}

function placeOf({ file, range }: Diagnostic): string {
  if (file === undefined) return 'workspace';
  return range ? `${file}:${range.start.line}:${range.start.column}` : file;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ');
}

const XML_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

/** Text as it may stand in an XML attribute or element. */
export function xml(text: string): string {
  const legal = Array.from(text, (sign) => (isXmlCharacter(sign.charCodeAt(0)) ? sign : '\ufffd')).join('');
  return legal.replaceAll(/[&<>"]/g, (sign) => XML_ESCAPES[sign]!);
}

/** XML 1.0 §2.2 has no way to write most control characters, escaped or not. */
function isXmlCharacter(code: number): boolean {
  return code >= 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}

function githubData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function githubProperty(text: string): string {
  return githubData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
