import type { Diagnostic, Location, Range, Severity } from '@tenon/model';
import {
  type CodeAction,
  CodeActionKind,
  CompletionItemKind,
  DiagnosticSeverity,
  type CompletionItem as ProtocolCompletion,
  type Diagnostic as ProtocolDiagnostic,
  type Location as ProtocolLocation,
  type Range as ProtocolRange,
} from 'vscode-languageserver/node';
import type { CompletionItem } from './features/completion.ts';
import type { QuickFix } from './features/quick-fix.ts';
import type { FileNames } from './uris.ts';

const SEVERITIES = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  info: DiagnosticSeverity.Information,
} as const satisfies Record<Severity, DiagnosticSeverity>;

const KINDS = {
  field: CompletionItemKind.Field,
  name: CompletionItemKind.Variable,
  function: CompletionItemKind.Function,
  policy: CompletionItemKind.Function,
  value: CompletionItemKind.EnumMember,
  key: CompletionItemKind.Property,
  operation: CompletionItemKind.Method,
  event: CompletionItemKind.Event,
} as const satisfies Record<CompletionItem['kind'], CompletionItemKind>;

/** The protocol counts lines and columns from 0. */
export function protocolRange({ start, end }: Range): ProtocolRange {
  return {
    start: { line: start.line - 1, character: start.column - 1 },
    end: { line: end.line - 1, character: end.column - 1 },
  };
}

const FILE_START: ProtocolRange = { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } };

export function protocolLocation({ file, range }: Location, names: FileNames): ProtocolLocation {
  return { uri: names.uriOf(file), range: protocolRange(range) };
}

export function protocolDiagnostic(one: Diagnostic, names: FileNames): ProtocolDiagnostic {
  const related = one.related.flatMap(({ file, range, message }) =>
    file !== undefined && range ? [{ location: protocolLocation({ file, range }, names), message }] : [],
  );
  return {
    range: one.range ? protocolRange(one.range) : FILE_START,
    severity: SEVERITIES[one.severity],
    code: one.code,
    source: 'tenon',
    message: `${one.message}\n${one.fix}`,
    ...(related.length > 0 && { relatedInformation: related }),
  };
}

/** `index` keeps our order: fields before methods, values before names. */
export function protocolCompletion(item: CompletionItem, index: number): ProtocolCompletion {
  return {
    label: item.label,
    kind: KINDS[item.kind],
    detail: item.detail,
    sortText: String(index).padStart(5, '0'),
    ...(item.doc !== undefined && { documentation: item.doc }),
    textEdit: { range: protocolRange(item.range), newText: item.text },
  };
}

export function protocolFix(fix: QuickFix, names: FileNames): CodeAction {
  const byFile = Map.groupBy(fix.edits, ({ at }) => names.uriOf(at.file));
  const changes = Object.fromEntries(
    [...byFile].map(([uri, edits]) => [
      uri,
      edits.map(({ at, text }) => ({ range: protocolRange(at.range), newText: text })),
    ]),
  );
  return {
    title: fix.title,
    kind: CodeActionKind.QuickFix,
    isPreferred: fix.isPreferred,
    diagnostics: [protocolDiagnostic(fix.diagnostic, names)],
    edit: { changes },
  };
}
