import type { DrillRequest, DrillResult, DrillSubject } from '../../api/drills.ts';
import type { DrillEntered } from '../../runtime.ts';
import { unknownSubject } from '../control/switch-subjects.ts';
import type { EmbeddedEngine } from '../engine.ts';

/** Enters what a person or a command has to say of a drill. */
export async function recordDrill(
  engine: EmbeddedEngine,
  request: DrillRequest,
  actor: string,
  reason: string,
): Promise<DrillEntered> {
  const unknown = unknownDrillSubject(engine, request);
  if (unknown !== undefined) return { ok: false, code: 'DRILL_SUBJECT_UNKNOWN', message: unknown };
  const now = engine.now();
  const { kind, pipeline, connection, verdict, figures = {}, findings = [], people } = request;
  const endedAtMs = request.endedAtMs ?? now;
  const startedAtMs = request.startedAtMs ?? endedAtMs;
  if (endedAtMs > now + CLOCKS_DIFFER_MS || startedAtMs > endedAtMs)
    return {
      ok: false,
      code: 'DRILL_TIME_INVALID',
      message: `a drill that is over has begun before it ended, and has ended by now: it is said to have been from ${moment(startedAtMs)} to ${moment(endedAtMs)}, and it is ${moment(now)}`,
    };
  const drill: DrillResult = {
    id: engine.newId(),
    kind,
    ...(pipeline !== undefined && { pipeline }),
    ...(connection !== undefined && { connection }),
    verdict,
    judgedBy: Object.keys(figures).length > 0 ? 'command' : 'person',
    startedAtMs: Math.min(startedAtMs, now),
    endedAtMs: Math.min(endedAtMs, now),
    actor,
    reason,
    findings,
    figures,
    ...(people !== undefined && { people }),
  };
  await engine.drills.enter(drill);
  return { ok: true, drill };
}

/** Whoever records may sit at another machine. */
const CLOCKS_DIFFER_MS = 60_000;

/** Why a drill is of nothing that there is. */
export function unknownDrillSubject(
  engine: EmbeddedEngine,
  { kind, pipeline, connection }: DrillSubject,
): string | undefined {
  if (kind === 'restore')
    return pipeline === undefined && connection === undefined
      ? undefined
      : 'a restore is of the whole database: name no pipeline and no connection';
  if (kind === 'rotation') {
    if (connection === undefined || pipeline !== undefined) return 'a rotation is of a connection: name it';
    return unknownSubject(engine, { kind: 'kill', scope: { connection }, sparesCompensation: false });
  }
  if (pipeline === undefined || connection !== undefined) return 'such a drill is of a pipeline: name it';
  return unknownSubject(engine, { kind: 'pause', pipeline, onlyKeys: [] });
}

function moment(ms: number): string {
  return new Date(ms).toISOString();
}
