import {
  signWebhook,
  verifyWebhook,
  type WebhookManifest,
  type WebhookVerdict,
  webhookScheme,
} from '@tenon/connector';
import type { EventDefinition } from '@tenon/contract';
import {
  atPointer,
  fromPointer,
  isObject,
  type Json,
  type JsonObject,
  Secret,
  seededRandom,
} from '@tenon/model';
import { compileValidator, reachableDefinitions, sample } from '@tenon/schema';
import type { Bench } from '../bench.ts';
import { type Check, Tally, type Verdict } from '../check.ts';

/** No tolerance that a sender with a working clock needs is longer. */
const TOLERANCE_MS_MAX = 15 * 60_000;

/** 9xx: what comes in. */
export const webhookChecks: readonly Check[] = [
  {
    number: 901,
    name: 'delivery-accepted',
    title: 'a delivery signed as declared is taken, with its id and its order',
    why: 'A webhook whose id or order is read from the wrong place is refused, or known for another one.',
    fix: 'See that `verify`, `id`, `order` and `type` are those of the sender.',
    needs: 'files',
    run: (bench) =>
      forWebhooks(bench, (delivery, tally) => {
        const verdict = delivery.verify();
        tally.expect(verdict.ok, `${delivery.name}: ${outcome(verdict)}`);
        const { order } = delivery.webhook;
        if (order !== undefined && atPointer(delivery.payload, order) === undefined)
          tally.problem(`${delivery.name}: its example has nothing at \`${order}\` to be put in order by`);
      }),
  },
  {
    number: 902,
    name: 'bad-signature-refused',
    title: 'a delivery signed with another secret, or not at all, is refused',
    why: 'Anyone can send to an address; the signature is all that tells the sender from the rest.',
    fix: 'Compute the signature with the connection’s secret, and compare it in constant time.',
    needs: 'files',
    run: (bench) =>
      forWebhooks(bench, (delivery, tally) => {
        const forged = delivery.verify({ secret: new Secret('env:OTHER', 'canary-of-another-sender') });
        tally.expect(!forged.ok, `${delivery.name}: taken with the signature of another secret`);
        const bare = delivery.verify({ headers: { 'content-type': delivery.type } });
        tally.expect(!bare.ok, `${delivery.name}: taken without a signature`);
      }),
  },
  {
    number: 903,
    name: 'altered-body-refused',
    title: 'a delivery whose body was altered is refused',
    why: 'A signature that does not cover the body signs whatever is put under it.',
    fix: 'Sign the raw bytes, before any parsing.',
    needs: 'files',
    run: (bench) =>
      forWebhooks(bench, (delivery, tally) => {
        const altered = Buffer.from(`${delivery.body.toString('utf8')} `);
        tally.expect(!delivery.verify({ body: altered }).ok, `${delivery.name}: taken with one byte more`);
        const changed = Buffer.from(delivery.body.toString('utf8').replace(/[0-9a-z](?=[^0-9a-z]*$)/, 'Z'));
        if (!changed.equals(delivery.body))
          tally.expect(
            !delivery.verify({ body: changed }).ok,
            `${delivery.name}: taken with one byte changed`,
          );
      }),
  },
  {
    number: 904,
    name: 'old-delivery-refused',
    title: 'a delivery older than the tolerance is refused, and the tolerance is short',
    why: 'A delivery that was overheard once could be sent again for ever.',
    fix: 'Keep `tolerance` at minutes; sign the time.',
    needs: 'files',
    run: (bench) =>
      forWebhooks(
        bench,
        (delivery, tally) => {
          if (!delivery.signsTime) return;
          const { toleranceMs } = delivery.webhook;
          tally.expect(
            toleranceMs <= TOLERANCE_MS_MAX,
            `${delivery.name}: its tolerance is ${toleranceMs / 60_000} minutes`,
          );
          const late = delivery.verify({
            receivedAtMs: delivery.sentAtMs + Math.min(toleranceMs, TOLERANCE_MS_MAX) + 60_000,
          });
          if (toleranceMs <= TOLERANCE_MS_MAX)
            tally.expect(!late.ok, `${delivery.name}: taken after its tolerance`);
          const early = delivery.verify({ receivedAtMs: delivery.sentAtMs - toleranceMs - 60_000 });
          tally.expect(!early.ok, `${delivery.name}: taken although it comes from the future`);
        },
        'its senders sign no time: a replay is known by the business key alone',
      ),
  },
  {
    number: 905,
    name: 'replay-known-again',
    title: 'a delivery sent again is known for the same one',
    why: 'Senders repeat what was not acknowledged, and so does whoever overheard it. An id that is not signed can be changed at will.',
    fix: 'Take the id from what the signature covers: the body, or the scheme’s own header.',
    needs: 'files',
    run: (bench) =>
      forWebhooks(bench, (delivery, tally) => {
        const first = delivery.verify();
        const again = delivery.verify();
        // One that is not taken at all has no id to be known by: that is another check's.
        if (!first.ok) return;
        const isKnown = again.ok && first.deliveryId === again.deliveryId;
        tally.expect(isKnown, `${delivery.name}: the same delivery twice has two ids`);
        const { id } = delivery.webhook;
        if (id.startsWith('/') || !delivery.signsTime) return;
        const renamed = delivery.verify({ headers: { ...delivery.headers, [id]: 'another-id' } });
        tally.expect(!renamed.ok, `${delivery.name}: taken under another id: \`${id}\` is not signed`);
      }),
  },
  {
    number: 906,
    name: 'wrong-content-type-refused',
    title: 'a delivery of another content type is refused',
    why: 'A parser that guesses reads what was never meant as what it expects.',
    fix: 'Name the media types that the sender uses, each with its parser, and no other.',
    needs: 'files',
    run: (bench) =>
      forWebhooks(bench, (delivery, tally) => {
        for (const type of ['text/plain', 'application/octet-stream', 'text/html', 'application/xml', '']) {
          const verdict = delivery.verify({ headers: { ...delivery.headers, 'content-type': type } });
          tally.expect(
            !verdict.ok,
            `${delivery.name}: taken as ${type === '' ? 'nothing in particular' : type}`,
          );
        }
      }),
  },
];

