import type { Diagnostic } from '@tenon/model';
import type { UsageEntry } from '../usage.ts';
import type { Catalog } from './catalog.ts';
import type { DataCheck } from './data.ts';
import { checkEffects } from './effects.ts';
import { checkEvents } from './events.ts';
import type { PipelineModel } from './model.ts';
import { checkOwners } from './owners.ts';
import { checkTier } from './tier.ts';
import { checkTime } from './time.ts';
import { checkWayBack } from './way-back.ts';

/** What is proved of one pipeline by itself. */
export function pipelineProofs(model: PipelineModel, _data: DataCheck): Diagnostic[] {
  const proofs = [checkOwners, checkEvents, checkEffects, checkTime, checkWayBack, checkTier];
  return proofs.flatMap((proof) => proof(model));
}

/** What is proved of all pipelines together. */
export function workspaceProofs(
  _models: readonly PipelineModel[],
  _catalog: Catalog,
  _usage: readonly UsageEntry[],
): Diagnostic[] {
  return [];
}
