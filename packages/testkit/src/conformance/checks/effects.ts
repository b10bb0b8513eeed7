import { atPointer, canonicalJson, isObject, type Json, type JsonObject, toPointer } from '@tenon/model';
import { changesNothing, UNSAID_FIX, unsaid } from '../../sandbox/unsaid.ts';
import { type Bench, type BenchOperation, isHttp, itemPlace, keyOf, versionKey, withAt } from '../bench.ts';
import { type Check, Tally } from '../check.ts';
import { exampleInput } from '../example-input.ts';
import { says } from '../says.ts';

/** 7xx: what changes, how often, and the way back. */
export const effectChecks: readonly Check[] = [
  {
    number: 701,
    name: 'reads-have-no-effect',
    title: 'what is declared a read changes nothing',
    why: 'Reads are repeated at will, after every crash and lost answer; one with an effect doubles it.',
    fix: 'Declare the effect that it has. For a read over POST, the contract says so with `x-tenon-sandbox: { resource: …, does: list }`.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of bench.reads.filter(isHttp)) {
        bench.again();
        const input = await bench.prepared(operation);
        const before = bench.sandbox.effects().length;
        await bench.call(operation, input);
        const applied = bench.sandbox.effects().slice(before);
        tally.expect(
          applied.length === 0,
          `${operation.name}: changes ${applied[0]?.resource ?? 'something'}`,
        );
      }
      return tally.verdict('reads', 'it has no reads');
    },
  },
  {
    number: 702,
    name: 'one-key-one-effect',
    title: 'the same key twice has one effect, another key another one',
    why: 'After a lost answer the call is sent again with its key: the whole promise stands on the target knowing it again.',
    fix: 'Name the header that the contract documents. Where the system honours one and its document does not say so, add the parameter by an overlay.',
    needs: 'sandbox',
    onTarget: 'effects',
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of bench.effects.filter(isHttp)) {
        if (operation.declared.idempotency.mode !== 'header') continue;
        bench.again();
        const key = freshKey(bench);
        const input = await bench.prepared(operation, bench.target.sandbox ? 0 : bench.clock.now());
        const first = await bench.call(operation, input, { idempotencyKey: `${key}-a` });
        const again = await bench.call(operation, input, { idempotencyKey: `${key}-a` });
        if (!first.ok || !again.ok) {
          tally.expect(false, `${operation.name}: ${says(first.ok ? again : first)} for the same key twice`);
          continue;
        }
        if (bench.target.sandbox === undefined) {
          tally.expect(
            canonicalJson(idOf(first.body)) === canonicalJson(idOf(again.body)),
            `${operation.name}: the same key gave two different things`,
          );
          continue;
        }
        const once = bench.applied(operation.name).filter(({ key: seen }) => seen === `${key}-a`).length;
        const all = bench.applied(operation.name).length;
        tally.expect(once === 1 && all === 1, `${operation.name}: the same key twice had ${all} effects`);
        await bench.call(operation, await bench.prepared(operation, 1), { idempotencyKey: `${key}-b` });
        if (bench.applied(operation.name).length <= all)
          tally.problem(`${operation.name}: another key had no effect of its own`);
      }
      return tally.verdict('effects', 'no effect declares a key header');
    },
  },
  {
    number: 703,
    name: 'harmless-repeat-is-harmless',
    title: 'an effect declared `natural` or `upsert` is the same twice as once',
    why: 'It is repeated without asking after every lost answer.',
    fix: 'Declare `none` (or `checkFirst` with a probe): the careful answer is always right.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of bench.effects.filter(isHttp)) {
        if (!['natural', 'upsert'].includes(operation.declared.idempotency.mode)) continue;
        const untold = untoldOf(operation);
        if (untold !== undefined) {
          tally.leave(untold);
          continue;
        }
        bench.again();
        const input = await bench.prepared(operation);
        const first = await bench.call(operation, input);
        const once = facts(bench);
        // A repeat sends what the first call sent, but for the version: that names what was read, and is read anew.
        const version = versionKey(operation);
        const repeat = version === undefined ? input : await refreshed(bench, operation, input);
        await bench.call(operation, repeat);
        tally.expect(first.ok, `${operation.name}: ${says(first)}`);
        if (facts(bench) !== once) tally.problem(`${operation.name}: twice left another state than once`);
      }
      return tally.verdict('effects', 'no effect is declared `natural` or `upsert`');
    },
  },
  {
    number: 704,
    name: 'lost-answer-is-in-doubt',
    title: 'an effect whose answer is lost is in doubt: never failed, never done, never unsent',
    why: 'Called failed, it is repeated or compensated although it happened; called done, nobody looks.',
    fix: 'Say delivery `lost` for everything that ends after the first byte was handed to a socket.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      const effects = bench.effects.filter(isHttp);
      for (const kind of ['dropAfter', 'hang'] as const) {
        bench.again();
        const inputs = new Map<BenchOperation, JsonObject>();
        for (const operation of effects) inputs.set(operation, await bench.prepared(operation));
        for (const operation of effects)
          bench.sandbox.faults.add({
            fault: kind === 'hang' ? { kind, effect: 'applied' } : { kind },
            operation: operation.name,
          });
        // All at once: each of those that hang waits its time out.
        await Promise.all(
          effects.map(async (operation) => {
            const result = await bench.call(operation, inputs.get(operation)!, {
              deadlineAt: bench.clock.now() + (kind === 'hang' ? 500 : 3_000),
            });
            const isDoubt = !result.ok && result.failure.delivery === 'lost';
            tally.expect(
              isDoubt,
              `${operation.name}: ${says(result)} after ${kind === 'hang' ? 'no answer came in time' : 'the connection broke'}`,
            );
          }),
        );
      }
      return tally.verdict('lost answers', 'it has no effects');
    },
  },
  {
    number: 705,
    name: 'nothing-sent-is-said',
    title: 'what could not be sent is not in doubt',
    why: 'An effect that certainly did not happen must not park a run for a person to settle.',
    fix: 'Say delivery `notSent` when no connection came about.',
    needs: 'peer',
    run: async (bench) => {
      const tally = new Tally();
      const over = bench.transport({ baseUrl: withPort(bench.target.url, CLOSED_PORT) });
      for (const operation of bench.tokened) {
        const result = await bench.call(operation, exampleInput(bench.subject, operation, 0), { over });
        const isSaid = !result.ok && result.failure.delivery === 'notSent';
        tally.expect(isSaid, `${operation.name}: ${says(result)} where nothing listens`);
      }
      return tally.verdict('operations');
    },
  },
  {
    number: 706,
    name: 'probe-finds-the-effect',
    title: 'after a lost answer the probe finds the effect that happened',
    why: 'An effect that its probe overlooks is sent again: that is the double.',
    fix: 'Let the probe ask by something that was in the request and comes back in the answer, and take the item that has it.',
    needs: 'sandbox',
    onTarget: 'effects',
    skip: withoutProbes,
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of probed(bench)) {
        bench.again();
        const key = freshKey(bench);
        const input = await bench.prepared(operation, bench.target.sandbox ? 0 : bench.clock.now());
        if (bench.target.sandbox)
          bench.sandbox.faults.add({ fault: { kind: 'dropAfter' }, operation: operation.name, times: 1 });
        await bench.call(operation, input, { idempotencyKey: key });
        if (bench.target.sandbox === undefined) await settle(bench, operation);
        const found = await bench.probe(operation, input, key);
        tally.expect(
          isObject(found) || (found !== undefined && found !== null && found !== false),
          `${operation.name}: it happened, and its probe ${found === undefined ? 'could not tell' : 'proves that it did not'}`,
        );
        const effect = bench.target.sandbox && bench.applied(operation.name).at(-1);
        if (effect?.id !== undefined && isObject(found) && !mentions(found as JsonObject, effect.id))
          tally.problem(`${operation.name}: its probe found another one`);
      }
      return tally.verdict('probes');
    },
  },
  {
    number: 707,
    name: 'probe-proves-absence',
    title: 'where nothing happened the probe says so, whatever else there is',
    why: 'A probe that takes another thing for the effect adopts it, and the effect is never sent.',
    fix: 'Let `found` compare what identifies the effect, and be null where nothing has it.',
    needs: 'sandbox',
    skip: withoutProbes,
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of probed(bench)) {
        bench.again();
        // Others of the kind are there, so that a probe that takes any is found out.
        for (const n of [1, 2])
          await bench.call(operation, await bench.prepared(operation, n), { idempotencyKey: `other-${n}` });
        const input = await bench.prepared(operation);
        bench.sandbox.faults.add({ fault: { kind: 'dropBefore' }, operation: operation.name });
        await bench.call(operation, input, { idempotencyKey: 'absent' });
        const found = await bench.probe(operation, input, 'absent');
        tally.expect(
          found === null,
          `${operation.name}: nothing happened, and its probe ${found === undefined ? 'could not tell' : 'found something'}`,
        );
      }
      return tally.verdict('probes');
    },
  },
  {
    number: 708,
    name: 'compensation-reverses',
    title: 'a compensation acts on the thing that the effect made',
    why: 'A way back that leads elsewhere leaves the effect standing and changes something else.',
    fix: `Name the operation that undoes this one. Where the contract does not say what that one does, ${UNSAID_FIX}. Where its input cannot be told from the contract, give it in \`fixtures/conformance.yaml\` under \`compensations\`.`,
    needs: 'sandbox',
    skip: withoutCompensations,
    run: async (bench) => {
      const tally = new Tally();
      for (const { operation, undo } of compensated(bench)) {
        bench.again();
        const done = await undone(bench, operation, undo);
        if ('problem' in done) {
          tally.expect(false, `${operation.name}: ${done.problem}`);
          continue;
        }
        const before = facts(bench);
        const first = await bench.call(undo, done.input, { idempotencyKey: 'undo' });
        tally.expect(first.ok, `${undo.name}, undoing ${operation.name}: ${says(first)}`);
        if (!first.ok) continue;
        const untold = untoldOf(undo);
        if (bench.applied(undo.name).length === 0) tally.problem(`${undo.name}: it undoes nothing`);
        else if (untold !== undefined) tally.problem(`${untold}, and what ${operation.name} did stands`);
        else if (facts(bench) === before && !changesNothing(undo.operation))
          tally.problem(`${undo.name}: after it, what ${operation.name} did stands as it was`);
      }
      return tally.verdict('compensations');
    },
  },
  {
    number: 709,
    name: 'compensation-safe-twice',
    title: 'a compensation sent twice undoes once, and does no harm the second time',
    why: 'A compensation is an effect like any other: its answer can be lost, and it is sent again.',
    fix: 'Give it a key, or take an operation that is harmless to repeat; map what it answers the second time (`failures`).',
    needs: 'sandbox',
    skip: withoutCompensations,
    run: async (bench) => {
      const tally = new Tally();
      for (const { operation, undo } of compensated(bench)) {
        const untold = untoldOf(undo);
        if (untold !== undefined) {
          tally.leave(untold);
          continue;
        }
        bench.again();
        const done = await undone(bench, operation, undo);
        if ('problem' in done) continue;
        await bench.call(undo, done.input, { idempotencyKey: 'undo' });
        const once = facts(bench);
        const version = versionKey(undo);
        const repeat = version === undefined ? done.input : await refreshed(bench, undo, done.input);
        const second = await bench.call(undo, repeat, { idempotencyKey: 'undo' });
        const isHarmless =
          second.ok ||
          (second.failure.delivery === 'answered' &&
            ['notFound', 'duplicate', 'conflict', 'permanent'].includes(second.failure.class));
        tally.expect(isHarmless, `${undo.name}, a second time: ${says(second)}`);
        if (facts(bench) !== once) tally.problem(`${undo.name}: twice left another state than once`);
      }
      return tally.verdict('compensations', 'no compensation could be tried');
    },
  },
  {
    number: 710,
    name: 'stale-version-conflicts',
    title: 'a write against a version that is no longer current is a conflict, and succeeds once read again',
    why: 'Without it the later of two writers takes the earlier one’s change away, and neither knows.',
    fix: 'Declare `concurrency: etag` for operations that take `If-Match`, and map 412 (and 428) to `conflict`.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of bench.effects.filter(isHttp)) {
        const key = versionKey(operation);
        if (key === undefined) {
          if (operation.declared.concurrency === 'etag')
            tally.expect(
              false,
              `${operation.name}: declares \`concurrency: etag\`, and its contract takes no \`If-Match\``,
            );
          continue;
        }
        const read = bench.readerOf(operation);
        if (operation.declared.concurrency !== 'etag' || read === undefined) {
          tally.expect(
            false,
            `${operation.name}: takes \`If-Match\`, and ${read === undefined ? 'no read gives the version' : 'the manifest does not declare `concurrency: etag`'}`,
          );
          continue;
        }
        bench.again();
        const input = await bench.prepared(operation);
        if (input[key] === undefined) {
          tally.expect(
            false,
            `${operation.name}: no version (\`ETag\`) came with the answer of ${read.name}; the contract must document it`,
          );
          continue;
        }
        // Another writer, between our read and our write.
        const other = await bench.call(operation, input, { idempotencyKey: 'another-writer' });
        const stale = await bench.call(operation, input, { idempotencyKey: 'ours' });
        const isConflict = !stale.ok && stale.failure.class === 'conflict';
        tally.expect(other.ok && isConflict, `${operation.name}: ${says(stale)} for a stale version`);
        const written = bench.applied(operation.name).length;
        if (written !== 1) tally.problem(`${operation.name}: ${written - 1} updates were lost`);
        const again = await bench.call(operation, await refreshed(bench, operation, input), {
          idempotencyKey: 'ours-again',
        });
        if (!again.ok) tally.problem(`${operation.name}: ${says(again)} after reading again`);
      }
      return tally.verdict('writes', 'no write takes `If-Match`');
    },
  },
];

