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
  const before = stored.slice(
    0,
    stored.findIndex(({ hash }) => hash === inForce.hash),
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

function startOf({ trigger }: Plan): string {
  return 'event' in trigger ? trigger.event : 'a person or a program (manual)';
}
