import type { HttpOperation } from '@tenon/contract';

export type GuessedEffect = 'read' | 'create' | 'update' | 'delete';

/** What an operation most likely does, and why a person must look at that; absent: the method says it. */
export interface EffectGuess {
  readonly effect: GuessedEffect;
  readonly review?: string;
}

/**
 * By method, and of a POST by its names: many ask by one, because what they ask does not fit a URL. A read is repeated without a
 * second thought, so a POST is taken for one only where a name says so and nothing else about it says that something is made.
 */
export function effectOf(
  operation: Pick<HttpOperation, 'id' | 'path' | 'method' | 'responses'>,
  /** The GET of the address that it stands below. */
  above?: Pick<HttpOperation, 'responses'>,
): EffectGuess {
  const { method, path } = operation;
  if (method !== 'post') return { effect: BY_METHOD[method] ?? 'update' };
  if (CALLS_OFF.test(path)) return { effect: 'update' };
  if (isGraphQl(path))
    return {
      effect: 'update',
      review: 'takes queries and mutations at one address: `read` where a pipeline sends queries alone',
    };
  if (isAsking(operation)) return { effect: 'read', review: 'a POST that reads, by its name' };
  return {
    effect: isAction(operation, above) ? 'update' : 'create',
    review: 'a POST: does it create, change or send?',
  };
}

/** Ends of paths whose POST changes the state of one object: to call it off is no creation. */
export const CALLS_OFF = /\}\/(cancel|void|revoke|reverse|undo|close)$/i;

const BY_METHOD: Readonly<Record<string, GuessedEffect>> = {
  get: 'read',
  head: 'read',
  options: 'read',
  trace: 'read',
  query: 'read',
  put: 'update',
  patch: 'update',
  delete: 'delete',
};

/** `refundPayment` as `/payments/{id}/refund`: done to what is there, unless something is said to be made, or another thing is answered. */
function isAction(
  { id, path, responses }: Parameters<typeof effectOf>[0],
  above: Parameters<typeof effectOf>[1],
): boolean {
  const verb = /\}\/([^/{}]+)\/?$/.exec(path)?.[1]?.toLowerCase();
  if (verb === undefined || verb !== wordsOf(id)[0] || MAKES_ANOTHER.has(verb)) return false;
  if (responses.some(({ status }) => status === '201')) return false;
  const [answered, own] = [answerOf(responses), answerOf(above?.responses ?? [])];
  return answered === undefined || own === undefined || answered === own;
}

/** The name of what is answered, where it has one. */
function answerOf(responses: HttpOperation['responses']): unknown {
  const schema = responses.find(({ status }) => /^2/.test(status))?.content[0]?.schema;
  return typeof schema === 'object' ? schema['$ref'] : undefined;
}

function isGraphQl(path: string): boolean {
  return wordsOf(lastSegment(path)).join('') === 'graphql';
}

function isAsking({ id, path, responses }: Parameters<typeof effectOf>[0]): boolean {
  const succeeding = responses.filter(({ status }) => /^2/.test(status));
  // What is asked is answered with 200.
  if (succeeding.length > 0 && !succeeding.some(({ status }) => /^2(00|XX)$/i.test(status))) return false;
  const [segment, name] = [wordsOf(lastSegment(path)), wordsOf(id)];
  if ([...segment, ...name].some((word) => MAKES.has(word))) return false;
  // `searchOrders` asks, and so do `/batch/read` and `:batchGet`; `saved_search` and `value_list` are things.
  return (
    ASKS.has(name[0] ?? '') ||
    (ASKS.has(segment.at(-1) ?? '') && segment.slice(0, -1).every((word) => OF_MANY.has(word)))
  );
}

/** The last part of a path that has a name; of `contacts:batchGet`, its verb. */
function lastSegment(path: string): string {
  const segment = path.split('/').findLast((one) => one !== '' && !one.startsWith('{')) ?? '';
  return segment.slice(segment.lastIndexOf(':') + 1);
}

function wordsOf(name: string): readonly string[] {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase());
}

/** Verbs that ask. In the plural they are things: `POST /searches` makes one. */
const ASKS: ReadonlySet<string> = new Set([
  'search',
  'msearch',
  'query',
  'lookup',
  'find',
  'filter',
  'list',
  'get',
  'read',
  'fetch',
  'bulkfetch',
  'count',
  'preview',
  'validate',
  'estimate',
  'calculate',
  'parse',
]);

/** What stands before a verb that asks, and leaves it one. */
const OF_MANY: ReadonlySet<string> = new Set(['batch', 'bulk', 'execute', 'advanced']);

/** Verbs that are done to one thing and make another of it. */
const MAKES_ANOTHER: ReadonlySet<string> = new Set([
  'create',
  'make',
  'add',
  'new',
  'insert',
  'import',
  'upload',
  'copy',
  'clone',
  'duplicate',
  'fork',
  'comment',
  'reply',
]);

/** Verbs beside which another one asks for nothing: `findOrCreate`, `saveSearch`. */
const MAKES: ReadonlySet<string> = new Set([
  'create',
  'make',
  'add',
  'new',
  'save',
  'insert',
  'upsert',
  'update',
  'set',
  'put',
  'patch',
  'delete',
  'remove',
  'archive',
  'merge',
  'send',
  'start',
  'run',
  'submit',
  'cancel',
  'import',
  'upload',
  'move',
  'copy',
  'assign',
  'replace',
  'restore',
  'purge',
  'clear',
  'mark',
  'register',
  'subscribe',
]);
