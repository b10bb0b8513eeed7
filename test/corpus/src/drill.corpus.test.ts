import { basename } from 'node:path';
import { checkWorkspace, loadWorkspaceFiles, memoryWorkspaceFiles } from '@tenon/pipeline';
import { drill, drillFindings } from '@tenon/testkit/drill';
import { describe, expect, test } from 'vitest';
import { hasCorpora, mustHaveCorpora } from './corpus.ts';
import { granted } from './granted.ts';
import { correctPipelines } from './pipelines-correct.ts';
import { type RealContract, realWorkspaceFiles } from './real-workspace.ts';

const CONTRACTS: readonly RealContract[] = ['box', 'hubspot', 'museum', 'pagerduty', 'trains', 'xero'];

describe.skipIf(!hasCorpora && !mustHaveCorpora)(
  'drills over documents of vendors',
  { timeout: 240_000 },
  () => {
    test('find a beginning from which a run ends well, and nothing that is wrong', async () => {
      const files = await realWorkspaceFiles(CONTRACTS);
      for (const [file, text] of correctPipelines())
        if (CONTRACTS.some((name) => file.startsWith(`${name}/`)))
          files[`pipelines/${basename(file)}`] = text;
      const loaded = await loadWorkspaceFiles('/workspace', memoryWorkspaceFiles(await granted(files)));
      const check = checkWorkspace(loaded.value!);
      const source = { workspace: loaded.value!, plans: check.plans, code: new Map() };
      expect(check.plans.size).toBeGreaterThan(15);
      const notStarted: string[] = [];
      for (const plan of check.plans.values()) {
        // One of them in every way; how the others may fail is no other matter.
        const isWhole = plan.pipeline === 'trains-bookings';
        const report = await drill(source, plan, isWhole ? {} : { only: 'nothing goes wrong' });
        if (report.failed !== undefined) notStarted.push(plan.pipeline);
        else expect(drillFindings(report, plan), plan.pipeline).toEqual([]);
      }
      expect(notStarted).toEqual([]);
    });
  },
);
