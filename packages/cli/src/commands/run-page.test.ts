import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runAgainst } from '../testing/fake-server.ts';
import { HERE, operatedRun as run } from '../testing/operated-run.ts';
import { operateCommands } from './operate.ts';

afterEach(() => vi.unstubAllGlobals());

const show = async (more: object): Promise<string> => {
  const argv = ['runs', 'show', 'r1', ...HERE];
  return (await runAgainst({ ...run, ...more }, operateCommands, argv, { cwd: tmpdir() })).text;
};

it('runs show says of a step what people said of it, by whom, when and why', async () => {
  const word = { actor: 'ada', reason: 'ticket 7', atMs: Date.parse('2026-10-01T09:04:00Z') };
  const steps = [
    { id: 'pay', state: 'succeeded', attempts: 1, said: [{ word: 'confirm', ...word }] },
    { id: 'ask', state: 'succeeded', attempts: 1, said: [{ word: 'approve', ...word }] },
    { id: 'book', state: 'compensated', attempts: 1, said: [{ word: 'undone', isOfUndoing: true, ...word }] },
  ];
  const shown = await show({ steps });
  expect(shown).toContain('said to have happened by ada at 2026-10-01 09:04:00Z: ticket 7');
  expect(shown).toContain('approved by ada at 2026-10-01 09:04:00Z: ticket 7');
  expect(shown).toContain('undone by hand by ada at 2026-10-01 09:04:00Z: ticket 7');
});

it('runs show says with what result a person settled an effect, and nothing of one that the other system gave', async () => {
  const word = { actor: 'ada', reason: 'ticket 7', atMs: 0 };
  const pay = { id: 'pay', state: 'succeeded', attempts: 1, result: { id: 'P-1' } };
  const settled = await show({ steps: [{ ...pay, said: [{ word: 'confirm', ...word }] }] });
  expect(settled).toContain('ticket 7; with the result {"id":"P-1"}');
  expect(await show({ steps: [pay] })).not.toContain('P-1');
  const long = { id: 'P'.repeat(500) };
  expect(await show({ steps: [{ ...pay, result: long, byHand: word }] })).toContain(
    '… (--format json has it whole)',
  );
});

