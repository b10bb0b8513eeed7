import type { Plan, WorkspaceConnection } from '@tenon/pipeline';
import { callsOf, type OtherPlan, type Runtime } from '@tenon/runtime';
import { plural } from '../render/index.ts';
import type { LogLine } from './log-line.ts';

/**
 * A start puts the plans of the workspace in force, and what has begun keeps to its own: after a wrong deploy was taken back, its runs go on
 * by the wrong version, and nobody would think of them.
 */
export async function tellOtherPlans(
  runtime: Pick<Runtime, 'otherPlans' | 'plan'>,
  connections: Connections,
  log: (line: LogLine) => void,
): Promise<void> {
  const kind = 'otherPlan';
  try {
    for (const other of await runtime.otherPlans()) {
      const plan = runtime.plan(other.planHash);
      log({ kind, ...other, message: [words(other), ...(plan ? needs(plan, connections) : [])].join('; ') });
    }
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    log({ kind, message: `which runs keep to another plan is not known: ${cause}` });
  }
}

type Connections = Readonly<Record<string, Pick<WorkspaceConnection, 'grants'>>>;

/** What a plan calls and the workspace of today would not let it: it was granted with that plan, so that its runs come to their end. */
function needs(plan: Plan, connections: Connections): readonly string[] {
  const { pipeline, operations } = plan;
  const calls = callsOf(plan).map(({ connection, operation }) => ({
    connection,
    operation: operations[operation]?.operation ?? operation,
  }));
  const gone = calls.filter(({ connection }) => !Object.hasOwn(connections, connection));
  const ungranted = calls.filter(
    ({ connection, operation }) =>
      Object.hasOwn(connections, connection) &&
      !connections[connection]?.grants?.[pipeline]?.operations.includes(operation),
  );
  return [
    ...said(
      ungranted.map(({ connection, operation }) => `${connection}.${operation}`),
      (names) =>
        `of what that version was granted it may still call ${names}, which is granted to no version that is deployed`,
    ),
    ...said(
      gone.map(({ connection }) => connection),
      (names) =>
        `it calls over ${names}, which tenon.config.yaml has no more: such a call fails (CONNECTION_GONE)`,
    ),
  ];
}

function said(names: readonly string[], say: (names: string) => string): readonly string[] {
  return names.length === 0 ? [] : [say([...new Set(names)].join(', '))];
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