/** A port that nothing listens on: the discard service's, which nobody runs any more. */
const CLOSED_PORT = 9;

export function withPort(url: string, port: number): string {
  return url.replace(/^([a-z+]+:\/\/[^/:]+(?:\[[^\]]*\])?)(:\d+)?/i, `$1:${port}`);
}

function withoutProbes({ manifest }: Bench['subject']): string | undefined {
  const hasOne = Object.values(manifest.operations).some(({ probe }) => probe !== undefined);
  return hasOne ? undefined : 'no effect declares a probe';
}

function withoutCompensations({ manifest }: Bench['subject']): string | undefined {
  const hasOne = Object.values(manifest.operations).some(({ compensation }) => compensation !== undefined);
  return hasOne ? undefined : 'no effect declares a compensation';
}

/** Of an effect that the sandbox does not have, for its contract does not tell it: a repeat of nothing proves nothing. */
function untoldOf({ name, operation, role, declared }: BenchOperation): string | undefined {
  if (operation.kind !== 'http' || role === undefined) return undefined;
  const words = unsaid(operation, role, declared.effect);
  return words === undefined ? undefined : `${name}: ${words}`;
}

function probed(bench: Bench): BenchOperation[] {
  return bench.effects.filter(isHttp).filter(({ declared }) => declared.probe !== undefined);
}

