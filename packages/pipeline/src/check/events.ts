import { type Diagnostic, didYouMean } from '@tenon/model';
import { diagnostic } from '../rules.ts';
import type { Located } from '../spec/pipeline-spec.ts';
import type { ResolvedEvent } from './catalog.ts';
import type { PipelineModel } from './model.ts';

/** Words that tell somebody to do something; an event says what has happened. */
const IMPERATIVES: ReadonlySet<string> = new Set(
  'create update delete send make start run process sync do add remove set cancel approve reject notify invoke trigger execute publish'.split(
    ' ',
  ),
);

/** Events are named, versioned facts with a schema (C1, C4). */
export function checkEvents(model: PipelineModel): Diagnostic[] {
  const { spec } = model;
  const named: [ResolvedEvent, Located<string>][] = [];
  if (model.trigger && spec.trigger?.kind === 'event') named.push([model.trigger, spec.trigger.event]);
  for (const [step, event] of model.events) {
    const name = step.kind === 'emit' ? step.emit : step.kind === 'wait' ? step.event : undefined;
    if (name) named.push([event, name]);
  }
  return [
    ...named.flatMap(([event, name]) => checkEvent(event, name)),
    ...[...model.events.keys()].flatMap((step) => {
      const event = step.kind === 'wait' ? model.events.get(step) : undefined;
      return event && step.kind === 'wait' && step.event ? unsigned(model, event, step.event) : [];
    }),
    ...(model.trigger && spec.trigger?.kind === 'event'
      ? unsigned(model, model.trigger, spec.trigger.event)
      : []),
  ];
}

function checkEvent({ contract, definition, plan }: ResolvedEvent, name: Located<string>): Diagnostic[] {
  const found: Diagnostic[] = [];
  const { payload } = plan;
  if (payload === true || (typeof payload === 'object' && Object.keys(payload).length === 0))
    found.push(
      diagnostic('event-without-schema', {
        message: `event \`${name.value}\` has no schema, so nothing can be checked against it`,
        at: name.at,
        subject: name.value,
      }),
    );
  if (contract.version.trim() === '')
    found.push(
      diagnostic('event-without-version', {
        message: `contract \`${contract.name}\` has no version, so its event \`${definition.id}\` has none`,
        at: name.at,
        subject: name.value,
      }),
    );
  const words = definition.id.split(/[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])/).map((word) => word.toLowerCase());
  if (IMPERATIVES.has(words[0] ?? '') && !words.some((word) => word.endsWith('ed')))
    found.push(
      diagnostic('event-name-imperative', {
        message: `event \`${definition.id}\` is named like a command`,
        at: name.at,
        subject: name.value,
      }),
    );
  return found;
}

/** A webhook that a pipeline listens to must say how its deliveries are verified (C75). */
function unsigned(model: PipelineModel, event: ResolvedEvent, name: Located<string>): Diagnostic[] {
  if (event.definition.source !== 'webhook') return [];
  const manifests = [...model.catalog.workspace.connectors.values()].filter(
    (manifest) => manifest.contract === event.contract.name,
  );
  if (
    manifests.length === 0 ||
    manifests.some(({ webhooks }) => Object.hasOwn(webhooks, event.definition.id))
  )
    return [];
  const near = didYouMean(
    event.definition.id,
    manifests.flatMap(({ webhooks }) => Object.keys(webhooks)),
  );
  return [
    diagnostic('webhook-unverified', {
      message: `no connector says how deliveries of \`${name.value}\` are verified`,
      at: name.at,
      subject: name.value,
      fix: `add \`${event.definition.id}:\` under \`webhooks\` of connector \`${manifests[0]!.name}\`${near === undefined ? '' : ` (it has \`${near}\`)`}`,
    }),
  ];
}