describe('runs show', () => {
  it('says when each step was done, and when the run had ended', async () => {
    const atMs = Date.parse('2026-10-01T09:04:00Z');
    const pay = { id: 'pay', state: 'succeeded', attempts: 1, atMs };
    const shown = await show({ steps: [pay, { id: 'mail', state: 'waiting', attempts: 1 }] });
    expect(shown).toContain('ended      2026-10-01 09:05:00Z\n');
    expect(shown).toMatch(/^pay +succeeded +2026-10-01 09:04:00Z +1/m);
    expect(await show({ state: 'waiting' })).not.toContain('ended');
    const undone = { ...pay, state: 'compensated', undoneAtMs: atMs + 60_000 };
    expect(await show({ steps: [undone] })).toMatch(
      /compensated +2026-10-01 09:04:00Z .*undone at 2026-10-01 09:05:00Z/,
    );
  });

  it('says of a run that stands still what keeps it', async () => {
    const shown = await show({ state: 'accepted', heldBy: ['pause/orders'], behind: 'r0' });
    expect(shown).toContain('held by    pause/orders\n');
    expect(shown).toContain('behind     r0: it has the same order key, and goes before this run\n');
  });

  it('hands nothing to the terminal that an event brought along to steer it', async () => {
    const shown = await show({
      key: 'a\u001b[2J\rstate',
      state: 'failed',
      failure: { step: 'pay', class: 'validation', code: 'X', message: 'no\u001b[1A\nowner      nobody' },
      deadLetters: [],
    });
    expect(shown).toContain('key        a\uFFFD[2J\uFFFDstate\n');
    expect(shown).toContain('failed at  pay: validation, no\uFFFD[1A owner      nobody (X)\n');
  });

  it('says of a run without data why it has none', async () => {
    expect(await show({ isPastRetention: true })).toContain(
      'let go     payload, results and failures are no longer kept (retention; it ended 2026-10-01 09:05:00Z): `tenon data` says for how long they are\n',
    );
    const erased = { atMs: Date.parse('2026-10-02T09:00:00Z'), actor: 'ana' };
    expect(await show({ erased })).toContain('erased     2026-10-02 09:00:00Z by ana');
    expect(await show({ input: { id: 'a' } })).not.toMatch(/let go|erased/);
    for (const more of [{ isPastRetention: true }, { erased }, {}])
      expect(await show({ ...more, steps: [] }), 'it had some').not.toContain('none has begun');
  });

  it('has the step that failed, with its failure', async () => {
    const failure = { class: 'validation', code: 'CHECK_NOT_MET', message: 'too few items' };
    const steps = [{ id: 'look', state: 'failed', attempts: 1, failure }];
    expect(await show({ state: 'compensated', steps })).toMatch(
      /^look +failed +1 +validation: too few items$/m,
    );
  });

  it('says of what holds a run who set it, and the command that lifts it', async () => {
    const set = { id: 'kill/connection/depot', actor: 'ana', reason: 'their key leaked', sinceMs: 0 };
    const { text } = await runAgainst(
      (_before, request) =>
        request.endsWith('/v1/switches')
          ? { switches: [set] }
          : { ...run, state: 'accepted', heldBy: [set.id, 'maintenance/depot', 'pause/orders'] },
      operateCommands,
      ['runs', 'show', 'r1', ...HERE],
      { cwd: tmpdir(), nowMs: 300_000 },
    );
    expect(text).toContain(
      [
        'held by    kill/connection/depot, set 5m ago by ana: their key leaked; `tenon switches lift kill/connection/depot --reason …` lifts it',
        'held by    maintenance/depot, a window that ends by itself',
        // Lifted since, or not said.
        'held by    pause/orders',
        'steps      none has begun\n',
      ].join('\n'),
    );
    expect(text).not.toContain('STEP');
  });

  it('shows what the step gave whose undoing is parked, as that is what is undone by hand', async () => {
    const failure = { step: 'compensate:lines[y].book', class: 'validation', code: 'X', message: 'no' };
    const parked = (result: unknown, at = failure) =>
      show({
        state: 'failed',
        failure: at,
        steps: [{ id: 'lines[y].book', state: 'succeeded', attempts: 1, result }],
        deadLetters: [],
      });
    expect(await parked({ id: 'B-7' })).toContain('\nto undo    lines[y].book gave {"id":"B-7"}\n');
    expect(await parked({ note: 'x'.repeat(500) })).toMatch(
      /^to undo {4}.{0,440}… \(--format json has it whole\)$/m,
    );
    expect(await parked(null)).not.toContain('to undo');
    expect(await parked({ id: 'B-7' }, { ...failure, step: 'pay' })).not.toContain('to undo');
  });

  it('says who did by hand what the run could not', async () => {
    const byHand = { actor: 'ana', reason: 'booked at their desk', atMs: Date.parse('2026-10-02T09:00:00Z') };
    const shown = await show({ steps: [{ id: 'book', state: 'succeeded', attempts: 1, byHand }] });
    expect(shown).toMatch(/^STEP +STATE +ATTEMPTS +IDEMPOTENCY KEY +WHY$/m);
    expect(shown).toMatch(
      /^book +succeeded +1 +done by hand by ana at 2026-10-02 09:00:00Z: booked at their desk$/m,
    );
  });

  it('names the child whose undoing is parked, where its own waits for that', async () => {
    const failure = { step: 'compensate:pay', class: 'validation', code: 'X', message: 'no' };
    const { text } = await runAgainst(
      (_before, request) =>
        request.endsWith('/c1')
          ? { ...run, runId: 'c1', pipeline: 'billing', state: 'failed', failure }
          : {
              ...run,
              state: 'compensating',
              children: [{ runId: 'c1', pipeline: 'billing', step: 'bill', state: 'failed' }],
              steps: [{ id: 'compensate:bill', state: 'waiting', attempts: 1, runId: 'c1' }],
            },
      operateCommands,
      ['runs', 'show', 'r1', ...HERE],
      { cwd: tmpdir() },
    );
    expect(text).toContain(
      'state      compensating: its undoing waits for run c1 (billing), whose undoing failed at compensate:pay: validation, no (X); mend it, then `tenon dead-letters resume c1 --reason …`; or undo it by hand, then `tenon runs undone c1 pay --reason …`\n',
    );
  });

  describe('says why a run is undone', () => {
    const failure = { class: 'validation', code: 'X', message: 'no' };
    it.each([
      [
        'the step that failed',
        { state: 'compensating', undoing: { because: 'failure', step: 'pay', failure } },
        'undone as  pay failed: validation, no (X)\n',
      ],
      [
        'who cancelled it',
        {
          state: 'compensating',
          undoing: { because: 'cancelled', step: 'pay', failure, actor: 'ana', reason: 'wrong' },
        },
        'undone as  ana cancelled it: wrong\n',
      ],
      [
        'that its parent is',
        {
          state: 'compensating',
          undoing: { because: 'parent', actor: 'orders', reason: 'its parent is undone' },
        },
        'undone as  the run that started it is undone: its parent is undone (orders)\n',
      ],
    ])('%s', async (_name, detail, says) => {
      expect(await show({ ...detail, steps: [] })).toContain(says);
    });

    it('once, where it is what the run failed at', async () => {
      const undoing = { because: 'failure', step: 'pay', failure };
      const shown = await show({
        state: 'compensated',
        failure: { ...failure, step: 'pay' },
        undoing,
        steps: [],
      });
      expect(shown).toContain('failed at  pay: validation, no (X)\n');
      expect(shown).not.toContain('undone as');
    });
  });

  describe('of a step that waits', () => {
    const atMs = Date.parse('2026-10-02T09:00:00Z');
    const at = '2026-10-02 09:00:00Z';

    it.each([
      [
        'for an approval: whose, until when, and how it is given',
        { for: 'approval', by: 'finance', expiresAtMs: atMs },
        `waits for finance to approve until ${at}: \`tenon approvals approve r1 'lines[7].go' --reason …\`, or reject`,
      ],
      [
        'for an approval of several: how many have given it, and who cannot',
        {
          for: 'approval',
          by: 'finance',
          count: 2,
          given: [{ actor: 'ana', reason: 'fine', atMs }],
          except: ['ada', 'ben'],
          expiresAtMs: atMs,
        },
        `waits for finance to approve (1 of 2 persons have), but not ada nor ben, until ${at}: \`tenon approvals approve r1 'lines[7].go' --reason …\`, or reject`,
      ],
      [
        'for an event: which, and until when',
        { for: 'event', event: 'shop.paid', expiresAtMs: atMs },
        `waits for the event shop.paid until ${at}`,
      ],
      ['for a time: until when', { for: 'time', untilMs: atMs }, `waits until ${at}`],
      ['for a time that is not on record: that it does', { for: 'time' }, 'waits for a time'],
      ['for a run: which', { for: 'run', runId: 'c1', pipeline: 'billing' }, 'waits for run c1 (billing)'],
    ])('%s', async (_name, awaits, says) => {
      const steps = [{ id: 'lines[7].go', state: 'waiting', attempts: 1, awaits }];
      const shown = await show({ state: 'waiting', steps });
      expect(shown.split('\n').at(-2)).toBe(`lines[7].go  waiting  1                          ${says}`);
    });

    it('in doubt: how it is settled', async () => {
      const steps = [{ id: 'pay', state: 'inDoubt', attempts: 1 }];
      expect(await show({ state: 'inDoubt', steps })).toContain(
        "`tenon in-doubt settle r1 pay --verdict … --reason …` says what became of it: confirm (with --result '<json>' where it gives something), redo or compensate\n",
      );
    });

    it('given up in doubt: that nobody knows, and no command', async () => {
      const steps = [{ id: 'pay', state: 'givenUp', attempts: 1 }];
      const shown = await show({ state: 'compensated', steps });
      expect(shown).toContain('whether it happened is not known, and nothing undoes it');
      expect(shown).not.toContain('in-doubt settle');
    });

    it.each(['compensating', 'compensated', 'cancelled'])(
      'no command where the run was given up, and is %s, as earlier servers say it',
      async (state) => {
        const steps = [{ id: 'pay', state: 'inDoubt', attempts: 1 }];
        expect(await show({ state, steps })).not.toContain('in-doubt settle');
      },
    );
  });

  describe('of a run that failed', () => {
    const failed = (step: string, letters: readonly object[] | Response, more: object = {}) =>
      runAgainst(
        (_before, request) =>
          request.includes('/v1/dead-letters')
            ? letters instanceof Response
              ? letters
              : { deadLetters: letters }
            : {
                ...run,
                state: 'failed',
                failure: { step, class: 'validation', code: 'X', message: 'no' },
                ...more,
              },
        operateCommands,
        ['runs', 'show', 'r1', ...HERE],
        { cwd: tmpdir() },
      );
    const letters = [
      { runId: 'r0', queue: 'retry' },
      { runId: 'r1', queue: 'repair' },
    ];

    it('says in which queue it is parked, and how it goes on or ends', async () => {
      const { text, sent } = await failed('pay', letters);
      expect(text).toContain(
        'state      failed, parked in the queue repair: `tenon dead-letters resume r1 --reason …` once its cause is mended, or undo what it did: `tenon runs cancel r1 --reason …`, or leave it as it is: `tenon runs close r1 --reason …`\n',
      );
      expect(sent.at(-1)).toBe('GET /v1/dead-letters?pipeline=orders&failureClass=validation');
    });

    it.each([
      [['lines[y].book'], "`tenon runs done r1 'lines[y].book' --result '<json>' --reason …`"],
      [["lines[O'Neil; x].book"], "`tenon runs done r1 'lines[O'\\''Neil; x].book' --result"],
      [['l1', 'r1'], "`tenon runs done r1 <step> --result '<json>' --reason …` for each of l1, r1"],
    ])('says of effects that they can be done by hand: %j', async (canBeDone, command) => {
      const { text } = await failed('lines', letters, { canBeDone });
      expect(text).toContain(
        `once its cause is mended, or do it by hand in the other system, then ${command}`,
      );
      expect(text).toContain(
        ', or undo what it did: `tenon runs cancel r1 --reason …`, or leave it as it is: `tenon runs close r1 --reason …`\n',
      );
    });

    it('asks for no result where the operation answers nothing', async () => {
      const { text } = await failed('lines', letters, { canBeDone: ['a'], doneGivesNothing: ['a'] });
      expect(text).toContain('`tenon runs done r1 a --reason …`');
    });

    it('says so of its undoing, which can only go on or be done by hand', async () => {
      const { text } = await failed('compensate:pay', letters);
      expect(text).toContain(
        'state      failed, its undoing is parked in the queue repair: mend it, then `tenon dead-letters resume r1 --reason …`; or undo it by hand, then `tenon runs undone r1 pay --reason …`\n',
      );
      expect(text).not.toContain('runs cancel');
    });

    describe('at a step whose child is gone', () => {
      const child = { runId: 'c1', pipeline: 'billing', step: 'bill', state: 'cancelled' };
      const parkedAt = async (failure: object, children: readonly object[]) => {
        const { text } = await runAgainst(
          (_before, request) =>
            request.includes('/v1/dead-letters')
              ? { deadLetters: letters }
              : { ...run, state: 'failed', failure: { class: 'permanent', ...failure }, children },
          operateCommands,
          ['runs', 'show', 'r1', ...HERE],
          { cwd: tmpdir() },
        );
        return text.split('\n').find((line) => line.startsWith('state'));
      };
      const failedThere = { step: 'bill', code: 'RUN_CHILD_FAILED', message: 'run c1 of billing failed' };
      const says = (state: string) =>
        `state      failed, parked in the queue repair: it can only fail there again, however often it is resumed, as its child c1 (billing) is ${state}: \`tenon runs cancel r1 --reason …\` undoes what it did, and its event is to be sent again under a new business key; \`tenon runs close r1 --reason …\` leaves it as it is`;

      it('says that it can only fail again, and what is to be done', async () => {
        expect(await parkedAt(failedThere, [child])).toBe(says('cancelled'));
        expect(await parkedAt(failedThere, [{ ...child, state: 'compensated' }])).toBe(says('compensated'));
      });

      it('also of an item of a list', async () => {
        const inList = {
          ...failedThere,
          step: 'lines',
          message: '1 of 2 items failed; lines[7].bill: run c1 of billing failed',
        };
        expect(await parkedAt(inList, [{ ...child, step: 'lines[7].bill' }])).toBe(says('cancelled'));
      });

      it('does not where the child can go on, or where another step failed', async () => {
        expect(await parkedAt(failedThere, [{ ...child, state: 'failed' }])).toContain(
          'once its cause is mended',
        );
        const other = { step: 'pay', code: 'X', message: 'no' };
        expect(await parkedAt(other, [child])).toContain('once its cause is mended');
      });
    });

    it('shows it though the dead letters cannot be read', async () => {
      const forbidden = Response.json({ title: 'Not allowed', detail: 'no' }, { status: 403 });
      const { text } = await failed('pay', forbidden);
      expect(text).toContain('state      failed: `tenon dead-letters` lists');
    });

    it('does not call it parked where it is not among the dead letters', async () => {
      const { text } = await failed('pay', []);
      expect(text).toContain('state      failed: `tenon dead-letters` lists the runs that are parked\n');
    });
  });
});
