import { isZone } from '@tenon/connector';
import { cronProblem } from '@tenon/connector/schedule';
import { describeType, presentOf, references, type Type, union } from '@tenon/expression';
import { type Diagnostic, didYouMean, fromPointer, type Location } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import { type FieldSpec, type ReconciliationSpec, SIDES } from '../../spec/reconciliation-spec.ts';
import { expressionsOf, type SpecExpression, type Template } from '../../spec/template.ts';
import type { DataCheck } from '../data/data.ts';
import { lookedUp } from '../data/records-type.ts';
import { typeOfSchema, typeOfTemplate } from '../data/types.ts';
import type { PipelineModel } from '../model.ts';
import type { Interfaces } from '../pipeline-interface.ts';
import { itemsPointer, recordsOf } from './reconciliation-steps.ts';

/** What is asked of a reconciliation beyond what its steps say: it reads only, and compares what can be compared. */
export function checkReconciliation(
  model: PipelineModel,
  data: DataCheck,
  pipelines: Interfaces,
): readonly Diagnostic[] {
  const { reconciliation: spec } = model.spec;
  if (!spec) return [];
  return [
    ...reads(model),
    ...lists(model, spec),
    ...keys(spec, data),
    ...spec.compare.flatMap((field) => comparable(field, data, 'compare')),
    ...spec.totals.flatMap((field) => comparable(field, data, 'totals')),
    ...settling(spec),
    ...schedule(spec),
    ...repairs(spec, pipelines),
    ...foreignNames(model, spec),
  ];
}

/** A comparison that changed something could not be repeated, and would compare its own traces. */
function reads(model: PipelineModel): readonly Diagnostic[] {
  return [...model.calls.values()].flatMap(({ step, call }) =>
    call.declared.effect === 'read'
      ? []
      : [
          diagnostic('reconciliation-writes', {
            message: `\`${step.call.value}\` has the effect \`${call.declared.effect}\`; a reconciliation only reads`,
            at: step.call.at,
            subject: step.call.value,
          }),
        ],
  );
}

function lists(model: PipelineModel, spec: ReconciliationSpec): readonly Diagnostic[] {
  return [...model.calls.values()].flatMap(({ step, call }) => {
    const name = SIDES.find((one) => one === step.id.value);
    const side = name && spec.sides[name];
    if (!side) return [];
    const pointer = itemsPointer(side, model.catalog);
    const list = fromPointer(pointer).reduce(
      (type: Type | undefined, name) => type && lookedUp(type, name),
      typeOfSchema(call.plan.result) as Type | undefined,
    );
    if (list && (list.kind === 'list' || list.kind === 'any')) return [];
    const where = pointer === '' ? 'its answer' : `\`${pointer}\` of its answer`;
    const is = list ? describeType(list) : 'not there';
    return [
      diagnostic('reconciliation-without-list', {
        message: `\`${side.read.value}\` gives no list of records: ${where} is ${is}`,
        at: side.items?.at ?? side.read.at,
        subject: side.read.value,
      }),
    ];
  });
}

const TEXTUAL: ReadonlySet<string> = new Set(['string', 'number', 'boolean', 'null', 'any']);
const MOMENTS: ReadonlySet<string> = new Set(['string', 'number', 'null', 'any', 'timestamp']);

function keys(spec: ReconciliationSpec, data: DataCheck): readonly Diagnostic[] {
  return SIDES.flatMap((name) => {
    const side = spec.sides[name];
    return (['key', 'id', 'changedAt'] as const).flatMap((part) => {
      const value = side?.[part]?.value;
      if (!value) return [];
      const type = typeOf(value, data);
      const allowed = part === 'changedAt' ? MOMENTS : TEXTUAL;
      if (kindsOf(type).every((kind) => allowed.has(kind))) return [];
      const what = part === 'changedAt' ? 'a moment' : 'a text or a number';
      return notComparable(
        `\`${part}\` is ${describeType(type)}; it must be ${what}`,
        value,
        `${name}.${part}`,
      );
    });
  });
}

/** Both values are of one kind, and a tolerance is of theirs. */
function comparable(field: FieldSpec, data: DataCheck, part: 'compare' | 'totals'): readonly Diagnostic[] {
  const { source, target, tolerance, name } = field;
  if (!source || !target) return [];
  const types = { source: typeOf(source, data), target: typeOf(target, data) };
  const subject = `${part}.${name.value}`;
  if (part === 'totals') {
    for (const [side, template] of [
      ['source', source],
      ['target', target],
    ] as const)
      if (!kindsOf(types[side]).every((kind) => NUMERIC.has(kind)))
        return notComparable(
          `\`${name.value}\` is added up, and is ${describeType(types[side])} in the ${side}`,
          template,
          subject,
        );
  } else if (!haveCommonKind(types.source, types.target))
    return notComparable(
      `\`${name.value}\` is ${describeType(types.source)} in the source and ${describeType(types.target)} in the target: never equal`,
      target,
      subject,
    );
  if (!tolerance) return [];
  const { value } = tolerance;
  const isTime = typeof value === 'string' && !value.endsWith('%');
  if (isTime && part === 'totals')
    return [unfit(`a sum has no time; \`${value}\` is one`, tolerance.at, subject)];
  const allowed = isTime ? MOMENTS : NUMERIC;
  const odd = [types.source, types.target].find((type) => !kindsOf(type).every((kind) => allowed.has(kind)));
  if (!odd) return [];
  const wanted = isTime ? 'moments' : 'numbers';
  return [
    unfit(
      `\`${value}\` is between ${wanted}, and \`${name.value}\` is ${describeType(odd)}`,
      tolerance.at,
      subject,
    ),
  ];
}

