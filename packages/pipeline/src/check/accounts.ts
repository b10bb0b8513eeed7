import { checkExpression, type Environment, parseExpression, presentOf, references } from '@tenon/expression';
import type { Diagnostic } from '@tenon/model';
import { diagnostic } from '../rules.ts';
import { expressionsOf, type Template } from '../spec/template.ts';
import type { PipelineFacts } from './facts.ts';
import { CONNECTION } from './incoming.ts';
import type { Checked } from './masters.ts';

/**
 * Two accounts of one kind give the same ids to different things: what is known by an id alone is one thing to us. So where events come over
 * several connections, the business key says over which, and so does what counts versions (C40, C46).
 */
export function checkAccounts({ model, data }: Checked): Diagnostic[] {
  const { spec, trigger } = model;
  const { key, orderBy, version } = spec.identity ?? {};
  const names = connectionsIn(data.taken);
  if (!trigger || names.length < 2) return [];
  const listed = names.map((name) => `\`${name}\``).join(names.length === 2 ? ' and ' : ', ');
  const found = (at: Template, part: 'key' | 'orderBy', consequence: string): Diagnostic =>
    diagnostic('accounts-not-told-apart', {
      message: `\`${trigger.name}\` may come over ${listed}, and the ${part === 'key' ? 'key' : 'order key'} does not say over which: ${consequence}`,
      at: spec.document.at(at.node),
      subject: `${spec.name.value} ${part}`,
      fix: `write ${told(part, at)}; ${OTHERWISE(names[0]!)}`,
    });
  return [
    ...(key && isBlind(key)
      ? [found(key, 'key', 'the second event with an id that both accounts have would count as a repeat')]
      : []),
    ...(orderBy && version && isBlind(orderBy)
      ? [found(orderBy, 'orderBy', 'a version of one account would be left out for a newer one of the other')]
      : []),
  ];
}

/** Of events that are to be handled for one account, or whose ids are of no account. */
const OTHERWISE = (name: string): string =>
  `where only one of them is to start it, add \`connection == '${name}'\` to \`where\`, or leave the event out of \`sources\` of the others; where the ids are the same in all accounts, say so on the line above: \`# tenon: allow accounts-not-told-apart because <reason>\``;

/** It reads the event, and not over which connection that came. What reads nothing is told as such. */
function isBlind(template: Template): boolean {
  const expressions = expressionsOf(template);
  if (expressions.some(({ parsed }) => parsed.errors.length > 0)) return false;
  const roots = expressions.flatMap(({ parsed }) => references(parsed.ast).map(({ root }) => root));
  return roots.length > 0 && !roots.includes(CONNECTION);
}

function told(part: string, { node }: Template): string {
  const written = node.kind === 'scalar' ? String(node.value) : '…';
  return `\`${part}: ${JSON.stringify(`\${ ${CONNECTION} }:${written}`)}\``;
}

/** What a pipeline publishes came over no connection: who listens to it and asks over which would be held with each of them. */
export function checkConnectionless(pipelines: readonly PipelineFacts[]): Diagnostic[] {
  const emitted = Map.groupBy(
    pipelines.flatMap(({ pipeline, causes }) =>
      causes.flatMap((cause) => (cause.isEmitted ? [{ ...cause, pipeline }] : [])),
    ),
    ({ event }) => event,
  );
  return pipelines.flatMap(({ pipeline, trigger, connectionRead }) => {
    const [first] = (trigger && connectionRead && emitted.get(trigger.event)) ?? [];
    if (first === undefined || connectionRead === undefined) return [];
    return [
      diagnostic('connection-absent', {
        message: `\`${first.event}\` comes over no connection where ${first.pipeline} publishes it`,
        at: connectionRead,
        subject: `${pipeline} ${first.pipeline}`,
        related: [{ ...first.at, message: 'published here' }],
        fix: 'put what is done into a pipeline with a `manual` trigger that takes the name of the connection as input, and `run` it from both; or publish an event of your own',
      }),
    ];
  });
}

/** Connections over which the event may have come, by what is known at a place; none where that cannot be told. */
export function connectionsIn(environment: Environment): readonly string[] {
  if (environment.variables[CONNECTION] === undefined) return [];
  const type = presentOf(checkExpression(NAME, environment).type);
  return type.kind === 'string' ? (type.values ?? []) : [];
}

const NAME = parseExpression(CONNECTION).ast;