interface TestDelivery {
  readonly name: string;
  readonly webhook: WebhookManifest;
  readonly payload: Json;
  readonly body: Buffer;
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly sentAtMs: number;
  readonly signsTime: boolean;
  verify(change?: {
    readonly secret?: Secret;
    readonly body?: Buffer;
    readonly headers?: Readonly<Record<string, string>>;
    readonly receivedAtMs?: number;
  }): WebhookVerdict;
}

function forWebhooks(
  bench: Bench,
  look: (delivery: TestDelivery, tally: Tally) => void,
  otherwise = 'it takes no webhooks',
): Verdict {
  const tally = new Tally();
  for (const [name, webhook] of Object.entries(bench.subject.manifest.webhooks)) {
    const delivery = deliveryOf(bench, name, webhook);
    if (typeof delivery === 'string') tally.expect(false, `${name}: ${delivery}`);
    else look(delivery, tally);
  }
  return tally.verdict('looks at deliveries', otherwise);
}

const SECRET = new Secret('env:WEBHOOK', 'canary-webhook-secret');

/** A delivery as its sender would sign it; a text where none can be made. */
function deliveryOf(bench: Bench, name: string, webhook: WebhookManifest): TestDelivery | string {
  const { contract, module, fixtures } = bench.subject;
  const event = contract.events.get(name);
  if (event === undefined) return 'the contract has no such event';
  const own = module.webhookSchemes;
  const scheme = webhookScheme(webhook.verify, own);
  if (scheme === undefined) return `nothing provides the scheme \`${webhook.verify}\``;
  const payload = withId(fixtures.events[name] ?? payloadOf(event, bench), webhook.id);
  if (payload === undefined)
    return 'no example of it could be made; give one in `fixtures/conformance.yaml` under `events`';
  const sentAtMs = bench.clock.now();
  const body = Buffer.from(JSON.stringify(payload));
  const sign = (secret: Secret) => signWebhook(webhook, secret, { id: 'delivery-1', body, sentAtMs }, own);
  const headers = sign(SECRET);
  const claim = scheme.read(headers);
  return {
    name,
    webhook,
    payload,
    body,
    type: headers['content-type'] ?? 'application/json',
    headers,
    sentAtMs,
    signsTime: claim?.sentAtMs !== undefined,
    verify: (change = {}) =>
      verifyWebhook(
        webhook,
        [SECRET],
        {
          headers: change.headers ?? (change.secret ? sign(change.secret) : headers),
          body: change.body ?? body,
          receivedAtMs: change.receivedAtMs ?? sentAtMs,
        },
        own ? { own } : {},
      ),
  };
}

function payloadOf({ message }: EventDefinition, bench: Bench): Json | undefined {
  const definitions = reachableDefinitions(message.payload, bench.subject.contract.definitions);
  const fits = compileValidator(message.payload, { definitions });
  // Examples of a contract are JSON, as the document is.
  const written = message.examples
    .map(({ payload }) => payload as Json | undefined)
    .find((payload) => payload !== undefined && fits(payload).length === 0);
  return written ?? sample(message.payload, { random: seededRandom(1), definitions, optional: 1 });
}

/** With an id where the manifest looks for one in the body, since every real delivery has one. */
function withId(payload: Json | undefined, id: string): Json | undefined {
  if (payload === undefined || !isObject(payload) || !id.startsWith('/')) return payload;
  const [name, ...rest] = fromPointer(id);
  const isThere = atPointer(payload, id) !== undefined;
  // Only where the event's own schema may have left an optional id out; deeper places are the example's affair.
  return isThere || rest.length > 0 || name !== 'id'
    ? (payload as JsonObject)
    : { ...(payload as JsonObject), id: 'delivery-1' };
}

function outcome(verdict: WebhookVerdict): string {
  return verdict.ok ? 'taken' : `refused, ${verdict.code}`;
}
