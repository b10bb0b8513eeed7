import { isStreamable } from '@tenon/connector';
import type { MessageOperation, Operation } from '@tenon/contract';
import { compareText, type Delivery, failureClasses } from '@tenon/model';
import { type GeneratedFile, headerLine } from '../generated-file.ts';
import { pascalCase } from '../names.ts';
import { commentLine, commentLines, compactLiteral, literal } from '../source-text.ts';
import { type Surface, type SurfaceOperation, statusKey } from '../surface.ts';
import {
  adapterDts,
  adapterJs,
  callDts,
  callJs,
  type OperationView,
  operationDts,
  operationJs,
} from './templates.ts';

/** Functions that call the operations of a contract, a file each, and an object with all of them. */
export function adapterFiles(surface: Surface, folder: string): GeneratedFile[] {
  const header = headerLine(surface.contract);
  const operations = surface.operations.map((entry) => ({
    ...operationView(surface, entry),
    file: entry.file,
  }));
  const adapter = {
    header,
    adapterName: pascalCase(surface.contract.name),
    contractName: surface.contract.name,
    operations,
  };
  return [
    { path: `${folder}/adapter.js`, text: adapterJs(adapter) },
    { path: `${folder}/adapter.d.ts`, text: adapterDts(adapter) },
    { path: `${folder}/call.js`, text: callJs({ header }) },
    {
      path: `${folder}/call.d.ts`,
      text: callDts({ header, failureClass: FAILURE_CLASS, delivery: DELIVERY }),
    },
    { path: `${folder}/definitions.js`, text: definitionsJs(surface, header) },
    { path: `${folder}/definitions.d.ts`, text: `${header}\n${DEFINITIONS_DTS}` },
    ...operations.flatMap((view) => [
      { path: `${folder}/operations/${view.file}.js`, text: operationJs(view) },
      { path: `${folder}/operations/${view.file}.d.ts`, text: operationDts(view) },
    ]),
  ];
}

/** A doc comment is for the hover; the contract has the whole text. */
const DOC_LINES_MAX = 12;

function operationView(surface: Surface, entry: SurfaceOperation): OperationView {
  const { operation } = entry;
  // Which version of the contract it is, `completePlan` adds.
  const { contract: _contract, ...plan } = entry.plan;
  const results = entry.results.map(({ status }) => status);
  const id = JSON.stringify(operation.id);
  const statuses = results.map(statusKey);
  const refusals = entry.refusals.length > 0 ? `Operations[${id}]["refusals"]` : undefined;
  const docs = docsOf(operation, entry.plan);
  return {
    header: headerLine(surface.contract, `operation ${operation.id}`),
    identifier: entry.identifier,
    typeName: entry.typeName,
    id,
    docs,
    defaultInput: entry.inputRequired ? '' : ' = {}',
    optionalInput: entry.inputRequired ? '' : '?',
    ...(statuses.length > 0
      ? {
          result: `ResultOf<${[`Operations[${id}]["results"]`, statuses.join(' | '), refusals].filter(isGiven).join(', ')}>`,
          resultImport: 'ResultOf',
        }
      : {
          result: refusals === undefined ? 'Unanswered' : `Unanswered<${refusals}>`,
          resultImport: 'Unanswered',
        }),
    plan: literal(plan),
    ...streamView(entry, id, refusals),
  };
}

function isGiven(text: string | undefined): text is string {
  return text !== undefined;
}

