import type { Json } from '@tenon/model';
import type { LoadedPlan } from '@tenon/runtime/drill';
import type { JsonSchema } from '@tenon/schema';
import type { Start } from './parts.ts';

/** What its contract, or the pipeline itself, says of what starts a run. */
export function triggerSchema({ plan: { trigger, events } }: LoadedPlan): JsonSchema | undefined {
  return 'manual' in trigger ? trigger.input : events[trigger.event]?.payload;
}

/** Does its contract allow an event? */
export function isFit(loaded: LoadedPlan, event: Json): boolean {
  const { trigger } = loaded.plan;
  return (
    ('manual' in trigger ? loaded.inputRefusal(event) : loaded.refusal(trigger.event, event, 'unread')) ===
    undefined
  );
}

/** Does a run begin with it? */
export function isStarting(
  loaded: LoadedPlan,
  { headers = {}, connection }: Pick<Start, 'headers' | 'connection'>,
  event: Json,
): boolean {
  const { trigger } = loaded.plan;
  const where = 'manual' in trigger ? undefined : trigger.where;
  if (where === undefined) return isFit(loaded, event);
  const scope = { event, headers, ...(connection !== undefined && { connection }) };
  const held = loaded.condition(where, scope);
  return held.ok && held.value && isFit(loaded, event);
}
