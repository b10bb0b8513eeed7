import type { ConnectorManifest } from '@tenon/connector';
import { ANY } from '@tenon/expression';
import { type Diagnostic, didYouMean } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import type { Located } from '../../spec/pipeline-spec.ts';
import type { ResolvedEvent } from '../catalog.ts';
import type { DataCheck } from '../data/data.ts';
import { incomingOver } from '../data/incoming.ts';
import { firstGap, placeOf } from '../data/schema-path.ts';
import { valuesOf } from '../data/values-of.ts';
import type { PipelineModel } from '../model.ts';
import type { Checked } from './masters.ts';

interface Named {
  readonly event: ResolvedEvent;
  readonly name: Located<string>;
  /** We listen to it, rather than publish it. */
  readonly isHeard: boolean;
}

/** Events have a version and a schema, and those that come over the web are verified (C1, C4, C75). */
export function checkEvents({ model, data }: Checked): Diagnostic[] {
  const named = namedEvents(model);
  const versionless = new Map<string, Named>();
  for (const one of named) {
    const { contract } = one.event;
    if (contract.version.trim() === '' && !versionless.has(contract.name))
      versionless.set(contract.name, one);
  }
  return [
    ...named.flatMap(checkSchema),
    ...[...versionless].map(([contract, { name }]) =>
      diagnostic('event-without-version', {
        message: `contract \`${contract}\` has no version, so its events have none`,
        at: name.at,
        subject: contract,
      }),
    ),
    ...named.flatMap((one) => checkVerified(model, one)),
    ...checkLateness(model),
    ...checkGrowth(model, data),
    ...named.flatMap((one) => checkSourced(model, one)),
  ];
}

/** An older event that comes late must not overwrite what a newer one has written (C46). */
function checkLateness({ spec, trigger, catalog }: PipelineModel): Diagnostic[] {
  const { identity } = spec;
  if (identity?.version && !identity.orderBy)
    return [
      diagnostic('version-without-order', {
        message:
          'a version says which event of one thing is the later one, and nothing says which events are of one thing',
        at: identity.version.at,
        subject: spec.name.value,
      }),
    ];
  if (!trigger || !identity?.orderBy || identity.version) return [];
  const order = [...catalog.workspace.connectors.values()]
    .filter(({ contract }) => contract === trigger.contract.name)
    .map(({ webhooks }) =>
      Object.hasOwn(webhooks, trigger.definition.id) ? webhooks[trigger.definition.id]?.order : undefined,
    )
    .find((one) => one !== undefined);
  // An order that the payload does not have is a finding of the manifest.
  if (order === undefined || firstGap(placeOf(trigger.plan.payload), order)) return [];
  return [
    diagnostic('older-event-unguarded', {
      message: `events of \`${trigger.name}\` may come late, and an older one would overwrite what a newer one has written`,
      at: identity.at,
      subject: spec.name.value,
      fix: `add \`version: "\${ event${order.replaceAll('/', '.')} }"\`: the connector says that this orders them`,
    }),
  ];
}

/** Texts are compared letter by letter: of a few fixed ones the last in that order is the newest for ever. */
function checkGrowth({ spec }: PipelineModel, { types }: DataCheck): Diagnostic[] {
  const version = spec.identity?.version;
  if (!version) return [];
  const values = valuesOf(types.get(version) ?? ANY);
  // Stages that are numbered may well grow.
  if (!values?.length || (values.length > 1 && values.every((value) => typeof value === 'number'))) return [];
  return [
    diagnostic('version-cannot-grow', {
      message: `the version is ${values.length === 1 ? 'always' : 'one of'} ${values
        .slice(0, VALUES_SHOWN_MAX)
        .map((value) => JSON.stringify(value))
        .join(
          ', ',
        )}${values.length > VALUES_SHOWN_MAX ? ' …' : ''}, so which event is the later one it cannot tell`,
      at: version.at,
      subject: `${spec.name.value} ${version.source}`,
    }),
  ];
}

const VALUES_SHOWN_MAX = 5;

function namedEvents({ spec, trigger, events }: PipelineModel): readonly Named[] {
  const named: Named[] = [];
  if (trigger && spec.trigger?.kind === 'event')
    named.push({ event: trigger, name: spec.trigger.event, isHeard: true });
  for (const [step, event] of events) {
    if (step.kind === 'emit') named.push({ event, name: step.emit, isHeard: false });
    if (step.kind === 'wait' && step.event) named.push({ event, name: step.event, isHeard: true });
  }
  return named;
}

function checkSchema({ event, name }: Named): Diagnostic[] {
  const { payload } = event.plan;
  const isOpen = payload === true || (typeof payload === 'object' && Object.keys(payload).length === 0);
  if (!isOpen) return [];
  return [
    diagnostic('event-without-schema', {
      message: `event \`${name.value}\` has no schema, so nothing can be checked against it`,
      at: name.at,
      subject: name.value,
    }),
  ];
}

