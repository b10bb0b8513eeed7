import { isDeepStrictEqual } from 'node:util';
import type { Plan } from '@tenon/pipeline';
import type { SwitchRequest, SwitchSetting } from '../../switches.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { heardBy, waitsOf } from './in-force.ts';

type Found = { readonly setting: SwitchSetting } | { readonly impossible: string };

/** A request as it is put in force: of a rollback, to which stored plan it goes. */
export function settingOf(engine: EmbeddedEngine, request: SwitchRequest): Found {
  if (request.kind !== 'rollback') return { setting: request };
  const { kind, pipeline, version } = request;
  const inForce = engine.inForce.begins.get(pipeline)?.plan;
  if (inForce === undefined)
    return { impossible: `${pipeline} is no part of the workspace any more: nothing starts it` };
  // In the order in which they came into force first.
  const stored = engine.read
    .of('SELECT hash, version, stored_at AS at FROM plans WHERE pipeline = ? ORDER BY stored_at, version')
    .all(pipeline)
    .map((row) => ({ hash: String(row['hash']), version: Number(row['version']) }));
  // One that was stored by an earlier Tenon, which wrote less into a plan, is the same to whoever wants the version before.
  const before = stored
    .slice(
      0,
      stored.findIndex(({ hash }) => hash === inForce.hash),
    )
    .filter(
      ({ hash, version }) =>
        version !== inForce.version || !isWithin(engine.plans.byHash(hash).plan, inForce),
    );
  const chosen = (version === undefined ? before : stored.filter((one) => one.version === version)).at(-1);
  if (chosen === undefined)
    return {
      impossible:
        version === undefined
          ? `no version of ${pipeline} was in force before version ${inForce.version}`
          : `${pipeline} has no version ${version}; there are ${[...new Set(stored.map((one) => one.version))].join(', ')}`,
    };
  if (chosen.hash === inForce.hash)
    return { impossible: `version ${inForce.version} of ${pipeline} is in force` };
  if (chosen.hash === engine.plans.deployed(pipeline)?.hash)
    return {
      impossible: `version ${chosen.version} of ${pipeline} is the one that is deployed: \`tenon switches lift rollback/${pipeline} --reason …\` puts it in force`,
    };
  const loaded = engine.plans.byHash(chosen.hash);
  const { plan } = loaded;
  const [starts, other] = [plan, inForce].map(startOf);
  if (starts !== other)
    return {
      impossible: `version ${plan.version} of ${pipeline} starts with ${starts}, version ${inForce.version} with ${other}: deploy it from the repository, so that what brings its events is there`,
    };
  const heard = heardBy(engine.inForce.begins.values());
  const unheard = waitsOf(loaded).find((event) => !heard.has(event));
  if (unheard !== undefined)
    return {
      impossible: `version ${plan.version} of ${pipeline} waits for ${unheard}, which no version in force hears: deploy it from the repository, so that what brings its events is there`,
    };
  return { setting: { kind, pipeline, version: plan.version, planHash: plan.hash } };
}

/** Does the other say all that this one says, in the same words? */
function isWithin(plan: Plan, other: Plan): boolean {
  const said: Readonly<Record<string, unknown>> = { ...other };
  return Object.entries(plan).every(
    ([part, value]) => part === 'hash' || isDeepStrictEqual(value, said[part]),
  );
}

function startOf({ trigger }: Plan): string {
  return 'event' in trigger ? trigger.event : 'a person or a program (manual)';
}
