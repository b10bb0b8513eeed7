import type { ConnectorManifest } from '@tenon/connector';
import { type Reference, references } from '@tenon/expression';
import type { Diagnostic } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import { expressionsOf, type SpecExpression } from '../../spec/template.ts';
import { CONNECTION } from '../data/incoming.ts';
import { tellingOf, together } from '../data/tells-apart.ts';
import type { Checked } from './masters.ts';
import { isPlaceholder } from './placeholders.ts';

/** The key is made of the business event: the same on every delivery, attempt and replay, and another for the next event (C40). */
export function checkIdentityKey({ model, data }: Checked): Diagnostic[] {
  const { spec } = model;
  const key = spec.identity?.key;
  if (!key) return [];
  const expressions = expressionsOf(key);
  // What cannot be read, or names what there is not, is reported as that.
  if (expressions.some(({ parsed }) => parsed.errors.length > 0)) return [];
  const read = expressions.flatMap((one) =>
    references(one.parsed.ast).map((reference) => ({ one, reference })),
  );
  const known = spec.trigger?.kind === 'manual' ? ['event', 'input'] : ['event', 'headers', CONNECTION];
  if (read.some(({ reference }) => !known.includes(reference.root))) return [];
  const at = spec.document.at(key.node);
  const subject = spec.name.value;
  if (read.length === 0) {
    // What still stands for a key is told as such.
    if (key.node.kind === 'scalar' && isPlaceholder(key.node.value)) return [];
    const message = 'the key is the same for every event, so only the first would ever be handled';
    return [diagnostic('identity-key-constant', { message, at, subject })];
  }
  const ids = deliveryIds(model);
  const changing = read.find(({ reference }) => isOfDelivery(reference, ids));
  if (changing) return [changes(changing.one, changing.reference, subject)];
  const telling = together(
    expressions.map((one) => {
      const environment = data.environments.get(one);
      return environment ? tellingOf(one.parsed.ast, environment) : { kind: 'anything' };
    }),
  );
  if (telling.kind === 'anything') return [];
  const sources = [...new Set(read.map(({ reference }) => `\`${nameOf(reference)}\``))].join(', ');
  if (telling.kind === 'few') {
    const message = `the key has at most ${telling.count} values, for ${sources} has no others, so every later event with one of them would count as a repeat`;
    return [diagnostic('identity-key-shared', { message, at, subject })];
  }
  if (isOfSchedule(model)) return [];
  const message = `the key is made of a time alone (${sources}), so of two events at the same moment the second would count as a repeat of the first`;
  return [diagnostic('identity-key-shared', { message, at, subject })];
}

/** Each moment of a schedule is an event of its own. */
function isOfSchedule(model: Checked['model']): boolean {
  return speaking(model).some(({ sources }) => ofTrigger(model, sources)?.schedule !== undefined);
}

/** Headers, in small letters, that connectors know a delivery by: what is told of twice comes under two. */
function deliveryIds(model: Checked['model']): ReadonlySet<string> {
  return new Set(speaking(model).flatMap(({ webhooks }) => ofTrigger(model, webhooks)?.id ?? []));
}

/** Connectors over which the event that starts the pipeline may come in. */
function speaking({ trigger, catalog }: Checked['model']): readonly ConnectorManifest[] {
  return [...catalog.workspace.connectors.values()].filter(
    ({ contract }) => contract === trigger?.contract.name,
  );
}

function ofTrigger<T>({ trigger }: Checked['model'], events: Readonly<Record<string, T>>): T | undefined {
  const id = trigger?.definition.id;
  return id !== undefined && Object.hasOwn(events, id) ? events[id] : undefined;
}

function changes(one: SpecExpression, reference: Reference, subject: string): Diagnostic {
  return diagnostic('identity-key-changes', {
    message: `\`${nameOf(reference)}\` is of the delivery, by its name or by the connector, so an event that is told of twice would be handled twice`,
    at: one.locate(reference.span),
    subject: `${subject} ${nameOf(reference)}`,
  });
}

/** Names of what tells one delivery, attempt or message from the next; of two words or one, however they are joined. */
const OF_ATTEMPT =
  /^(?:x)?(?:delivery|webhook|request)?(?:attempts?|retry|retries|redelivery|redeliveries)(?:id|no|num|number|count|index)?$|^(?:nonce|random(?:value|number|id)?)$/;
/** Headers of a delivery that are made anew for each attempt. */
const OF_SENDING = /signature|requesttimestamp|webhooktimestamp|^date$|^traceparent$|^tracestate$/;

function isOfDelivery({ root, path }: Reference, ids: ReadonlySet<string>): boolean {
  const last = path.at(-1)?.name.toLowerCase();
  if (last === undefined) return false;
  const name = last.replaceAll(/[^a-z0-9]/g, '');
  return OF_ATTEMPT.test(name) || (root === 'headers' && (OF_SENDING.test(name) || ids.has(last)));
}

function nameOf({ root, path }: Reference): string {
  return [root, ...path.map(({ name }) => name)].join('.');
}
