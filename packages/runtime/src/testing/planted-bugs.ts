/**
 * Bugs that the simulation must catch: each an edit that still compiles, of a file of this package or of the connector package. `simulate` runs on a copy of the
 * source with the edit until a promise breaks. A check that cannot fail would let one of these through.
 */
export interface PlantedBug {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Where the first seeds of all do not come there: those are begun with this one. */
  readonly firstSeed?: number;
}

interface Edit {
  /** From this package's source on. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const effect = 'interpreter/effect.ts';
const attempt = 'interpreter/attempt.ts';
const probing = 'interpreter/probe.ts';
const settling = 'interpreter/settle.ts';
const judge = 'interpreter/judge.ts';
const again = 'interpreter/made-again.ts';
const engine = 'embedded/engine.ts';
const inForce = 'embedded/plans/plans.ts';
const admission = 'embedded/intake/admission.ts';
const inbox = 'embedded/intake/inbox-reads.ts';
const calls = 'embedded/work/calls.ts';
const keeping = 'embedded/control/switch-keeper.ts';
const opening = 'embedded/open-runtime.ts';
const context = 'embedded/work/run-context.ts';
const strand = 'embedded/work/strand.ts';
const children = 'embedded/work/children.ts';
const familiar = 'interpreter/child.ts';
const joining = 'embedded/work/join-strands.ts';
const lists = 'interpreter/for-each.ts';
const strands = 'interpreter/strands.ts';
const statements = 'embedded/file/statements.ts';
const dispatcher = 'embedded/work/dispatcher.ts';
const operations = 'embedded/control/operations.ts';
const batch = 'embedded/commit/apply-batch.ts';
const passing = 'embedded/control/passed-time.ts';
const keeper = 'ledger/checkpoint-keeper.ts';
const undoing = 'interpreter/compensate.ts';
const interpreting = 'interpreter/interpret.ts';
const carrying = 'interpreter/carry-out.ts';
const switches = 'switches.ts';
const over = 'interpreter/over.ts';
const steps = 'interpreter/steps.ts';
const intake = 'embedded/intake/intake.ts';
const guard = '../../connector/src/resilience/guarded-transport.ts';
const breaker = '../../connector/src/resilience/breaker.ts';
const quota = '../../connector/src/resilience/quota.ts';
const callWindow = '../../connector/src/resilience/call-window.ts';
const calledOff = 'if (request.isCalledOff?.() === true) return calledOff;';

export const plantedBugs: readonly PlantedBug[] = [
  bug(
    'the key is made from the attempt',
    effect,
    '[pipeline, businessKey, effectId]',
    '[pipeline, businessKey, effectId, performance.now()]',
  ),
  bug(
    'how old a key is goes by the wall clock',
    attempt,
    'ctx.sinceMs(firstSentAtMs) + callTakesMs(effect.operation)',
    'ctx.now() - firstSentAtMs + callTakesMs(effect.operation)',
  ),
  bug(
    'a clock that is set back is not noticed',
    passing,
    '      this.#setBack(backMs);',
    '      void backMs;',
  ),
  bug(
    'a start does not look whether the clock was set back meanwhile',
    passing,
    'if (behindMs < SET_BACK_MS_MIN) return;',
    'return;',
  ),
  bug(
    'a restart forgets how often the clock was set back',
    passing,
    'this.#setBacks = setBacks;\n    this.#unsureUntilMs',
    'this.#setBacks = [];\n    this.#unsureUntilMs',
  ),
  bug('the key forgets the step', effect, '[pipeline, businessKey, effectId]', '[pipeline, businessKey]'),
  bug(
    'an event is acknowledged before it is on disk',
    admission,
    'group.onEnd((error) => {\n      this.#isOver',
    'queueMicrotask((error: unknown = undefined) => {\n      this.#isOver',
  ),
  bug(
    'a refusal is believed of what may have been done before it',
    attempt,
    "const isRefused = judgement.outcome === 'failed' && refused !== undefined;",
    "const isRefused = judgement.outcome !== 'retryable' && refused !== undefined;",
  ),
  bug('no intent is written', attempt, 'if (checked === undefined && !isHarmless(effect)) {', 'if (1 > 2) {'),
  bug(
    'the intent is not on disk before the call',
    attempt,
    'await ctx.durable();\n      return outcomeOf',
    'return outcomeOf',
  ),
  bug(
    'every operation counts as harmless to repeat',
    judge,
    "case 'natural':",
    "case 'none':\n    case 'natural':",
  ),
  bug(
    'a key is good for ever',
    judge,
    'idempotency.retentionMs === undefined || sinceFirstMs < idempotency.retentionMs',
    'true',
  ),
  bug('a crash is not remembered', context, 'row.claimed === 2', 'row.claimed === 3'),
  bug(
    'a lost answer counts as a failure',
    judge,
    "if (failure.delivery === 'lost') return 'unclear';",
    "if (failure.delivery === 'lost') return 'absent';",
  ),
  bug(
    'a time that was asked for is not waited for',
    judge,
    'Math.max(backoffMs, failure.retryAfterMs ?? 0)',
    'backoffMs',
  ),
  bug(
    'an answer that breaks its contract counts as a refusal',
    judge,
    "if (failure.class === 'contract' && status >= 200 && status < 300) return 'happened';",
    '',
  ),
  bug(
    'what the disk refused is acknowledged',
    'embedded/commit/commit-queue.ts',
    '[...batch, ...this.#waiting.splice(0)]) group.settle(error);',
    '[...batch, ...this.#waiting.splice(0)]) group.settle();',
  ),
  bug('a gateway error counts as a refusal', judge, 'status !== 503 && UNSURE', 'status < 500 && UNSURE'),
  bug(
    'an unclear attempt is forgotten by the next',
    effect,
    'tries.unclear = attempt.unclear;\n      const ended',
    'tries.unclear = false;\n      const ended',
  ),
  bug(
    'an exhausted budget makes the unknown failed',
    judge,
    "outcome: unclear ? 'unknown' : 'failed'",
    "outcome: 'failed'",
  ),
  bug(
    'an interrupted attempt counts as failed',
    attempt,
    "delivery: 'lost',\n};\n\nconst KEY_FORGOTTEN",
    "delivery: 'notSent',\n};\n\nconst KEY_FORGOTTEN",
  ),
  bug(
    'no version goes along with a write',
    attempt,
    '...(effect.version?.isEtag && { ifMatch: effect.version.text }),',
    '',
  ),
  bug(
    'a conflict proves that no earlier attempt happened',
    attempt,
    'unclearBefore: tries.unclear,',
    "unclearBefore: tries.unclear && failure.class !== 'conflict',",
  ),
  bug(
    'what was read first is written with the version read again',
    again,
    'if (end.value !== undefined) progress.steps[id] = end.value;',
    '',
  ),
  bug(
    'a state that differs is taken for the one wanted',
    probing,
    'return differs.length > 0 ?',
    'return differs.length > 99 ?',
  ),
  bug(
    'an undoing does not go by its guard',
    'interpreter/guarded-undo.ts',
    'if (unchanged.value && conflicts',
    'if (conflicts',
  ),
  bug('an undoing carries no version', undoing, '...(isVersioned && {', '...(1 > 2 && {'),
  bug(
    'an older event is taken after a newer one',
    'embedded/intake/not-started.ts',
    '!isOlder(version, newest)',
    '2 > 1',
  ),
  bug(
    'two events of one entity are looked at side by side',
    'embedded/intake/admission.ts',
    'if (version !== undefined && orderKey !== undefined)\n        names.push',
    'if (version === 99 && orderKey !== undefined)\n        names.push',
  ),
  bug(
    'what is old is taken for fresh',
    'interpreter/staleness.ts',
    'return isOlder(version.value, wanted.value)',
    'return 1 > 2',
  ),
  bug(
    'the probe never finds anything',
    probing,
    'if (found.value === null) continue;',
    'if (found.value !== 0) continue;',
  ),
  bug(
    'the probe always finds something',
    probing,
    'if (found.value === null) continue;',
    "if (found.value === null) return { found: 'yes', value: { id: 'x' } };",
  ),
  bug(
    'the first page of a listing proves absence',
    probing,
    'if (found.value === null) continue;',
    "if (found.value === null) return { found: 'no' };",
  ),
  bug(
    'the end of a listing that has moved proves absence',
    probing,
    'calledOff, pagesToTheEnd }',
    'calledOff, pages as pagesToTheEnd }',
  ),
  bug(
    'a failed probe proves absence',
    probing,
    "  return { found: 'unclear', failure };\n}",
    "  return { found: 'no' };\n}",
  ),
  bug(
    'a redo is taken for a confirmation',
    settling,
    "case 'redo':\n      return { as: 'redo' };",
    "case 'redo':\n      return { as: 'happened', value: { id: 'x' } };",
  ),
  bug(
    'a confirmation is taken for a redo',
    settling,
    "return { as: 'happened', value: verdict.result ?? null, ...nthOf({ nth }) };",
    "return { as: 'redo' };",
  ),
  bug(
    'a doubtful effect that happened is not undone',
    'interpreter/call-step.ts',
    'if (happened !== undefined || isOwed) confirm(progress, step, operation, nth);',
    'if (1 > 2) confirm(progress, step, operation, nth);',
  ),
  bug(
    'what a person has done is sent again',
    carrying,
    "return word.verdict === 'done' ? { as: 'done', word } : { as: 'resumed' };",
    "return word.verdict !== 'done' ? { as: 'resumed' } : JSON.parse('{\"as\":\"resumed\"}');",
  ),
  bug(
    'what a person has done in a branch or an item is sent again',
    carrying,
    "if (said?.step === stop.step && step?.kind === 'call')",
    "if (said?.step === stop.step && step?.kind === 'call' && rounds === undefined)",
  ),
  bug(
    'what a person has done in a block that is cancelled is forgotten',
    carrying,
    'const interruption = isForIt\n    ? undefined',
    'const interruption = isForIt && progress.place.length < 0\n    ? undefined',
  ),
  bug(
    'what a person has done is not undone',
    'interpreter/by-hand.ts',
    "confirm(progress, step, operation, typeof nth === 'number' ? nth : undefined);",
    "if (typeof nth === 'string') confirm(progress, step, operation, undefined);",
  ),
  bug('what a person has undone is tried again', undoing, "if (verdict !== 'undone') continue;", 'continue;'),
  bug('compensation goes forward', undoing, 'effects.toReversed()', 'effects'),
  bug(
    'compensation stops after one',
    undoing,
    'await undo(progress, effect, step.compensate, phase);',
    '{ await undo(progress, effect, step.compensate, phase); break; }',
  ),
  bug(
    'compensation has the key of its step',
    undoing,
    'const { ctx, loaded, call } = progress;\n  const id = `compensate:${effect.place}`;',
    'const { ctx, loaded, call } = progress;\n  const id = effect.place;',
  ),
  bug(
    'a compensation that fails counts as done',
    undoing,
    'if (ended.ok || ended.givenUp?.happened !== undefined) return;',
    'if (ended.ok || ended.attempts > 0) return;',
  ),
  bug(
    'a cancellation during the last call is forgotten',
    interpreting,
    'if (cancelled !== undefined) return compensate(progress, stopAtEnd(cancelled));',
    '',
  ),
  bug(
    'a run ends while its cancellation is on its way',
    context,
    '(this.cancelled() !== undefined || this.host.isBeingCancelled(seq))',
    'this.cancelled() !== undefined',
  ),
  bug(
    'a cancelled run keeps its effects',
    undoing,
    "await undoAll(progress, progress.confirmed, 'compensating');",
    "if (stop.cancelled === undefined) await undoAll(progress, progress.confirmed, 'compensating');",
  ),
  bug(
    'effects are compensated without being confirmed',
    'interpreter/call-step.ts',
    'else confirm(progress, step, operation, end.nth);',
    '',
  ),
  bug('a run taken is counted as all there were', dispatcher, 'fresh.length <= room', 'room > 0'),
  bug('a full lane is not looked at again', dispatcher, 'if (wasFull) for', 'if (1 > 2) for'),
  bug('a timer is lost', dispatcher, 'this.#schedule(next);', ''),
  bug(
    'the next run of a key is not let go',
    context,
    "return [['admitNext', pipeline, orderKey, this.host.now()]];",
    'return [];',
  ),
  bug(
    'runs of a key go beside each other',
    statements,
    'CASE taken WHEN 1 THEN NULL ELSE ?12 END\n    FROM',
    '?12\n    FROM',
  ),
  bug('nothing is taken over after a crash', engine, "await this.#queue.commit([['reclaim']]);", ''),
  bug(
    'a strand that is asked again forgets that it was cut short',
    'embedded/work/join-strands.ts',
    'if (group.unbegun === undefined) slot',
    'slot',
  ),
  bug(
    'what begins at once is not marked as taken',
    statements,
    '?11, ?11, ?11, 1, ?12, ?13, ?14)`',
    '?11, ?11, ?11, 0, ?12, ?13, ?14)`',
  ),
  bug(
    'what is set aside after a crash is not gone on with',
    statements,
    'SET due_at = ?2, claimed = 2',
    'SET due_at = CASE 1 WHEN 1 THEN NULL ELSE ?2 END, claimed = 2',
  ),
  bug(
    'a run with an order key begins at once',
    'embedded/intake/draft-run.ts',
    'orderKey === undefined &&\n    failure',
    'failure',
  ),
  bug('what a run wrote counts as on disk at once', context, 'else this.#group.onEnd(tell);', 'else tell();'),
  bug(
    'a step is not journaled',
    strand,
    "[['putJournal', row.seq, this.#prefix + key, this.passed(), JSON.stringify(value)], ...writes],",
    '[...writes],',
  ),
  bug(
    'an early stop is not journaled',
    context,
    "this.write([['putJournal', this.row.seq, key, now, JSON.stringify(value)]], []);",
    '',
  ),
  {
    name: 'what failed of itself is stopped by what it had stopped, when it is carried out again',
    edits: [
      {
        file: strand,
        find: 'return this.#failures < failures && this.#recalled <= failedAfter;',
        replace: 'return this.#failures < failures && this.#recalled < 0;',
      },
    ],
    // A strand has to be paused between its failure and the end of one beside it: one seed in some two hundred.
    firstSeed: 601,
  },
  bug(
    'what a check has let go on by is read again',
    'interpreter/steps.ts',
    'if (from > 1 && step.again !== undefined) {',
    'if (step.again !== undefined) {',
  ),
  bug(
    'what is read again is not what is gone by',
    again,
    "  if (end.as === 'done' && end.value !== undefined) progress.steps[id] = end.value;",
    '',
  ),
  bug(
    'a stop is not found again',
    strand,
    'const known = this.#run.hasStops ? this.#stopAt(place) : undefined;',
    'const known = undefined as Interruption | undefined;',
  ),
  bug(
    'what an earlier process has taken is new',
    'embedded/file/known-names.ts',
    'if (this.#engine.lastEventSeq() === 0)',
    'if (this.#engine.lastEventSeq() >= 0)',
  ),
  bug(
    'a key that was taken is new when it comes again',
    admission,
    'for (let at = 0; at <= drafts.length; at++) this.known.add(names[at]!);',
    '',
  ),
  bug('an emitted event starts nothing', admission, 'drafts.drafts,\n      also,', '[],\n      also,'),
  bug(
    'an emitted event is stored after its step',
    admission,
    'this.#arrived.push(arrival);',
    'if (arrival.also.length === 0) this.#arrived.push(arrival);\n    else void this.#engine.commit(arrival.also).then(() => this.#arrived.push({ ...arrival, also: [] }), arrival.refused).then(() => this.#engine.gather());',
  ),
  bug(
    'a known business key starts a run',
    admission,
    'if (earlier !== undefined) {',
    'if (earlier !== undefined && before.isKnown) {',
  ),
  bug(
    'a duplicate is told that its run has just been accepted',
    admission,
    'started: false,\n      state,',
    "started: false,\n      state: 'accepted',",
  ),
  bug('an event wakes nobody', admission, "[['wakeWaiting', now, event.event]] : []", '[] : []'),
  bug('a wait is not known to exist', context, 'this.host.awaits(wait.event);', ''),
  bug('waits of an earlier process are not known', inbox, "String(row['event'])", "String(row['none'])"),
  bug(
    'an event that comes while the wait is written is missed',
    statements,
    'EXISTS (SELECT 1 FROM events WHERE event = ?5 AND seq > ?6)',
    '?5 = 0 AND ?6 = 0',
  ),
  bug(
    'a wait sees only events after it began',
    strand,
    'before ?? row.event_seq',
    'before ?? host.lastEventSeq()',
  ),
  bug(
    'a verdict does not wake its run',
    operations,
    "['closeOpening', run.seq, opening.key],\n      ['wake', run.seq, now],",
    "['closeOpening', run.seq, opening.key],",
  ),
  bug(
    'a run is looked for before the word to it is on the disk',
    operations,
    'await engine.commit(writes, [engine.noted(run, facts)]);',
    'const written = engine.commit(writes, [engine.noted(run, facts)]);\n    engine.dispatcher.touch(run.pipeline, engine.now());\n    await written;\n    return { ok: true };',
  ),
  bug(
    'names of an event are free as soon as it is handed over',
    admission,
    'if (!isKnown)\n      group.atLast(() => (this',
    'if (!isKnown)\n      group.atLast(() => (arrival.names.forEach((name) => this.#reserved.delete(name)), this',
  ),
  bug(
    'a run that was taken, and is not marked so in the file yet, is taken once more',
    dispatcher,
    'const fresh = found.filter((seq) => !lane.active.has(seq));',
    'const fresh = found;',
  ),
  bug(
    'a resumed run has no turn',
    statements,
    'CASE taken WHEN 1 THEN NULL ELSE ?3 END\n    FROM',
    'NULL\n    FROM',
  ),
  bug(
    'ledger numbers start anew',
    engine,
    'new LedgerWriter(\n      this.number(',
    'new LedgerWriter(\n      0 * this.number(',
  ),
  bug(
    'entries are announced before they are on disk',
    'embedded/commit/commit-queue.ts',
    'return this.#committer.apply(batch.map((group) => group.take(this.#seal)));',
    'const taken = batch.map((group) => group.take(this.#seal)); for (const group of batch) this.#onDurable(group.entries); return this.#committer.apply(taken);',
  ),
  bug(
    'a parked run has no dead letter',
    strand,
    'this.#run.openingWrite(this.#prefix, wait.opening, wait.expiresAtMs),',
    '',
  ),
  bug('items share their keys', lists, 'place: `${name}.`, rounds', "place: '', rounds"),
  bug('two items of one key are both carried out', lists, 'if (earlier !== undefined)', 'if (1 > 2)'),
  bug('a bad item is carried out', lists, 'items.filter((item) => item.bad === undefined)', 'items'),
  bug(
    'a bad item does not hold the list',
    lists,
    "step.check?.otherwise === 'quarantine'",
    "step.check?.otherwise === 'split'",
  ),
  bug(
    'what failed items did stays',
    lists,
    "await undoAll(progress, own, 'running');",
    "if (1 > 2) await undoAll(progress, own, 'running');",
  ),
  bug(
    'what all items did is undone with those that failed',
    lists,
    'filter((effect) => lost.has(effect));',
    'filter((effect) => effect.place.includes("["));',
  ),
  bug('effects of strands are not undone', strands, 'end?.progress.confirmed ?? []', '[]'),
  bug(
    'effects of strands are undone strand by strand',
    strands,
    '(a.nth ?? 0) - (b.nth ?? 0)',
    '0 * (a.nth ?? 0) - 0 * (b.nth ?? 0)',
  ),
  bug(
    'the order of confirmation is forgotten in a wait',
    context,
    'Math.max(this.#nth, this.journal.size) + 1',
    'this.#nth + 1',
  ),
  bug(
    'a failed branch is forgotten',
    strands,
    'const stops = ends.flatMap((end) => end?.stop ?? []);',
    'const stops: Stop[] = [];',
  ),
  bug(
    'a fork is not joined on record',
    strand,
    'if (!isJoined) {\n      this.#run.goLive();',
    'if (isJoined) {\n      this.#run.goLive();',
  ),
  bug(
    'a fork leaves no trace before it is joined',
    strands,
    'await ctx.step(`${key}!`, () => ({ value: [...before, round] }));',
    '[...before, round];',
  ),
  bug(
    'a strand asks for what another did',
    strand,
    'this.#run.journal.get(this.#prefix + key);',
    'this.#run.journal.get(key);',
  ),
  bug(
    'a strand does not know of the crash',
    'embedded/work/strand-memory.ts',
    'memory.isInterrupted = this.#wasInterrupted;',
    '',
  ),
  bug(
    'a strand never begins after another waits',
    joining,
    'if (active === 0) break;',
    'if (active === 0 || slots.some(({ state }) => state === "waiting")) break;',
  ),
  bug(
    'what was begun is not ended',
    joining,
    'return before > 0 || (!isStopped()',
    'return (before > 0 && !isStopped()) || (!isStopped()',
  ),
  bug(
    'what had not begun is taken for begun when a fork is repeated',
    joining,
    "state === 'new' && !group.unbegun.has(plan.name)",
    "state === 'new' && before > 0",
  ),
  bug(
    'a strand that waits is forgotten',
    joining,
    "slot.state = strand.waits.length > 0 ? 'waiting' : 'aside';",
    "slot.state = 'ended';",
  ),
  bug(
    'the run sleeps as long as its last strand',
    context,
    'Math.min(least ?? at, at)',
    'Math.max(least ?? at, at)',
  ),
  bug(
    'an event for one of several strands is missed',
    statements,
    "events.seq > awaited.value ->> 'scannedTo'",
    "events.seq < 0 * awaited.value ->> 'scannedTo'",
  ),
  bug(
    'strands stop without a word on record',
    strand,
    'if (found !== undefined) this.#run.recordStop(`#stop/${this.#prefix}${place}`, found);',
    '',
  ),
  bug('a call that was given up is sent when its turn comes', calls, 'given.up = true;', ''),
  bug(
    'a kill is not looked at between intent and call',
    calls,
    "if (isCalledOff()) return Promise.resolve('held');",
    '',
  ),
  bug(
    'a name from before the file was encrypted is looked for as a digest alone',
    inbox,
    'return names.isMixed ? names.forms(kind, name) : [names.stored(kind, name)];',
    'return [names.stored(kind, name)];',
  ),
  bug(
    'an order from before the file was encrypted does not count',
    opening,
    "await engine.tend('nameLanes');",
    '',
  ),
  bug(
    'a row of an item is not called by its own key any more',
    'embedded/file/stored-rows.ts',
    'return { ...row, key, value: text };',
    'return { ...row, value: text };',
  ),
  bug(
    'a kill is forgotten by a restart',
    keeping,
    'for (const one of storedSwitches(engine.rows)) engine.board.set(one);',
    'storedSwitches(engine.rows);',
  ),
  bug(
    'a lifted switch lets nothing go',
    keeping,
    'await this.#releaseStored(before);\n    this.#engine.dispatcher.touchAll(this.#engine.now());',
    'this.#engine.dispatcher.touchAll(this.#engine.now());',
  ),
  bug(
    'what a switch held is let go before the switch is off the disk',
    keeping,
    "await this.#store(before, before, [['dropSwitch', id], ...this.#unpaused(before)], fact);\n    await this.#releaseStored(before);",
    "await this.#releaseStored(before);\n    await this.#store(before, before, [['dropSwitch', id], ...this.#unpaused(before)], fact);",
  ),
  bug(
    'compensation goes out under a kill',
    switches,
    "if (purpose === 'compensation' && sparesCompensation) return false;",
    "if (purpose === 'compensation') return false;",
  ),
  bug(
    'a killed connection is probed',
    switches,
    "if ('connection' in scope) return scope.connection === connection;\n  if ('connector' in scope) return scope.connector === connector;\n  if (purpose === 'probe') return false;",
    "if (purpose === 'probe') return false;\n  if ('connection' in scope) return scope.connection === connection;\n  if ('connector' in scope) return scope.connector === connector;",
  ),
  bug(
    'a pause is not kept',
    switches,
    "return found?.kind === 'pause' ? found : undefined;",
    'return undefined;',
  ),
  bug('a flag says nothing of what it keeps back', admission, 'noted.push(this.#engine.system(flag));', ''),
  bug(
    'a replay is forgotten by a crash',
    'embedded/replay/replays.ts',
    '    this.#schedule();\n  }\n\n  stop()',
    '  }\n\n  stop()',
  ),
  bug(
    "a child's end and its parent's word are two commits",
    children,
    "['putJournal', link.parentSeq, wordKey(link.key, nth), now, JSON.stringify(end)],\n    ['countWord'",
    "['countWord'",
  ),
  bug('a child tells its parent and does not wake it', children, "['wakeParent', link.parentSeq, now],", ''),
  bug(
    'a child is not on record with its parent',
    children,
    "['putJournal', link.parentSeq, link.key, atMs, JSON.stringify(value)],\n",
    '',
  ),
  bug('a child that succeeded is not taken back', children, "['takeBackChild', child.seq, now, text],", ''),
  bug('a child that still works is not cancelled', children, "['cancelChild', child.seq, now, text],", ''),
  bug('a child is forgotten once it has succeeded', familiar, 'progress.confirmed.push(child);', ''),
  bug('the first word of a child is heard again and again', familiar, 'child.ends++;', ''),
  bug(
    'what a child did before it was taken back is done anew',
    'interpreter/interpret.ts',
    "await ctx.step('/ended', () => ({ value: null }));\n    const back = ctx.takenBack();",
    'const back = ctx.takenBack();',
  ),
  bug(
    'a run goes on with the newest version of its pipeline',
    'embedded/work/activations.ts',
    'const loaded = this.#engine.plans.byHash(row.plan_hash);',
    'const loaded = this.#engine.inForce.begins.get(row.pipeline) ?? this.#engine.plans.byHash(row.plan_hash);',
  ),
  bug(
    'what is erased stays in the log',
    'embedded/file/erase.ts',
    "await leaveNothing(engine, isToBeAnew && !leavesTraces ? 'writeAnew' : 'emptyLog');",
    '',
  ),
  bug('an erased payload stays in the file', 'embedded/file/erase.ts', "['erasePayload', seq],\n", ''),
  bug(
    'a file that is behind its mark is gone on with',
    'embedded/file/database.ts',
    'if (!isSetBack) refuseBehind(db, file);',
    '',
  ),
  bug(
    'a closed window is not kept',
    engine,
    'if (connection === undefined || this.#options.closedUntil === undefined) return undefined;',
    'if (connection === undefined || 1 < 2 || this.#options.closedUntil === undefined) return undefined;',
  ),
  bug(
    'a call that never answers is waited for for ever',
    calls,
    'return this.#watchdog.bound(answer, callTakesMs(operation) + STUCK_GRACE_MS, {',
    'return this.#watchdog.bound(answer, 1_000 * (callTakesMs(operation) + STUCK_GRACE_MS), {',
  ),
  bug(
    'a guard waits for its transport for ever',
    guard,
    'watchdog.bound(given, request.operation.timeoutMs + STUCK_GRACE_MS, {',
    'watchdog.bound(given, 1_000 * (request.operation.timeoutMs + STUCK_GRACE_MS), {',
  ),
  bug(
    'a call that never answered counts as not sent',
    calls,
    "timeout`,\n          delivery: 'lost',",
    "timeout`,\n          delivery: 'notSent',",
  ),
  bug(
    'a call that is put off counts as an attempt',
    attempt,
    "if ('postponed' in result && result.postponed && effect.interruptible) {",
    "if ('postponed' in result && 1 > 2 && effect.interruptible) {",
  ),
  bug(
    'a look that is put off counts as one',
    probing,
    "if (answer.found === 'postponed' && mayWait(tries, asking)) {",
    "if (answer.found === 'postponed' && 1 > 2) {",
  ),
  bug(
    'looks before a write go on after its deadline',
    probing,
    'effect.place, isForward ? name : undefined)',
    'effect.place)',
  ),
  bug(
    'what was stopped as it was held is stopped there in each later round',
    strand,
    'const own = times === 0 ? place : `${place}/${times}`;',
    'const own = place;',
  ),
  bug(
    'an approval that nobody gave does not expire',
    'interpreter/steps.ts',
    'let signal = await ask(name, begun + step.withinMs, step.by, onExpiry);',
    'let signal = await ask(name, begun + 1_000 * step.withinMs, step.by, onExpiry);',
  ),
  bug(
    'the first of several approvals is enough',
    'interpreter/several-approvals.ts',
    "if (left > 1) return { as: 'counted', nth: given.length + 1 };",
    '',
  ),
  bug(
    'whoever approves twice is counted twice',
    'interpreter/several-approvals.ts',
    'if (given.some((one) => one.actor === actor))',
    'if (given.some((one) => one.actor === actor && 1 > 2))',
  ),
  bug(
    'of two who approve at one moment the second is not heard',
    'embedded/control/operations.ts',
    "return !told.ok && told.code === 'DECISION_MADE_ALREADY' && hasMoved(",
    "return !told.ok && told.code === 'DECISION_MADE_ALREADY' && 1 > 2 && hasMoved(",
  ),
  bug(
    'the deadline of a step begins anew each time that its run goes on',
    interpreting,
    'const leftMs = await ctx.step(',
    'const { value: leftMs } = await (async (_: string, make: () => { value: number }) => make())(',
  ),
  bug(
    'a pause counts against the deadlines around it',
    strand,
    "pausesDeadline: clock === 'deadlinePaused',",
    'pausesDeadline: false,',
  ),
  bug('the deadline of a step goes on after it', interpreting, 'release();', 'if (1 > 2) release();'),
  bug(
    'a strand does not know of the deadlines around it',
    strand,
    'this.#bounds = new StepBounds(group?.bound);',
    'this.#bounds = new StepBounds();',
  ),
  bug(
    'a leaf is left out of the tree',
    batch,
    "if (write[0] !== 'putLedger') continue;",
    "if (write[0] !== 'putLedger' || write[3] === 2) continue;",
  ),
  bug('the tree keeps the leaves of a batch that was refused', batch, 'unroot();', ''),
  bug('the open end of the tree is not stored', batch, 'this.#tree.save();', ''),
  bug(
    'a leaf is not of the row that is stored',
    batch,
    'facts: String(facts),',
    "facts: String(facts).replace('state', 'stat'),",
  ),
  bug(
    'a checkpoint is signed with another text',
    'ledger/checkpoint.ts',
    'sign(null, Buffer.from(text), key.privateKey)',
    'sign(null, Buffer.from(checkpoint.origin), key.privateKey)',
  ),
  bug(
    'a switch that the disk refused stays in force',
    keeping,
    'if (kept === undefined) this.#engine.board.delete(id);',
    'if (kept === undefined) void kept;',
  ),
  bug(
    'a switch that the disk would not lift is not in force',
    keeping,
    'else this.#engine.board.set(kept);',
    '',
  ),
  bug(
    'checkpoints do not name the one before',
    keeper,
    'previous: checkpointDigest(this.#last.text)',
    "previous: checkpointDigest('')",
  ),
  {
    name: 'a call that waits for the probes of a breaker is sent after it was given up',
    edits: [
      {
        file: breaker,
        find: 'const restMs = untilMs - this.#clock.steady();',
        replace: 'const restMs = 10 * untilMs;',
      },
      // It was looked at before it waited for them.
      { file: guard, find: calledOff, replace: '' },
      {
        file: guard,
        find: 'if (release === undefined) return postponed(busyFailure());',
        replace: `if (release === undefined) return postponed(busyFailure());\n${calledOff}`,
      },
      { file: calls, find: 'given.up = true;', replace: '' },
    ],
  },
  bug('a call is not looked at once more as it leaves its line', guard, calledOff, ''),
  bug(
    'a call that is called off counts as a probe that went well',
    breaker,
    'result === undefined ? undefined : troubleIn(result)',
    'result === undefined ? false : troubleIn(result)',
  ),
  bug(
    'an open breaker is forgotten at a restart',
    breaker,
    'if (isOpen(snapshot) &&',
    'if (openedAtMs === null &&',
  ),
  bug(
    'what was begun before a breaker opened counts as a probe',
    breaker,
    'if (round !== this.#round || this.#declared === undefined) return;',
    'if (this.#declared === undefined) return;',
  ),
  bug(
    'how much of a quota is used is forgotten at a restart',
    quota,
    'if (before.used !== undefined) this.#own?.restore(before.used);',
    '',
  ),
  {
    name: 'a quota is written down when its calls come back',
    edits: [
      {
        file: calls,
        find: '    this.#guards.changed();\n    return this.#bounded',
        replace: '    return this.#bounded',
      },
      {
        file: calls,
        find: '          this.#guards.changed();\n          return isCalledOff();',
        replace: '          return isCalledOff();',
      },
    ],
  },
  {
    name: 'a call counts for the window in which it joined its line',
    edits: [
      { file: callWindow, find: 'this.#taken++;', replace: 'this.add();' },
      {
        file: callWindow,
        find: '    this.#taken--;\n    if (isSent) this.add();',
        replace: '    void isSent;',
      },
    ],
  },
  bug(
    'those in a line do not hear that the other side wants to be left alone',
    guard,
    'if (quota.isHeld) {',
    'if (quota.isHeld && untilMs < 0) {',
  ),
  bug('a retry that was not sent is counted twice', guard, 'if (!isSent) retries.takeBack(counted);', ''),
  bug(
    'a limit that two pipelines share is counted for each',
    calls,
    'this.#transportOf(connection).call(',
    'this.#transportOf(`${connection} ${request.origin.pipeline}`).call(',
  ),
  bug(
    'a repeat is taken to arrive as if there were no lines',
    guard,
    'return 2 * timeoutMs;',
    'return timeoutMs;',
  ),
  bug(
    'a deploy ends a rollback',
    inForce,
    '    this.arrange(plan.pipeline);\n    const back = ',
    '    this.active.set(plan.pipeline, loaded);\n    const back = ',
  ),
  bug(
    'the key of an effect is made without the account',
    effect,
    '[pipeline, businessKey, effectId]',
    "[pipeline, businessKey.replace(/^\\w+:/, ''), effectId]",
  ),
  bug(
    'an event of the other account with the same id counts as a repeat',
    intake,
    '  const text = keyText(key.value);',
    "  const text = keyText(key.value)?.replace(/^\\w+:/, '');",
  ),
  bug(
    'a call goes over the first of the connections',
    over,
    'choice.among.find((one) => one === named.value)',
    'choice.among.find((one) => one === named.value || one !== undefined)',
  ),
  bug(
    'an effect is undone over the first of the connections',
    over,
    ': done;',
    ': { ok: true, connection: choice.among[0]! };',
  ),
  bug(
    'a wait hears what came over another connection',
    steps,
    'if (!over.ok || over.value !== connection) return false;',
    'if (!over.ok) return false;',
  ),
  bug(
    'what is published over one connection goes out over all',
    intake,
    '(publishedOver(source) ?? over) === over',
    '(publishedOver(source) ?? over) !== undefined',
  ),
  bug(
    'what forbids calls over one connection holds those over the others',
    switches,
    "if ('connection' in scope) return scope.connection === connection;",
    "if ('connection' in scope) return connection !== undefined;",
  ),
  bug(
    'what a guard knew of one connection is taken over for another',
    'embedded/work/guards.ts',
    'SELECT snapshot FROM guards WHERE connection = ?',
    'SELECT snapshot FROM guards WHERE connection >= ? OR 1 ORDER BY at DESC LIMIT 1',
  ),
  bug(
    'all connections have one guard',
    calls,
    'let transport = this.#transports.get(connection);',
    'let transport = this.#transports.get(connection) ?? [...this.#transports.values()][0];',
  ),
  bug(
    'after a restart nobody knows over which connection an event came',
    context,
    'const connection = connectionOf(event.source);',
    'const connection = row.claimed === 2 ? "eu" : connectionOf(event.source);',
  ),
  bug(
    'a run is stored under the connection of another',
    'embedded/intake/draft-run.ts',
    "connection: connectionOf(event.source) ?? '',",
    "connection: (connectionOf(event.source) && 'eu') ?? '',",
  ),
  {
    name: 'a rollback is forgotten at a restart',
    edits: [
      {
        file: inForce,
        find: 'this.#active.set(loaded.plan.pipeline, this.#inForce(loaded));',
        replace: 'this.#active.set(loaded.plan.pipeline, loaded);',
      },
      // It is put right there too.
      {
        file: engine,
        find: 'for (const pipeline of this.plans.active.keys()) this.plans.arrange(pipeline);',
        replace: '',
      },
    ],
  },
];

function bug(name: string, file: string, find: string, replace: string): PlantedBug {
  return { name, edits: [{ file, find, replace }] };
}
