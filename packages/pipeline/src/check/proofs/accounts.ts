import { checkExpression, type Environment, parseExpression, presentOf, references } from '@tenon/expression';
import type { Diagnostic } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import type { CallSpec, EmitSpec, Located } from '../../spec/pipeline-spec.ts';
import { expressionsOf, type Template } from '../../spec/template.ts';
import type { ResolvedCall, ResolvedEvent } from '../catalog.ts';
import type { DataCheck } from '../data/data.ts';
import { CONNECTION, incomingOver, OVER_OWN, outgoingOver } from '../data/incoming.ts';
import type { PipelineFacts } from './facts.ts';
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
  const listed = listOf(names);
  const found = (at: Template, part: 'key' | 'orderBy', consequence: string): Diagnostic =>
    diagnostic('accounts-not-told-apart', {
      message: `\`${trigger.name}\` may come over ${listed}, and the ${part === 'key' ? 'key' : 'order key'} does not say over which: ${consequence}`,
      at: spec.document.at(at.node),
      subject: `${spec.name.value} ${part}`,
      fix: `write ${told(part, at)}; ${OTHERWISE(names[0]!)}`,
    });
  return [
    ...(key && isBlind(key)
      ? [found(key, 'key', 'the event of another account with the same id would count as a repeat')]
      : []),
    ...(orderBy && version && isBlind(orderBy)
      ? [found(orderBy, 'orderBy', 'a version of one account would be left out for a newer one of another')]
      : []),
  ];
}

/**
 * What a run does, it does for the account of its event: a call over one of several goes to that one whosever event it is, and an event that is
 * waited for is told by its ids, which the others have as well.
 */
export function checkAccountsOfSteps({ model, data }: Checked): Diagnostic[] {
  const oneOfSeveral = (step: CallSpec, { value, at }: Located<string>, call: ResolvedCall): Diagnostic[] => {
    const names = call.over === undefined ? forWhom(step, data) : [];
    const others = names.filter((name) => name !== call.connection);
    if (others.length === 0 || others.length === names.length) return [];
    const written = `${call.manifest.name}.${call.operation.id}`;
    return [
      diagnostic('call-over-one-account', {
        message: `\`${value}\` goes over \`${call.connection}\`, and the event may have come over ${listOf(others)}`,
        at,
        subject: `${model.spec.name.value} ${step.id.value} ${value}`,
        fix: `${written === value ? '' : `write \`call: ${written}\`, and `}add ${OVER_OWN}; where it is for that account alone, say \`when: "\${ connection == '${call.connection}' }"\``,
      }),
    ];
  };
  const toAll = (step: EmitSpec, event: ResolvedEvent): Diagnostic[] => {
    const out = outgoingOver(event, model.catalog.workspace);
    if (step.over || out.length < 2) return [];
    const environment = data.environments.get(step);
    const own = environment ? connectionsIn(environment) : [];
    const isOfOne = [...own, ...[...data.over.values()].flat()].some((name) => out.includes(name));
    if (!isOfOne && own.length < 2) return [];
    const isOwn = own.length > 0 && own.every((name) => out.includes(name));
    return [
      diagnostic('emit-over-all-accounts', {
        message: `\`${event.name}\` goes out over ${listOf(out)}, and what the run does is for one account`,
        at: step.emit.at,
        subject: `${model.spec.name.value} ${step.id.value}`,
        fix: `add ${isOwn ? OVER_OWN : `\`over\` with what says whether it is ${out.join(' or ')}`}; where all of them are to be told, say so on the line above: \`# tenon: allow emit-over-all-accounts because <reason>\``,
      }),
    ];
  };
  return [
    ...[...model.calls.values()].flatMap(({ step, call, compensation, guard }) => {
      const parts = [
        [step.call, call],
        [step.compensate?.call, compensation],
        [step.compensate?.guard?.read, guard],
      ] as const;
      // What undoes the step in the same system is held against the step: see `checkUndoing`.
      const found = parts.flatMap(([name, one]) =>
        name && one && (one === call || one.manifest !== call.manifest) ? oneOfSeveral(step, name, one) : [],
      );
      return found.slice(0, 1);
    }),
    ...[...model.events].flatMap(([step, event]) => (step.kind === 'emit' ? toAll(step, event) : [])),
    ...[...model.events].flatMap(([step, event]): Diagnostic[] => {
      const names = incomingOver(event, model.catalog.workspace);
      if (step.kind !== 'wait' || !step.event || step.over || names.length < 2) return [];
      return [
        diagnostic('accounts-not-told-apart', {
          message: `\`${event.name}\` may come over ${listOf(names)}, and the wait does not say over which: that of another account with the same ids would be taken for it`,
          at: step.event.at,
          subject: `${model.spec.name.value} ${step.id.value}`,
          fix: `add ${named(names, data)} to the \`wait\`; where the ids are the same in all accounts, say so on the line above: \`# tenon: allow accounts-not-told-apart because <reason>\``,
        }),
      ];
    }),
  ];
}

/** What names the account of a run: its own event's connection, where that is one of these. */
function named(names: readonly string[], data: DataCheck): string {
  const own = connectionsIn(data.taken);
  const isOwn = own.length > 0 && own.every((name) => names.includes(name));
  return isOwn ? OVER_OWN : `\`over\` with what says whether it is ${names.join(' or ')}`;
}

/** Connections of which a step is to do its work for one: those of its event, or those that its `over` may name. */
function forWhom(step: CallSpec, data: DataCheck): readonly string[] {
  const environment = data.environments.get(step);
  return data.over.get(step) ?? (environment ? connectionsIn(environment) : []);
}

function listOf(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(names.length === 2 ? ' and ' : ', ');
}

/** Of events that are to be handled for one account, or whose ids are of no account. */
const OTHERWISE = (name: string): string =>
  `where only one of them is to start it, add \`connection == '${name}'\` to \`where\`, or take it in over that one alone (by \`sources\` and \`webhookSecrets\` of the connections); where the ids are the same in all accounts, say so on the line above: \`# tenon: allow accounts-not-told-apart because <reason>\``;

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
      causes.flatMap((cause) => (cause.isEmitted === true ? [{ ...cause, pipeline }] : [])),
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
