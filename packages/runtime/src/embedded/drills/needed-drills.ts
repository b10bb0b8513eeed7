import type { Plan } from '@tenon/pipeline';
import type { DrillSubject } from '../../api/drills.ts';
import { allSteps, connectionsOf } from '../../loaded-plan.ts';

/** What a pipeline has to have drilled, by what it has; the order is that in which it is listed. */
export function neededDrills(
  plan: Plan,
  hasCredential: (connection: string) => boolean,
): readonly DrillSubject[] {
  const { pipeline, operations, trigger, steps } = plan;
  const kinds = new Set(allSteps(steps).map(({ kind }) => kind));
  const publishesOrStarts = kinds.has('emit') || kinds.has('run');
  const hasEffects = publishesOrStarts || Object.values(operations).some(({ effect }) => effect !== 'read');
  const credentials = [...connectionsOf(plan)].filter(hasCredential).toSorted();
  return [
    ...(publishesOrStarts || kinds.has('call') ? [{ kind: 'killSwitch', pipeline } as const] : []),
    ...('event' in trigger ? [{ kind: 'flag', pipeline } as const] : []),
    ...credentials.map((connection) => ({ kind: 'rotation', connection }) as const),
    ...(hasEffects ? [{ kind: 'replay', pipeline } as const] : []),
    { kind: 'restore' },
    { kind: 'walkthrough', pipeline },
  ];
}