const NUMERIC: ReadonlySet<string> = new Set(['number', 'null', 'any']);

function unfit(message: string, at: Location, subject: string): Diagnostic {
  return diagnostic('reconciliation-not-comparable', { message, at, subject: `${subject} tolerance` });
}

function notComparable(message: string, template: Template, subject: string): readonly Diagnostic[] {
  const at = placeOf(template);
  return at ? [diagnostic('reconciliation-not-comparable', { message, at, subject })] : [];
}

function placeOf(template: Template): Location | undefined {
  return [...expressionsOf(template)][0]?.at;
}

function settling({ settle, sides }: ReconciliationSpec): readonly Diagnostic[] {
  if (!settle || SIDES.some((side) => sides[side]?.changedAt)) return [];
  return [
    diagnostic('reconciliation-settles-blindly', {
      message: 'neither side says when a record was changed, so `settle` holds nothing back',
      at: settle.at,
      subject: 'settle',
    }),
  ];
}

function schedule({ schedule: written }: ReconciliationSpec): readonly Diagnostic[] {
  const { cron, zone } = written ?? {};
  const problem = cron && /^\S+( +\S+){4,5}$/.test(cron.value) ? cronProblem(cron.value) : undefined;
  return [
    ...(cron && problem !== undefined
      ? [
          diagnostic('reconciliation-schedule-unreadable', {
            message: `\`${cron.value}\` is no schedule: ${problem}`,
            at: cron.at,
            subject: 'schedule.cron',
          }),
        ]
      : []),
    ...(zone && !isZone(zone.value)
      ? [
          diagnostic('reconciliation-schedule-unreadable', {
            message: `\`${zone.value}\` is not the name of a time zone`,
            at: zone.at,
            subject: 'schedule.zone',
            fix: 'write its IANA name, like `Europe/Berlin`, or `UTC`',
          }),
        ]
      : []),
  ];
}

function repairs({ repair }: ReconciliationSpec, pipelines: Interfaces): readonly Diagnostic[] {
  return repair.flatMap(({ pipeline: { value: name, at }, start }) =>
    // One that is to be started is looked up by the step that stands for it.
    start || pipelines.has(name)
      ? []
      : [
          diagnostic('unknown-pipeline', {
            message: `there is no pipeline \`${name}\``,
            at,
            subject: name,
            misspelt: { name, meant: didYouMean(name, pipelines.keys()) },
          }),
        ],
  );
}

/** What stands for the reads are steps in the check alone: nothing of them is there when a record is looked at. */
function foreignNames(model: PipelineModel, spec: ReconciliationSpec): readonly Diagnostic[] {
  const named = [
    ...SIDES.flatMap((side) => [
      ...spec.compare.flatMap((field) => field[side] ?? []),
      ...spec.totals.flatMap((field) => field[side] ?? []),
      ...(['key', 'id', 'changedAt'] as const).flatMap((part) => spec.sides[side]?.[part]?.value ?? []),
    ]),
    ...SIDES.flatMap((side) => spec.sides[side]?.with ?? []),
    ...spec.repair.flatMap(({ entity }) => entity ?? []),
    ...spec.repair.flatMap(({ start }) => start?.with ?? []),
  ];
  const conditions = SIDES.flatMap((side) => spec.sides[side]?.where ?? []);
  const own = new Set([...SIDES, ...SIDES.map(recordsOf)] as readonly string[]);
  return [...named.flatMap((template) => [...expressionsOf(template)]), ...conditions].flatMap((one) =>
    references(one.parsed.ast).flatMap(({ root, path, span }) =>
      root === 'steps' && (path[0] === undefined || own.has(path[0].name))
        ? [
            diagnostic('unknown-step', {
              message: 'a reconciliation has no steps; what is looked at is `record`',
              at: one.locate(span),
              subject: model.spec.name.value,
            }),
          ]
        : [],
    ),
  );
}

function typeOf(template: Template, data: DataCheck): Type {
  return presentOf(typeOfTemplate(template, (one: SpecExpression) => data.types.get(one) ?? union([])));
}

function kindsOf(type: Type): readonly string[] {
  const present = presentOf(type);
  if (present.kind === 'union') return present.members.flatMap(kindsOf);
  return present.kind === 'never' ? [] : [present.kind];
}

/** Is there a value other than null that both can be? An enum of one may be spelt otherwise in the other. */
function haveCommonKind(source: Type, target: Type): boolean {
  const [a, b] = [kindsOf(source), kindsOf(target)];
  // What no record reaches has no values; that a condition before it leaves none was told there.
  if (a.length === 0 || b.length === 0) return true;
  if (a.includes('any') || b.includes('any')) return true;
  return a.some(
    (kind) => kind !== 'null' && b.includes(kind) && (kind !== 'string' || shareText(source, target)),
  );
}

function shareText(source: Type, target: Type): boolean {
  const [a, b] = [textsOf(source), textsOf(target)];
  return a === undefined || b === undefined || a.some((text) => b.includes(text));
}

/** The texts that a type allows; `undefined`: any. */
function textsOf(type: Type): readonly string[] | undefined {
  const present = presentOf(type);
  const members = present.kind === 'union' ? present.members : [present];
  const found = members.flatMap((one) => (one.kind === 'string' ? [one.values] : []));
  return found.some((values) => values === undefined) ? undefined : found.flatMap((values) => values ?? []);
}
