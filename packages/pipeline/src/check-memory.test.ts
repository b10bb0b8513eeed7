import { describe, expect, it } from 'vitest';
import { createCheckMemory, inspectPipeline } from './check-memory.ts';
import { checkWorkspace } from './check-workspace.ts';
import { PIPELINE, swap, testWorkspace } from './test-workspace.ts';

describe('what a check takes over from the one before', () => {
  it('finds the same as a check without it, at every change of one file', async () => {
    const { workspace } = await testWorkspace();
    const memory = createCheckMemory();
    const text = workspace.pipelineFiles.get(PIPELINE)!;
    for (const edit of [
      swap('event.total > 0', 'event.totl > 0'),
      swap('EUR', 'EUX'),
      (same: string) => same,
    ]) {
      const edited = {
        ...workspace,
        pipelineFiles: new Map(workspace.pipelineFiles).set(PIPELINE, edit(text)),
      };
      const remembered = checkWorkspace(edited, { memory });
      const afresh = checkWorkspace(edited);
      expect(remembered.diagnostics).toEqual(afresh.diagnostics);
      expect([...remembered.plans]).toEqual([...afresh.plans]);
    }
  });

  it('forgets all when a policy changes', async () => {
    const { workspace } = await testWorkspace();
    const memory = createCheckMemory();
    expect(checkWorkspace(workspace, { memory }).diagnostics).toEqual([]);
    const without = { ...workspace, policyFiles: new Map<string, string>() };
    expect(checkWorkspace(without, { memory }).diagnostics).toEqual(checkWorkspace(without).diagnostics);
    expect(checkWorkspace(without, { memory }).diagnostics).not.toEqual([]);
  });

  it('types a pipeline whose YAML is broken as far as it can be read', async () => {
    const { workspace } = await testWorkspace();
    const broken = `${workspace.pipelineFiles.get(PIPELINE)!}\n  - [`;
    const { document, data } = inspectPipeline(workspace, PIPELINE, broken);
    expect(document.isBroken).toBe(true);
    expect(data?.environments.size).toBeGreaterThan(10);
  });
});
