import {
  type ConnectorManifest,
  inputPointer,
  type OperationPlan,
  type PaginationManifest,
  type PollManifest,
  pollInput,
} from '@tenon/connector';
import type { Contract } from '@tenon/contract';
import type { PositionedDocument } from '@tenon/document';
import { type Diagnostic, fromPointer, toPointer } from '@tenon/model';
import { isSchemaObject, validatorFor } from '@tenon/schema';
import { bundled, planOperation } from '../../plan-operation.ts';
import { diagnostic } from '../../rules.ts';
import { firstGap, placeOf } from '../data/schema-path.ts';
import { inputProblem } from './manifest-inputs.ts';
import { near } from './near.ts';

/** The cursor goes into a parameter of the listing that does not page, and comes, like the id, out of each item; and the first listing is one that is taken. */
export function checkPolls(
  manifest: ConnectorManifest,
  contract: Contract,
  document: PositionedDocument,
): Diagnostic[] {
  return Object.entries(manifest.sources).flatMap(([name, { poll }]): Diagnostic[] => {
    const event = contract.events.get(name);
    const operation = poll && contract.operations.get(poll.operation);
    if (!poll || !event || !operation) return [];
    const found: Diagnostic[] = [];
    const here = ['sources', name, 'poll'];
    const unknown = (key: string[], message: string, wanted: string, candidates: readonly string[]): void => {
      found.push(
        diagnostic('manifest-poll-unknown', {
          message,
          at: document.locate(toPointer([...here, ...key])),
          subject: `${manifest.name} ${name} ${key.join(' ')}`,
          ...near(wanted, candidates),
        }),
      );
    };
    const plan = planOperation(contract, manifest, poll.operation);
    const problem = plan && inputProblem(operation, plan, poll.cursor.in, poll.with);
    if (problem) unknown(['cursor', 'in'], problem.message, problem.gap.name, problem.gap.candidates);
    const payload = placeOf(bundled(contract, event.message.payload, 'response'));
    for (const [key, pointer] of [
      [['key'], poll.key],
      [['cursor', 'from'], poll.cursor.from],
    ] as const) {
      const gap = firstGap(payload, pointer);
      if (gap) unknown([...key], `event \`${name}\` has no \`${pointer}\``, gap.name, gap.candidates);
    }
    const paged = plan?.pagination && pagingProblem(poll, plan.pagination);
    if (paged)
      found.push(
        diagnostic('manifest-poll-cursor-pages', {
          ...paged,
          at: document.locate(toPointer([...here, 'cursor', 'in'])),
          subject: `${manifest.name} ${name}`,
        }),
      );
    // What goes to a parameter that is not there, or is another than was meant, need not fit it.
    if (plan && !problem && !paged)
      for (const { key, message } of refusals(plan, poll))
        found.push(
          diagnostic('manifest-poll-input-invalid', {
            message,
            at: document.locate(toPointer([...here, ...key])),
            subject: `${manifest.name} ${name} ${key.join(' ')}`,
          }),
        );
    return found;
  });
}

/** Two things in one parameter: each page but the first is asked for with the page's position, and nothing is left of the poll's. */
function pagingProblem(
  { cursor }: PollManifest,
  pagination: PaginationManifest,
): { readonly message: string; readonly fix?: string } | undefined {
  if (pagination.type === 'link') return undefined;
  const place = inputPointer(cursor.in);
  if (pagination.type === 'offset' && inputPointer(pagination.limit) === place)
    return { message: `\`${cursor.in}\` says how many items a page has, and the poll puts its cursor there` };
  if (inputPointer(pagination.in) !== place) return undefined;
  const message = `\`${cursor.in}\` takes the position of a page, and the poll puts its cursor there`;
  switch (pagination.type) {
    case 'after':
      // Then a page's position is what the poll goes by.
      return pagination.id === cursor.from
        ? undefined
        : {
            message,
            fix: `the listing goes on from \`${pagination.id}\` of its last item: say so in \`from\`, or name the parameter that selects what is new`,
          };
    case 'cursor':
      return {
        message,
        fix: `name the parameter that selects what is new; where the listing goes on from a value of its last item, its pagination is \`{ type: after, in: ${pagination.in}, id: ${cursor.from} }\``,
      };
    default:
      return { message };
  }
}

/** What the listing is asked with first, where the contract would have it refused. */
function refusals(
  { input, operation }: OperationPlan,
  poll: PollManifest,
): { readonly key: readonly string[]; readonly message: string }[] {
  if (!isSchemaObject(input)) return [];
  const { $defs = {}, ...schema } = input;
  const place = inputPointer(poll.cursor.in);
  return validatorFor(
    schema,
    $defs,
  )(pollInput({ ...poll, operation: { input } })).map(({ pointer, message }) => {
    const isCursor = poll.cursor.initial !== undefined && `${pointer}/`.startsWith(`${place}/`);
    const key = isCursor ? ['cursor', 'initial'] : Object.keys(poll.with).length > 0 ? ['with'] : [];
    return { key, message: `\`${operation}\` \`${fromPointer(pointer).join('.')}\` ${message}` };
  });
}
