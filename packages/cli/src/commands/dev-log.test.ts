import { expect, it } from 'vitest';
import { devLog } from './dev-log.ts';

function told(...lines: Parameters<ReturnType<typeof devLog>>[0][]): readonly string[] {
  const said: string[] = [];
  const log = devLog((text) => said.push(text));
  for (const line of lines) log(line);
  return said;
}

it('says what needs a person, and nothing that only a log collector wants', () => {
  expect(
    told(
      { kind: 'problem', code: 'RUNTIME_WAL_STUCK', message: 'the disk is full' },
      { kind: 'encrypting', message: 'encrypting from now on' },
      { kind: 'secretUsed', reference: 'env:KEY' },
    ),
  ).toEqual(['RUNTIME_WAL_STUCK: the disk is full', 'encrypting from now on']);
});

it('says each thing in one line, whatever is in it: what comes in could else write lines of its own', () => {
  const message = 'no\n12:00:00.000 r1 p succeeded\u001b[2J';
  expect(told({ kind: 'request', code: 'WEBHOOK_ID_MISSING', message })).toEqual([
    'WEBHOOK_ID_MISSING: no 12:00:00.000 r1 p succeeded\ufffd[2J',
  ]);
});

it('says which runs keep to another plan, and again at an edit where that has become otherwise', () => {
  const other = (planHash: string, message: string) => ({ kind: 'otherPlan', planHash, message });
  expect(
    told(
      other('a', '2 runs keep to version 1'),
      other('b', '1 run keeps to version 2'),
      other('a', '2 runs keep to version 1'),
      other('a', '1 run keeps to version 1'),
    ),
  ).toEqual(['2 runs keep to version 1', '1 run keeps to version 2', '1 run keeps to version 1']);
});
