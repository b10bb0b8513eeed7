import type { Diagnostic } from '@tenon/model';
import type { Snapshot } from '../snapshot.ts';

/** What `tenon check` would say of each file. What names no file is shown in the configuration. */
export function diagnosticsOf(snapshot: Snapshot): ReadonlyMap<string, readonly Diagnostic[]> {
  const found = new Map(snapshot.diagnostics);
  const homeless = found.get('');
  if (!homeless) return found;
  found.delete('');
  found.set('tenon.config.yaml', [...(found.get('tenon.config.yaml') ?? []), ...homeless]);
  return found;
}