function compensated(bench: Bench): { readonly operation: BenchOperation; readonly undo: BenchOperation }[] {
  return bench.effects.filter(isHttp).flatMap((operation) => {
    const undo = bench.find(operation.declared.compensation?.operation ?? '');
    return undo ? [{ operation, undo }] : [];
  });
}

/** Does it, and gives the input of what undoes it: the id of what was made, where the compensation names one. */
async function undone(
  bench: Bench,
  operation: BenchOperation,
  undo: BenchOperation,
): Promise<{ readonly input: JsonObject } | { readonly problem: string }> {
  const request = await bench.prepared(operation);
  const result = await bench.call(operation, request);
  if (!result.ok) return { problem: says(result) };
  const given = bench.subject.fixtures.compensations[operation.name];
  if (given) {
    const base = exampleInput(bench.subject, undo, 0);
    const input = Object.entries(given).reduce<JsonObject>((made, [to, from]) => {
      // Out of a JSON answer or request, or a text as it stands.
      const value = (from.startsWith('/') ? atPointer({ result: result.body, request }, from) : from) as
        | Json
        | undefined;
      return withAt(made, to.startsWith('/') ? to : toPointer([to]), value ?? null);
    }, base);
    return { input: await refreshed(bench, undo, input) };
  }
  const id = bench.applied(operation.name).at(-1)?.id;
  const isOfSameKind = undo.role?.collection.key === operation.role?.collection.key;
  const parent = undo.role?.scope.at(-1);
  const parentKey = parent === undefined ? undefined : keyOf(undo, parent, 'path');
  const parentPlace = parentKey === undefined ? undefined : toPointer([parentKey]);
  const place = isOfSameKind ? itemPlace(undo) : (parentPlace ?? itemPlace(undo));
  if (id === undefined || place === undefined)
    return { problem: `nothing in the input of ${undo.name} names what is to be undone` };
  const base = exampleInput(bench.subject, undo, 0);
  const about = { ...base, ...bench.sameThing(operation, request, undo) };
  const input = withAt(about, place, typeof atPointer(base, place) === 'number' ? Number(id) : id);
  return { input: await refreshed(bench, undo, input) };
}

