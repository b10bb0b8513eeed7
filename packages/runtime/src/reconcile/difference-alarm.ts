import type { ReconciliationPlan } from '@tenon/pipeline';
import type { Alarm } from '../api/flow.ts';
import type { ReconciliationReport } from '../api/reconciliations.ts';
import { answeredBy } from '../embedded/control/standing-alarms.ts';

type Ended = Pick<ReconciliationReport, 'id' | 'state' | 'failure' | 'differences'>;
type Alarming = Pick<ReconciliationPlan, 'name' | 'alarmAbove' | 'owner'>;

export function isAboveAlarm(
  { state, differences }: Pick<Ended, 'state' | 'differences'>,
  { alarmAbove }: Pick<Alarming, 'alarmAbove'>,
): boolean {
  return state === 'failed' || differences > alarmAbove;
}

/** What the owner is to hear of a comparison that failed, or found more than may differ. */
export function differenceAlarms(plan: Alarming, ended: Ended): readonly Alarm[] {
  if (!isAboveAlarm(ended, plan)) return [];
  const { name, alarmAbove, owner } = plan;
  const { id, state, failure, differences } = ended;
  const { data } = owner.roles ?? {};
  const what: Pick<Alarm, 'alarm' | 'message' | 'code'> =
    state === 'failed'
      ? {
          alarm: 'reconciliationFailed',
          message: `${name} could not be compared${failure ? `: ${failure.message}` : ''}`,
          ...(failure && { code: failure.code }),
        }
      : {
          alarm: 'recordsDiffer',
          message: `${name}: ${differences} records differ, and no more than ${alarmAbove} may`,
        };
  return [
    {
      ...what,
      next: `tenon reconcile reports ${name}`,
      reconciliation: name,
      report: id,
      differences,
      alarmAbove,
      ...answeredBy(owner),
      ...(data !== undefined && { data }),
    },
  ];
}
