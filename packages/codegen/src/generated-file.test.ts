import { digestOf } from '@tenon/model';
import { planAdapterOperation } from '@tenon/pipeline';
import { expect, test } from 'vitest';
import { contractFiles } from './contract-files.ts';
import { GENERATOR } from './generated-file.ts';
import { everything, everythingUsed } from './testing/everything.ts';
import { messageContract } from './testing/message-contract.ts';

test('the revision is that of what is generated now: when it fails, put the new one into generated-file.ts', async () => {
  const files = await Promise.all([
    contractFiles(planAdapterOperation, { contract: everything(), usage: everythingUsed }),
    contractFiles(planAdapterOperation, { contract: everything() }),
    contractFiles(planAdapterOperation, { contract: messageContract() }),
  ]);
  expect(GENERATOR.revision).toBe(digestOf(files).slice('sha256:'.length, 'sha256:'.length + 12));
});