/** The input with the version that the thing has now. */
async function refreshed(bench: Bench, operation: BenchOperation, input: JsonObject): Promise<JsonObject> {
  const key = versionKey(operation);
  const read = bench.readerOf(operation);
  if (key === undefined || read === undefined) return input;
  const result = await bench.call(read, bench.sameThing(operation, input, read));
  const version = result.ok ? result.headers['etag'] : undefined;
  return version === undefined ? input : { ...input, [key]: version };
}

/** The sandbox's rows without the times at which they were touched. */
function facts(bench: Bench): string {
  return canonicalJson(withoutTimes(bench.sandbox.state() as unknown as Json));
}

function withoutTimes(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutTimes);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value as JsonObject)
      .filter(([name]) => !/^(updated|modified|last_?modified|changed)/i.test(name))
      .map(([name, item]) => [name, withoutTimes(item)]),
  );
}

function freshKey(bench: Bench): string {
  return bench.target.sandbox ? 'kit' : `kit-${bench.clock.now()}`;
}

function idOf(body: Json): Json {
  return isObject(body) ? ((body as JsonObject)['id'] ?? body) : body;
}

/** Does the id stand somewhere in what was found? */
function mentions(found: Json, id: string): boolean {
  if (Array.isArray(found)) return found.some((item) => mentions(item, id));
  if (isObject(found)) return Object.values(found as JsonObject).some((item) => mentions(item, id));
  return String(found) === id;
}

async function settle(bench: Bench, { declared }: BenchOperation): Promise<void> {
  const delayMs = declared.probe?.settleMs ?? 0;
  await new Promise<void>((resolve) => void bench.clock.setTimer(delayMs, resolve));
}
