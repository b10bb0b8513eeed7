import { checkShape } from '@tenon/connector';
import { type PositionedDocument, parseDocument } from '@tenon/document';
import { type Checked, type Diagnostic, didYouMean, fromPointer, hasErrors, toPointer } from '@tenon/model';
import type { SchemaObject } from '@tenon/schema';
import { testkitDiagnostic } from '../rules.ts';
import type { Untaken } from '../sandbox/engine.ts';
import { type Fixtures, NO_FIXTURES } from './subject.ts';
import type { UnfitValue } from './unfit-values.ts';

/** Where the kit looks for what cannot be made up, beside the manifest. */
export const FIXTURES_FILE = 'fixtures/conformance.yaml';

/** The names that each part of the fixtures may use. */
export type FixtureNames = Readonly<Record<keyof Fixtures, readonly string[]>>;

/** What the fixtures of a connector are held to. */
export interface FixtureJudge {
  /** Those that there are. */
  readonly names: FixtureNames;
  /** Rows of `data` that do not fit the contract. */
  untaken(data: Fixtures['data']): readonly Untaken[];
  /** Inputs and events that do not. */
  unfit(fixtures: Fixtures): readonly UnfitValue[];
}

/** The fixtures of a file, empty where there is none. Without a `judge` only their shape is looked at. */
export function readFixtures(
  file: string,
  text: string | undefined,
  judge?: FixtureJudge,
): Checked<Fixtures> {
  if (text === undefined) return { value: NO_FIXTURES, diagnostics: [] };
  const parsed = parseDocument(file, text);
  if (parsed.value === undefined || hasErrors(parsed.diagnostics)) return { diagnostics: parsed.diagnostics };
  const document = parsed.value;
  const shape = shapeDiagnostics(document);
  if (shape.length > 0) return { diagnostics: [...parsed.diagnostics, ...shape] };
  // The shape check above has established exactly this type.
  const fixtures: Fixtures = { ...NO_FIXTURES, ...(document.value as Partial<Fixtures>) };
  const misnamed = judge ? nameDiagnostics(document, fixtures, judge.names) : [];
  const isNamed = judge && misnamed.length === 0;
  const untaken = isNamed ? judge.untaken(fixtures.data) : [];
  const unfit = isNamed ? judge.unfit(fixtures) : [];
  const diagnostics = [
    ...parsed.diagnostics,
    ...misnamed,
    ...unfit.map(({ words, pointer }) =>
      testkitDiagnostic('fixtures-value-unfit', {
        message: words,
        at: document.locate(pointer),
        subject: words,
      }),
    ),
    ...untaken.map(({ words, path }) =>
      testkitDiagnostic('fixtures-row-unfit', {
        message: `\`data\`: ${words}`,
        at: document.locate(toPointer(['data', ...path.map(String)])),
        subject: words,
      }),
    ),
  ];
  return hasErrors(diagnostics) ? { diagnostics } : { value: fixtures, diagnostics };
}

function shapeDiagnostics(document: PositionedDocument): Diagnostic[] {
  return checkShape(fixturesSchema, document.value).map(({ kind, pointer, message, fix }) => {
    const isName = kind === 'unknown';
    const place = fromPointer(isName ? pointer.replace(/\/[^/]*$/, '') : pointer).join('.');
    return testkitDiagnostic(isName ? 'fixtures-name-unknown' : 'fixtures-value-invalid', {
      message: place === '' ? message : `\`${place}\`: ${message}`,
      at: isName ? document.locateKey(pointer) : document.locate(pointer),
      subject: `${pointer} ${message}`,
      ...(fix !== undefined && { fix }),
    });
  });
}

const KINDS = {
  inputs: 'operation',
  data: 'resource',
  failures: 'operation',
  events: 'event',
  compensations: 'operation',
} as const satisfies Record<keyof Fixtures, string>;

function nameDiagnostics(
  document: PositionedDocument,
  fixtures: Fixtures,
  names: FixtureNames,
): Diagnostic[] {
  // Its keys are those of the fixtures.
  return (Object.keys(KINDS) as (keyof Fixtures)[]).flatMap((part) =>
    Object.keys(fixtures[part])
      .filter((name) => !names[part].includes(name))
      .map((name) =>
        testkitDiagnostic('fixtures-name-unknown', {
          message: `\`${part}\`: there is no ${KINDS[part]} \`${name}\``,
          at: document.locateKey(toPointer([part, name])),
          fix: `use one of ${names[part].join(', ') || 'none: there are none'}`,
          misspelt: { name, meant: didYouMean(name, names[part]) },
        }),
      ),
  );
}

const byName = (value: SchemaObject): SchemaObject => ({ type: 'object', additionalProperties: value });

const fixturesSchema: SchemaObject = {
  type: 'object',
  additionalProperties: false,
  properties: {
    inputs: byName({ type: 'object' }),
    data: byName({ type: 'array', items: { type: 'object' } }),
    failures: byName({ type: 'array' }),
    events: { type: 'object' },
    compensations: byName(byName({ type: 'string' })),
  } satisfies Record<keyof Fixtures, SchemaObject>,
};
