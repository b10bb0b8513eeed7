import { textRange } from '@tenon/document';
import type { Diagnostic, Location } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import { allSteps, stepIdOf } from '@tenon/runtime/drill';
import type { DrillReport } from './drill.ts';
import type { Broken } from './judge.ts';
import { drillDiagnostic } from './rules.ts';

/** One finding for each promise and step, by the first way that breaks it. */
export function drillFindings(report: DrillReport, plan: Plan): readonly Diagnostic[] {
  const found = new Map<string, { readonly broken: Broken; readonly way: string; count: number }>();
  for (const { schedule, broken } of report.trials)
    for (const one of broken) {
      const key = `${one.code} ${one.step ?? ''}`;
      const known = found.get(key);
      if (known === undefined) found.set(key, { broken: one, way: schedule.name, count: 1 });
      else known.count += 1;
    }
  const { pipeline, starts, failed, unreached } = report;
  return [
    ...[...found.values()].map(({ broken, way, count }) =>
      drillDiagnostic(broken.code, {
        message: `${pipeline}: ${broken.message}. It comes to that where ${way}${count > 1 ? `, and in ${waysWord(count - 1)}` : ''}`,
        at: placeOf(plan, broken.step),
        subject: `${pipeline} ${broken.step ?? ''}`,
        owner: plan.owner.team,
      }),
    ),
    ...(failed === undefined
      ? []
      : [
          drillDiagnostic('drill-not-started', {
            message: `${pipeline}: ${failed.step === undefined ? '' : `stopped at ${failed.step}: `}${failed.message}`,
            at: failed.step === undefined ? triggerOf(plan) : placeOf(plan, failed.step),
            subject: pipeline,
          }),
        ]),
    ...(failed === undefined ? unreached : []).map((step) =>
      drillDiagnostic('drill-step-unreached', {
        message: `${pipeline}: no run that ${starts.some(({ isGiven }) => isGiven) ? 'begins so' : 'was made up'} came to ${step}`,
        at: placeOf(plan, step),
        subject: `${pipeline} ${step}`,
      }),
    ),
  ];
}

function placeOf(plan: Plan, place: string | undefined): Location {
  const id = place && stepIdOf(place.replace(/^compensate:/, ''));
  const { file, text } = plan.source;
  const { line, column } = allSteps(plan.steps).find((step) => step.id === id)?.at ?? { line: 1, column: 1 };
  const before = text.split('\n').slice(0, line - 1);
  const offset = before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
  return { file, range: textRange(text, offset, offset + (id?.length ?? 1)) };
}

/** Where it is said what starts a run. */
function triggerOf({ source: { file, text } }: Plan): Location {
  const offset = Math.max(0, text.search(/^trigger:/m));
  return { file, range: textRange(text, offset, offset + 'trigger'.length) };
}

function waysWord(count: number): string {
  return count === 1 ? 'another way' : `${count} other ways`;
}
