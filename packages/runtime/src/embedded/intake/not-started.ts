import type { Fact } from '../../engine.ts';
import { type EntityVersion, isOlder } from '../../entity-version.ts';
import type { SwitchBoard } from '../../switches.ts';
import { UnreadableValue } from '../file/value-codec.ts';
import type { Draft, NewEvent } from './intake.ts';

// Why an event is stored and starts no run, as the ledger has it.

type Named = Omit<NewEvent, 'payload'>;

/** A flag that is off for it. */
export function flaggedOff(
  board: SwitchBoard,
  { event, source, deliveryId }: Named,
  draft: Draft,
): Fact | undefined {
  // A child is part of a run that was taken already.
  if (draft.child !== undefined) return undefined;
  const { pipeline } = draft.loaded.plan;
  const flag = board.flagAgainst(pipeline, event.startsWith('manual:') ? 'manual' : event, draft);
  if (flag === undefined) return undefined;
  return {
    kind: 'flaggedOff',
    details: { pipeline, event, source, deliveryId, flag: flag.id, revision: flag.revision },
  };
}

/**
 * It is older than one of its entity that was taken before: what it says is no longer so (C46). Where the newest version cannot be read
 * nobody can tell, unless a person said that this does not matter.
 */
export function tooOld(
  { event, source, deliveryId }: Named,
  { loaded, version, maySucceedUnread }: Draft,
  newest: EntityVersion | UnreadableValue | undefined,
): Fact | UnreadableValue | undefined {
  if (newest instanceof UnreadableValue) return maySucceedUnread === true ? undefined : newest;
  if (version === undefined || newest === undefined || !isOlder(version, newest)) return undefined;
  const { pipeline } = loaded.plan;
  return {
    kind: 'olderSkipped',
    details: { pipeline, event, source, deliveryId, version: shown(version), newest: shown(newest) },
  };
}

/** No more of a version goes to the ledger than one can need. */
function shown(version: EntityVersion): EntityVersion {
  return typeof version === 'string' ? version.slice(0, VERSION_SHOWN_MAX) : version;
}

const VERSION_SHOWN_MAX = 100;

/** Another delivery under a known id, of one that started nothing as it came first: there is no run to say it of. */
export function otherUnderOneId({ event, source, deliveryId }: Named): Fact {
  return {
    kind: 'duplicate',
    details: { event, source, deliveryId, sameDelivery: true, payloadDiffers: true },
  };
}