/** Statuses that answer with values keep their bodies; those of bytes give what was received. */
function streamView(
  { stream, typeName, results: answers, plan }: SurfaceOperation,
  id: string,
  refusals: string | undefined,
): Pick<OperationView, 'stream' | 'streamImports'> {
  if (stream === undefined) return { stream: false, streamImports: '' };
  const results = `Operations[${id}]["results"]`;
  const keysOf = (isWanted: (mediaType: string | undefined) => boolean): string | undefined => {
    const keys = answers
      .filter(({ status }) =>
        plan.http?.responses.some((one) => one.status === status && isWanted(one.mediaType)),
      )
      .map(({ status }) => statusKey(status));
    return keys.length > 0 ? [...new Set(keys)].join(' | ') : undefined;
  };
  const bytes = keysOf((mediaType) => mediaType === undefined || isStreamable(mediaType));
  const values = keysOf((mediaType) => mediaType !== undefined && !isStreamable(mediaType));
  const given = refusals === undefined ? [bytes, values] : [bytes, values ?? 'never', refusals];
  const called = stream.receives
    ? `StreamedResultOf<${[results, ...given].filter(isGiven).join(', ')}>`
    : `${typeName}Result`;
  const imports = [
    ...(stream.receives ? ['BodyReceiver'] : []),
    ...(stream.sends ? ['BodyToSend'] : []),
    ...(stream.receives ? ['StreamedResultOf'] : []),
  ];
  return {
    stream: {
      identifier: stream.identifier,
      typeName: stream.identifier.charAt(0).toUpperCase() + stream.identifier.slice(1),
      sends: stream.sends,
      receives: stream.receives,
      input: stream.sends ? `Omit<${typeName}Input, 'body'>` : `${typeName}Input`,
      result: called,
    },
    streamImports: imports.map((name) => `${name}, `).join(''),
  };
}

function docsOf(operation: Operation, plan: SurfaceOperation['plan']): string[] {
  const told = [operation.summary, operation.description].filter(
    (text, index, all): text is string =>
      text !== undefined && text.trim() !== '' && all.indexOf(text) === index,
  );
  const keep = plan.idempotency.mode === 'header' ? `header ${plan.idempotency.name}` : plan.idempotency.mode;
  const names = Object.keys(plan.refusals ?? {});
  const facts = [
    `\`${addressOf(operation)}\``,
    `effect: ${plan.effect}`,
    `idempotency: ${keep}`,
    ...(names.length > 0 ? [`refused: ${names.join(', ')}`] : []),
  ].join(' · ');
  const lines = [
    ...told.flatMap((text) => [...commentLines(text, DOC_LINES_MAX), '']),
    commentLine(facts),
    ...(operation.deprecated
      ? [
          `@deprecated${operation.sunset === undefined ? '' : ` Gone after ${commentLine(operation.sunset)}.`}`,
        ]
      : []),
  ];
  return lines.map((line) => (line === '' ? '' : ` ${line}`));
}

function addressOf(operation: Operation): string {
  if (operation.kind === 'http') return `${operation.method.toUpperCase()} ${operation.path}`;
  const { channel, address }: MessageOperation = operation;
  return `send ${address ?? channel}`;
}

/** One definition a line: a change of the contract shows as a change of its lines. */
function definitionsJs(surface: Surface, header: string): string {
  const lines = Object.entries(surface.definitions)
    .sort(([a], [b]) => compareText(a, b))
    .map(
      ([name, schema]) =>
        `  ${name === '__proto__' ? '["__proto__"]' : JSON.stringify(name)}: ${compactLiteral(schema)},`,
    );
  const { name, version } = surface.contract;
  return `${header}\n\n/** Put into each plan when it is completed. */\nexport const contract = ${literal({ name, version })};\n\n/** Schemas by name; \`<name>.request\` where a value that is sent differs from one that is received. */\nexport const definitions = {\n${lines.join('\n')}\n};\n`;
}

const DEFINITIONS_DTS = `
export declare const contract: { readonly name: string; readonly version: string };

/** JSON Schemas by name. */
export declare const definitions: Readonly<Record<string, unknown>>;
`;

const FAILURE_CLASS = Object.keys(failureClasses)
  .map((name) => `'${name}'`)
  .join(' | ');

const DELIVERY = (['notSent', 'lost', 'answered'] as const satisfies readonly Delivery[])
  .map((name) => `'${name}'`)
  .join(' | ');
