import { type Reference, references } from '@tenon/expression';
import type { Diagnostic } from '@tenon/model';
import { diagnostic } from '../rules.ts';
import { expressionsOf, type SpecExpression } from '../spec/template.ts';
import type { Checked } from './masters.ts';
import { isPlaceholder } from './placeholders.ts';
import { tellingOf, together } from './tells-apart.ts';

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
  const known = spec.trigger?.kind === 'manual' ? ['event', 'input'] : ['event', 'headers'];
  if (read.some(({ reference }) => !known.includes(reference.root))) return [];
  const at = spec.document.at(key.node);
  const subject = spec.name.value;
  if (read.length === 0) {
    // What still stands for a key is told as such.
    if (key.node.kind === 'scalar' && isPlaceholder(key.node.value)) return [];
    const message = 'the key is the same for every event, so only the first would ever be handled';
    return [diagnostic('identity-key-constant', { message, at, subject })];
  }
  const changing = read.find(({ reference }) => isOfDelivery(reference));
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
function isOfSchedule({ trigger, catalog }: Checked['model']): boolean {
  if (!trigger) return false;
  const { contract, definition } = trigger;
  return [...catalog.workspace.connectors.values()].some(
    (manifest) =>
      manifest.contract === contract.name &&
      Object.hasOwn(manifest.sources, definition.id) &&
      manifest.sources[definition.id]?.schedule !== undefined,
  );
}

function changes(one: SpecExpression, reference: Reference, subject: string): Diagnostic {
  return diagnostic('identity-key-changes', {
    message: `by its name, \`${nameOf(reference)}\` is another one at each delivery, so an event that is delivered twice would be handled twice`,
    at: one.locate(reference.span),
    subject: `${subject} ${nameOf(reference)}`,
  });
}

/** Names of what tells one delivery, attempt or message from the next; of two words or one, however they are joined. */
const OF_ATTEMPT =
  /^(?:x)?(?:delivery|webhook|request)?(?:attempts?|retry|retries|redelivery|redeliveries)(?:id|no|num|number|count|index)?$|^(?:nonce|random(?:value|number|id)?)$/;
/** Headers of a delivery that are made anew for each attempt. */
const OF_SENDING = /signature|requesttimestamp|webhooktimestamp|^date$|^traceparent$|^tracestate$/;

function isOfDelivery({ root, path }: Reference): boolean {
  const name = path
    .at(-1)
    ?.name.toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '');
  if (name === undefined) return false;
  return OF_ATTEMPT.test(name) || (root === 'headers' && OF_SENDING.test(name));
}

function nameOf({ root, path }: Reference): string {
  return [root, ...path.map(({ name }) => name)].join('.');
}