/** A webhook that a pipeline listens to: some connector of its contract says how deliveries are verified. */
function checkVerified(model: PipelineModel, { event, name, isHeard }: Named): Diagnostic[] {
  const { id, source } = event.definition;
  if (!isHeard || source !== 'webhook') return [];
  const manifests = [...model.catalog.workspace.connectors.values()].filter(
    (manifest) => manifest.contract === event.contract.name,
  );
  const taking = takingIn(manifests, id);
  if (taking.length > 0)
    return [
      ...unconnected(model, { event, name, isHeard }, taking),
      ...checkSigned(model, { event, name, isHeard }, taking),
    ];
  const verified = manifests.flatMap(({ webhooks }) => Object.keys(webhooks));
  if (manifests.length === 0) return [];
  const unknown = verified.filter((webhook) => !event.contract.events.has(webhook));
  // A typo in the manifest is reported there.
  if (didYouMean(id, unknown) !== undefined) return [];
  return [
    diagnostic('webhook-unverified', {
      message: `no connector says how deliveries of \`${name.value}\` are verified`,
      at: name.at,
      subject: name.value,
      fix: `add \`${id}:\` under \`webhooks\` of connector \`${manifests[0]!.name}\``,
    }),
  ];
}

/**
 * An event over a channel comes in over a connection of a connector that has a source for it. A contract without any
 * connector is one of our own: its events are emitted here.
 */
function checkSourced(model: PipelineModel, { event, name, isHeard }: Named): Diagnostic[] {
  const { id, source } = event.definition;
  if (!isHeard || source !== 'channel') return [];
  const { workspace } = model.catalog;
  const manifests = [...workspace.connectors.values()].filter(
    (manifest) => manifest.contract === event.contract.name,
  );
  const taking = takingIn(manifests, id);
  // What is sent out over it comes from here.
  const isOurs = manifests.some(({ publications }) => Object.hasOwn(publications, id));
  if (manifests.length === 0 || isOurs) return [];
  if (taking.length === 0) {
    // A typo in the manifest is reported there.
    const unknown = manifests
      .flatMap(({ sources }) => Object.keys(sources))
      .filter((one) => !event.contract.events.has(one));
    if (didYouMean(id, unknown) !== undefined) return [];
    return [
      diagnostic('event-without-source', {
        message: `no connector says how \`${name.value}\` comes in`,
        at: name.at,
        subject: name.value,
        fix: `add \`${id}:\` under \`sources\` of connector \`${manifests[0]!.name}\``,
      }),
    ];
  }
  return unconnected(model, { event, name, isHeard }, taking);
}

/** Some connection has what deliveries are signed with. What is fetched needs no signature: the transport knows whom it asked. */
function checkSigned(
  { catalog: { workspace } }: PipelineModel,
  { event, name }: Named,
  taking: readonly ConnectorManifest[],
): Diagnostic[] {
  const { id } = event.definition;
  const byName = new Map(taking.map((manifest) => [manifest.name, manifest]));
  const connections = Object.values(workspace.config.connections).filter(({ connector }) =>
    byName.has(connector),
  );
  const isTaken = incomingOver(event, workspace).length > 0;
  const delivered = connections.filter(({ connector }) => Object.hasOwn(byName.get(connector)!.webhooks, id));
  const [first] = delivered;
  const places = first && workspace.connectionPlaces.get(first.name);
  if (isTaken || !first || !places) return [];
  const listed = delivered.map((one) => `\`${one.name}\``).join(', ');
  const variable = `${first.name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_WEBHOOK_SECRET`;
  return [
    diagnostic('webhook-without-secret', {
      message:
        delivered.length === 1
          ? `connection ${listed} has no \`webhookSecrets\`, so every delivery to it is refused`
          : `none of the connections ${listed} has \`webhookSecrets\`, so every delivery to them is refused`,
      at: places.webhookSecrets?.at ?? places.name,
      subject: first.name,
      related: [{ ...name.at, message: `\`${name.value}\` is to be delivered` }],
      fix: `add \`webhookSecrets: [env:${variable}]\` to \`connections.${first.name}\`, and set the variable to what the sender signs with`,
    }),
  ];
}

/** Those over which an event comes in, fetched or delivered. */
function takingIn(manifests: readonly ConnectorManifest[], id: string): readonly ConnectorManifest[] {
  return manifests.filter(
    ({ sources, webhooks }) => Object.hasOwn(sources, id) || Object.hasOwn(webhooks, id),
  );
}

/** Is there a connection over which it comes in, and that does not leave it out? */
function unconnected(
  model: PipelineModel,
  { event, name }: Named,
  taking: readonly ConnectorManifest[],
): Diagnostic[] {
  const { workspace } = model.catalog;
  const { id } = event.definition;
  const byName = new Map(taking.map((manifest) => [manifest.name, manifest]));
  const [first] = byName.keys();
  const connections = Object.values(workspace.config.connections).filter(({ connector }) =>
    byName.has(connector),
  );
  const isTaken = connections.some(
    ({ connector, sources }) =>
      (sources?.includes(id) ?? true) || Object.hasOwn(byName.get(connector)!.webhooks, id),
  );
  if (isTaken || first === undefined || !workspace.hasConfig) return [];
  // One whose connector is misspelt may be the one; that is told there.
  if (
    Object.values(workspace.config.connections).some(({ connector }) => !workspace.connectors.has(connector))
  )
    return [];
  const listed = connections.map((one) => `\`${one.name}\``).join(', ');
  return [
    diagnostic('source-without-connection', {
      message:
        connections.length === 0
          ? `\`${name.value}\` comes in over connector \`${first}\`, which has no connection in tenon.config.yaml`
          : `\`${name.value}\` comes in over connector \`${first}\`, and \`sources\` of ${listed} leave it out`,
      at: name.at,
      subject: name.value,
      fix:
        connections.length === 0
          ? `add one under \`connections\` with \`connector: ${first}\``
          : `add \`${id}\` to \`sources\` of the connection that it is to come over`,
    }),
  ];
}
