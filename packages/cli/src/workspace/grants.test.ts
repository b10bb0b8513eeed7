import { rm } from 'node:fs/promises';
import { checkWorkspace, loadWorkspace } from '@tenon/pipeline';
import { describe, expect, it } from 'vitest';
import { initFolder } from '../testing/init-folder.ts';
import { pipelinesCalling } from './grants.ts';

describe('who calls an operation', () => {
  it('is told by pipeline, ways back included', async () => {
    const folder = await initFolder('calling');
    const { value } = await loadWorkspace(folder);
    const check = checkWorkspace(value!);
    const of = (operation: string): readonly string[] => pipelinesCalling(check, 'shop', operation);
    expect({ back: of('cancelShipment'), health: of('getStatus') }).toEqual({
      back: ['order-paid'],
      health: [],
    });
    await rm(folder, { recursive: true });
  });
});
