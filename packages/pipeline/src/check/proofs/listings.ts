import { pagingRole } from '@tenon/connector';
import { references } from '@tenon/expression';
import { type Diagnostic, fromPointer, toPointer } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import type { CallSpec, PagesSpec } from '../../spec/pipeline-spec.ts';
import type { Template } from '../../spec/template.ts';
import type { ResolvedCall } from '../catalog.ts';
import { inputGap } from '../data/schema-path.ts';
import type { Checked } from './masters.ts';

type Pagination = NonNullable<ResolvedCall['declared']['pagination']>;

/**
 * A step makes one request unless it says `pages`, so of a listing it reads one page. Whoever says which page, or how many items, or looks at
 * whether there is a further page, knows that; whoever reads the items and does none of these mostly takes the page for
 * everything.
 */
export function checkListings({ model, data }: Checked): Diagnostic[] {
  const read = readOfSteps(data);
  return [...model.calls.values()].flatMap(({ step, call }): Diagnostic[] => {
    if (step.pages) return checkPages(step, step.pages, call);
    const { pagination } = call.declared;
    if (!pagination || saysWhichPage(step.with, call, pagination)) return [];
    const ofItems = placeIn(step.id.value, pagination.items);
    const signs = signsOf(pagination).map((sign) => placeIn(step.id.value, sign));
    if (!read.some((place) => isWithin(place, ofItems) || isWithin(ofItems, place))) return [];
    if (read.some((place) => signs.includes(place))) return [];
    const name = step.call.value;
    return [
      diagnostic('listing-read-in-part', {
        message: `\`${name}\` answers in pages, and this step reads the first one only`,
        at: step.call.at,
        subject: `${step.id.value} ${name}`,
        fix: fixFor(step.id.value, call, pagination),
      }),
    ];
  });
}

/** All pages are read of what has pages, and from the first one on. */
function checkPages(step: CallSpec, pages: PagesSpec, call: ResolvedCall): Diagnostic[] {
  const { effect, pagination } = call.declared;
  const name = step.call.value;
  const subject = `${step.id.value} ${name}`;
  if (effect !== 'read' || !pagination)
    return [
      diagnostic('pages-without-pagination', {
        message:
          effect === 'read'
            ? `\`${name}\` answers in one piece: its connector declares no \`pagination\``
            : `\`${name}\` changes something, and is not done once for each page`,
        at: pages.at,
        subject,
        ...(effect === 'read' && {
          fix: `say in connectors/${call.manifest.name}/connector.yaml how \`${call.plan.operation}\` pages (\`pagination\`), or leave \`pages\` out`,
        }),
      }),
    ];
  const position = positionGiven(step.with, call, pagination);
  if (position === undefined) return [];
  return [
    diagnostic('pages-from-the-middle', {
      message: `\`${position}\` says where \`${step.id.value}\` begins, so the pages before it would not be read`,
      at: pages.at,
      subject,
      fix: `leave \`${position}\` out of \`with\`: each page is asked for by its position; or leave \`pages\` out, and read the one that is named`,
    }),
  ];
}

/** What `with` calls the position at which to begin, where it says one. */
function positionGiven(
  given: Template | undefined,
  call: ResolvedCall,
  pagination: Pagination,
): string | undefined {
  if (given?.kind !== 'object') return undefined;
  const named = pagination.type === 'link' ? undefined : pagination.in;
  if (named?.startsWith('/')) return isGiven(given, fromPointer(named)) ? asWritten(named) : undefined;
  return given.entries.find(({ name: key }) => {
    const name = parametersOf(call).find((one) => one.key === key)?.name;
    const role = name === undefined ? undefined : pagingRole(name);
    return named === undefined ? role !== undefined && role !== 'limit' : name === named;
  })?.name;
}

/** What is read of the results of steps, as pointers that begin with a step's id. */
function readOfSteps({ reads }: Checked['data']): readonly string[] {
  return [...reads.keys()].flatMap(({ parsed }) =>
    references(parsed.ast).flatMap(({ root, path }) =>
      root === 'steps' ? toPointer(path.map(({ name }) => name)) : [],
    ),
  );
}

