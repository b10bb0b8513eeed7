import type { OtherPlan, Runtime } from '@tenon/runtime';
import type { LogLine } from './log-line.ts';
import { plural } from './render/index.ts';

/**
 * A start puts the plans of the workspace in force, and what has begun keeps to its own: after a wrong deploy was taken back, its runs go on
 * by the wrong version, and nobody would think of them.
 */
export async function tellOtherPlans(
  runtime: Pick<Runtime, 'otherPlans'>,
  log: (line: LogLine) => void,
): Promise<void> {
  const kind = 'otherPlan';
  try {
    for (const other of await runtime.otherPlans()) log({ kind, ...other, message: words(other) });
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    log({ kind, message: `which runs keep to another plan is not known: ${cause}` });
  }
}

function words({ pipeline, version, planHash, runs, states, active }: OtherPlan): string {
  const isOne = runs === 1;
  const counts = Object.entries(states).map(([state, count]) => `${count} ${state}`);
  const isSame = active?.version === version;
  const rest =
    active === undefined
      ? 'and no event starts that pipeline any more'
      : isSame
        ? 'as a contract or a connector has changed since'
        : `and events start version ${active.version}`;
  const by = isSame ? `--plan ${planHash}` : `--version ${version}`;
  return [
    `${plural(runs, 'runs')} of ${pipeline} (${counts.join(', ')}) ${isOne ? 'keeps' : 'keep'} to `,
    `${isSame ? 'another plan of ' : ''}version ${version}, which ${isOne ? 'it' : 'they'} began with, ${rest}: `,
    `\`tenon runs ls --open --pipeline ${pipeline} ${by}\` lists ${isOne ? 'it' : 'them'}`,
  ].join('');
}
