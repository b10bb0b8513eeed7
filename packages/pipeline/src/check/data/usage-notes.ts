import type { ContractUsage } from '@tenon/contract';
import type { Type } from '@tenon/expression';
import { type Location, toPointer } from '@tenon/model';
import type { Located } from '../../spec/pipeline-spec.ts';
import type { SpecExpression, Template } from '../../spec/template.ts';
import type { ResolvedCall, ResolvedEvent } from '../catalog.ts';
import { ownerOf, type PipelineModel } from '../model.ts';
import { responsesOf, type TakenRefusal } from '../proofs/refusals.ts';
import type { Read } from './expressions.ts';
import type { NamedSource, UsageTarget } from './scope.ts';
import { valuesOf, valuesOfLiteral } from './values-of.ts';

type Entry = Omit<ContractUsage, 'pipeline' | 'owner'>;

/** What a pipeline's own text reads of contracts' data and writes into it, as the check comes by. */
export class UsageNotes {
  readonly all: ContractUsage[] = [];
  readonly #model: PipelineModel;
  readonly #typeOf: (one: SpecExpression) => Type;

  constructor(model: PipelineModel, typeOf: (one: SpecExpression) => Type) {
    this.#model = model;
    this.#typeOf = typeOf;
  }

  read(step: string, { source, path, expression, at, comparedWith, itemsUnread, isNaming }: Read): void {
    this.#note({
      step,
      ...source,
      access: 'read',
      path,
      expression,
      at,
      ...(comparedWith !== undefined && { comparedWith }),
      ...(itemsUnread && { itemsUnread: true as const }),
      ...(isNaming && { isNaming: true as const }),
    });
  }

  /** Who listens needs the event, whatever is read of it. */
  listens(event: ResolvedEvent, step: string, { value, at }: Located<string>): void {
    this.#note({
      step,
      ...eventTarget(event),
      access: 'read',
      path: '',
      isNaming: true,
      expression: value,
      at,
    });
  }

  /** Every leaf of a template is a write at its pointer; without one the target is named all the same, at `at`. */
  writes(
    one: Template | undefined,
    target: UsageTarget & Pick<ContractUsage, 'call'>,
    step: string,
    at: Location,
    path = '',
    place = path,
  ): void {
    const entry = (
      written: string,
      where: Location,
      more: { readonly isNaming?: true; readonly values?: ContractUsage['values'] | undefined } = {},
    ): void =>
      this.#note({
        step,
        ...target,
        access: 'write',
        path,
        ...(more.isNaming && { isNaming: true }),
        ...(more.values && { values: more.values }),
        ...(place !== path && { place }),
        expression: written,
        at: where,
      });
    const { document } = this.#model.spec;
    switch (one?.kind) {
      case undefined:
        entry('', at, { isNaming: true });
        return;
      case 'object':
        if (one.entries.length === 0) entry('{}', document.at(one.node));
        for (const { name, value } of one.entries) {
          const member = toPointer([name]);
          this.writes(value, target, step, at, path + member, place + member);
        }
        return;
      case 'array':
        for (const [index, item] of one.items.entries()) {
          const number = one.items.length > 1 ? String(index) : '*';
          this.writes(item, target, step, at, `${path}/*`, `${place}/${number}`);
        }
        return;
      case 'expression':
        entry(one.expression.source, one.expression.at, {
          values: valuesOf(this.#typeOf(one.expression)),
        });
        return;
      case 'text':
        entry(String(one.node.value), document.at(one.node));
        return;
      case 'literal':
        entry(JSON.stringify(one.value), document.at(one.node), { values: valuesOfLiteral(one.value) });
    }
  }

  /** Of what was noted since `from`, the list at a pointer is read apart from its items, which are noted where they are read. */
  leavesItems(from: number, list: string | undefined): void {
    for (let index = from; index < this.all.length; index++)
      if (this.all[index]!.path === list) this.all[index] = { ...this.all[index]!, itemsUnread: true };
  }

  #note(entry: Entry): void {
    const { spec } = this.#model;
    this.all.push({ pipeline: spec.name.value, ...entry, owner: ownerOf(this.#model) });
  }
}

export function eventTarget(event: ResolvedEvent): UsageTarget & {
  readonly target: { readonly kind: 'event'; readonly event: string };
} {
  return { contract: event.contract.name, target: { kind: 'event', event: event.plan.event } };
}

export function responseTarget({ contract, plan }: ResolvedCall): UsageTarget {
  return { contract: contract.name, target: { kind: 'response', operation: plan.operation } };
}

/** Of a step that takes refusals. */
export function refusableTarget(call: ResolvedCall, refusals: readonly TakenRefusal[]): NamedSource {
  const { contract, plan } = call;
  const target = { kind: 'response', operation: plan.operation, refused: responsesOf(refusals) } as const;
  return { ...responseTarget(call), refused: { contract: contract.name, target } };
}

export function requestTarget({ contract, plan }: ResolvedCall): UsageTarget {
  return { contract: contract.name, target: { kind: 'request', operation: plan.operation } };
}