function placeIn(step: string, pointer: string): string {
  return toPointer([step, ...fromPointer(pointer)]);
}

function isWithin(place: string, outer: string): boolean {
  return place === outer || place.startsWith(`${outer}/`);
}

function saysWhichPage(given: Template | undefined, call: ResolvedCall, pagination: Pagination): boolean {
  if (given === undefined) return false;
  // What an expression gives as a whole may hold any parameter.
  if (given.kind !== 'object') return true;
  if (placesIn(pagination).some((place) => isGiven(given, fromPointer(place)))) return true;
  return given.entries.some(({ name: key, value }) => {
    if (key === 'body' && isInBody(pagination)) return givesLength(value);
    const name = parametersOf(call).find((one) => one.key === key)?.name;
    return name !== undefined && isPaging(name, pagination);
  });
}

/** Where in the body its position, and the length of a page, stand. */
function placesIn(pagination: Pagination): readonly string[] {
  if (pagination.type === 'link') return [];
  const named = [pagination.in, ...(pagination.type === 'offset' ? [pagination.limit] : [])];
  return named.filter((one) => one.startsWith('/'));
}

function isInBody(pagination: Pagination): boolean {
  return placesIn(pagination).length > 0;
}

/** Is something given there, or may what an expression gives hold it? */
function isGiven(given: Template, [name, ...rest]: readonly string[]): boolean {
  if (name === undefined || given.kind === 'expression') return true;
  if (given.kind !== 'object') return false;
  const entry = given.entries.find((one) => one.name === name);
  return entry !== undefined && isGiven(entry.value, rest);
}

/** Does a body that pages say, by the name of one of its members, how many items it wants? */
function givesLength(body: Template): boolean {
  return body.kind !== 'object' || body.entries.some(({ name }) => pagingRole(name) === 'limit');
}

function isPaging(name: string, pagination: Pagination): boolean {
  if (pagination.type === 'link') return pagingRole(name) !== undefined;
  if (name === pagination.in || (pagination.type === 'offset' && name === pagination.limit)) return true;
  return pagingRole(name) === 'limit';
}

/** Pointers to what an answer says of a further page. */
function signsOf(pagination: Pagination): readonly string[] {
  const signs = [
    pagination.type === 'cursor' ? pagination.out : undefined,
    'more' in pagination ? pagination.more : undefined,
  ];
  return signs.filter((one) => one !== undefined);
}

function fixFor(step: string, call: ResolvedCall, pagination: Pagination): string {
  const [sign] = signsOf(pagination).map((one) => ['steps', step, ...fromPointer(one)].join('.'));
  const limit = lengthOf(call, pagination);
  const ways = [
    'read all of them (`pages: { atMost: <pages> }`)',
    ...(limit === undefined ? [] : [`say how many are wanted (\`${limit}\`)`]),
    ...(pagination.type === 'link' ? [] : [`pass the page’s position (\`${asWritten(pagination.in)}\`)`]),
    ...(sign === undefined ? [] : [`hold in a \`check\` that there is no further page (\`${sign}\`)`]),
  ];
  const however =
    'where there may be any number of items, a poll starts a run for each, or a reconciliation goes through them';
  return `${ways.join(', or ')}; ${however}; where one page is sure to hold everything, say why on the line above: \`# tenon: allow listing-read-in-part because <reason>\``;
}

/** What the length of a page is called, as a step writes it. */
function lengthOf(call: ResolvedCall, pagination: Pagination): string | undefined {
  const parameter = parametersOf(call).find(({ name }) => pagingRole(name) === 'limit');
  if (parameter || !isInBody(pagination)) return parameter?.key;
  const members = inputGap(call.plan, '/body/ ')?.candidates ?? [];
  const member = members.find((name) => pagingRole(name) === 'limit');
  return member === undefined ? undefined : `body.${member}`;
}

function asWritten(named: string): string {
  return named.startsWith('/') ? fromPointer(named).join('.') : named;
}

function parametersOf({ plan }: ResolvedCall) {
  return plan.http?.parameters ?? [];
}
