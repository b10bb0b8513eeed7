import { digestOf } from '@tenon/model';
import type { Deployment } from '../../runtime.ts';
import type { EmbeddedEngine } from '../engine.ts';

const SETTING = 'configuration';

type Parts = Readonly<Record<string, string>>;

/** Enters that the configuration is another than at the last start, and which parts of it are; with what it is compared by the next one, in one commit. */
export async function configured(
  engine: EmbeddedEngine,
  parts: Parts,
  deployment?: () => Promise<Deployment>,
): Promise<void> {
  const row = engine.read.of('SELECT value FROM settings WHERE name = ?').get(SETTING);
  // Written below.
  const before: Parts | undefined = row && JSON.parse(String(row['value']));
  const digest = digestOf(parts);
  if (before !== undefined && digestOf(before) === digest) return;
  const names = new Set([...Object.keys(parts), ...Object.keys(before ?? {})]);
  const details = {
    digest,
    ...(before && {
      before: digestOf(before),
      changed: [...names].filter((name) => parts[name] !== before[name]).toSorted(),
    }),
    ...(await deployment?.()),
  };
  await engine.commit(
    [['putSetting', SETTING, JSON.stringify(parts)]],
    [engine.system({ kind: 'configured', details })],
  );
}
