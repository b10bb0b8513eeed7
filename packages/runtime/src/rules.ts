import type { DiagnosticRules } from '@tenon/model';

/**
 * Every code that the runtime itself gives: as a failure of a run, as the refusal of an event or of a person's action,
 * or as the reason why it does not start. `tenon explain` and the docs are made of these.
 */
export const runtimeRules = {
  RUNTIME_FILE_IN_USE: {
    severity: 'error',
    title: 'another process has the runtime file open',
    why: 'Two processes on one file would each start the same runs and send their effects twice.',
    fix: 'Stop the other process (its number is in the message), or give this one a file of its own.',
  },
  RUNTIME_FILE_NEWER: {
    severity: 'error',
    title: 'a newer version of Tenon wrote the runtime file',
    why: 'What this version does not know of the file it could destroy.',
    fix: 'Use the newer version, or restore the backup made before the upgrade.',
  },
  RUNTIME_FILE_UNREADABLE: {
    severity: 'error',
    title: 'the runtime file cannot be opened or read',
    why: 'Without it no event can be kept, so none may be acknowledged.',
    fix: 'Check path, permissions and free space; restore a backup when the file is damaged.',
  },
  RUNTIME_DISK_FAILED: {
    severity: 'error',
    title: 'the disk refused a write, and the runtime has stopped',
    why: 'What is not on disk may not be acknowledged. Everything acknowledged before is on disk.',
    fix: 'Free or repair the disk, then restart the process: it goes on from what is stored.',
  },
  RUNTIME_STOPPING: {
    severity: 'warning',
    title: 'the runtime is stopping and takes no new event',
    why: 'An event taken now would only be begun by the next process.',
    fix: 'Send it again after the pause given; it was not stored.',
  },
  RUNTIME_BACKLOG_FULL: {
    severity: 'warning',
    title: 'more runs wait for their turn than the runtime may keep',
    why: 'Taking more would fill the disk and only make the wait longer.',
    fix: 'Send it again after the pause given; find out what holds the runs up, or raise `limits.backlogMax`.',
  },
  RUNTIME_DISK_BUSY: {
    severity: 'warning',
    title: 'more writes wait for the disk than the runtime may keep',
    why: 'Taking more would fill the memory.',
    fix: 'Send it again after the pause given; use a faster disk when this lasts.',
  },
  RUN_INVARIANT_BROKEN: {
    severity: 'error',
    title: 'an internal error stopped a run',
    why: 'A run whose state cannot be trusted is parked rather than carried on; others are not touched.',
    fix: 'Report it with the trace of the run; cancel the run, or settle its effects by hand.',
  },
  TRANSPORT_CALL_THREW: {
    severity: 'error',
    title: "a connector's transport threw instead of returning a failure",
    why: 'Whether it had sent something is not known, so its effect counts as unknown.',
    fix: 'Make the transport return `{ ok: false, failure }`, and configure the connection that it names.',
  },
  TRANSPORT_CALL_STUCK: {
    severity: 'error',
    title: "a connector's transport did not answer, nor time out",
    why: 'A call without end would hold its run for ever; what became of it is not known, so its effect is unknown.',
    fix: "Make the transport keep the operation's timeout.",
  },
  EVENT_PAYLOAD_INVALID: {
    severity: 'error',
    title: 'the payload of an event violates its contract',
    why: 'A pipeline was checked against the contract: what violates it could do anything.',
    fix: 'Have the sender correct the field that the pointer names, or change the contract first.',
  },
  TRIGGER_INPUT_INVALID: {
    severity: 'error',
    title: 'the input of a manual trigger does not fit what the pipeline declares',
    why: 'A pipeline was checked against its declared input.',
    fix: 'Correct the field that the pointer names.',
  },
  TRIGGER_NOT_MANUAL: {
    severity: 'error',
    title: 'no active pipeline of that name is started by hand',
    why: 'A pipeline with an event as its trigger takes its key and data from the event.',
    fix: 'Check the name with `tenon runs ls`, or send the event.',
  },
  IDENTITY_KEY_EMPTY: {
    severity: 'error',
    title: 'the business key or order key of an event is empty',
    why: 'Two different events could not be told apart, so one of them would be dropped as a duplicate.',
    fix: 'Build `identity.key` and `orderBy` from required fields of the event.',
  },
  PLAN_OPERATION_ABSENT: {
    severity: 'error',
    title: 'a plan names an operation that it does not hold',
    why: 'A plan is self-contained; this one was not made by this version of Tenon, or was edited.',
    fix: 'Generate and activate the plan again, then resume the run.',
  },
  RUN_ATTEMPT_INTERRUPTED: {
    severity: 'warning',
    title: 'the process ended between the intent and the outcome of an attempt',
    why: 'The call may or may not have been sent, so its effect is unknown until a probe or a person settles it.',
    fix: 'Nothing, where the operation has a probe. Else look into the other system and settle the doubt.',
  },
  EFFECT_KEY_EXPIRED: {
    severity: 'warning',
    title: 'the target may have forgotten the idempotency key of an earlier attempt',
    why: 'Sent again after the key’s retention, the call could have a second effect.',
    fix: 'Look into the other system and settle the doubt; declare a probe so that it is settled by itself.',
  },
  RUN_DEADLINE_EXCEEDED: {
    severity: 'error',
    title: 'a run did not end within its deadline',
    why: 'Work that late may do harm; time spent waiting for people, events and dates does not count.',
    fix: 'Look at the retries in its trace; raise `limits.deadline` when the time is truly needed, then resume.',
  },
  RUN_CANCELLED: {
    severity: 'info',
    title: 'a person cancelled the run',
    why: 'Its confirmed effects were undone; reason and actor are in the ledger.',
    fix: 'Nothing; send a new event when the work is wanted after all.',
  },
  RUN_SUCCESS_NOT_MET: {
    severity: 'error',
    title: "all steps ended, but the pipeline's success condition is false",
    why: 'The steps ran without doing what the pipeline is for.',
    fix: 'Compare the condition with the results in `tenon runs show`.',
  },
  APPROVAL_EXPIRED: {
    severity: 'warning',
    title: 'nobody decided in time',
    why: 'An approval has a deadline and a declared outcome, so that nothing waits for ever.',
    fix: 'Resume the run to ask again, or change `within` and `onExpiry`.',
  },
  APPROVAL_REJECTED: {
    severity: 'info',
    title: 'the approval was rejected',
    why: 'The run ended as `onFailure` says; actor and reason are in the ledger.',
    fix: 'Nothing, or resume the run to ask again.',
  },
  WAIT_EVENT_EXPIRED: {
    severity: 'warning',
    title: 'the event that a step waits for did not come in time',
    why: 'A wait has a deadline, so that nothing waits for ever.',
    fix: 'Find out why it was not sent, then resume the run; or change `within`, `match` and `onExpiry`.',
  },
  WAIT_UNTIL_INVALID: {
    severity: 'error',
    title: 'the date to wait for cannot be read',
    why: 'Only an RFC 3339 date-time or milliseconds since the epoch name one moment.',
    fix: 'Correct the expression of `until`, or the data it reads.',
  },
  CHECK_NOT_MET: {
    severity: 'error',
    title: 'the data did not pass a check',
    why: 'Bad data is held before any effect, rather than half written.',
    fix: 'Correct the data at its source and resume or cancel the run; the message is the check’s own.',
  },
  APPROVAL_NOT_PENDING: {
    severity: 'error',
    title: 'the step does not wait for an approval',
    why: 'It has been decided, has expired, or was never asked.',
    fix: 'See `tenon approvals` for what waits.',
  },
  DOUBT_NOT_OPEN: {
    severity: 'error',
    title: 'the step is not in doubt',
    why: 'It was settled before, or its outcome was never unknown.',
    fix: 'See `tenon in-doubt` for what is.',
  },
  DOUBT_RESULT_INVALID: {
    severity: 'error',
    title: 'the result given for a confirmed effect is not one that its operation gives',
    why: 'Later steps read the result as the contract declares it; without it the run would fail, or undo nothing.',
    fix: 'Give the result with `--result`, as the other system shows it. Nothing was recorded; the doubt stays open.',
  },
  RUN_IN_DOUBT: {
    severity: 'error',
    title: 'the run cannot be cancelled while an effect is in doubt',
    why: 'Only confirmed effects are undone; whether this one happened must be known first.',
    fix: 'Settle it with `tenon in-doubt settle`.',
  },
  RUN_ENDED: {
    severity: 'error',
    title: 'the run has ended',
    why: 'What has ended cannot be cancelled.',
    fix: 'Start a pipeline that reverses its effects, when they are not wanted.',
  },
  RUN_COMPENSATING: {
    severity: 'info',
    title: 'the run is being undone already',
    why: 'Cancelling would do the same.',
    fix: 'Nothing.',
  },
  RUN_COMPENSATED: {
    severity: 'error',
    title: 'the run is undone, so it cannot be resumed',
    why: 'Its keys stand for effects that were made and undone: sent again, a target would answer with the old result.',
    fix: 'Send a new event with a new business key.',
  },
  RUN_NOT_RESUMABLE: {
    severity: 'error',
    title: 'the run is not parked as failed',
    why: 'Only a failed run has a step at which it can go on.',
    fix: 'See `tenon dead-letters` for those that are.',
  },
  RUN_NOT_FOUND: {
    severity: 'error',
    title: 'there is no run with this id',
    why: 'The id is misspelt, or belongs to another file.',
    fix: 'See `tenon runs ls`.',
  },
  RUN_CANCELLED_ALREADY: {
    severity: 'info',
    title: 'the run was cancelled before',
    why: 'A cancellation is recorded once.',
    fix: 'Nothing.',
  },
  RUN_RESUMED_ALREADY: {
    severity: 'info',
    title: 'someone else resumed the run at the same moment',
    why: 'A run is resumed once for each time that it failed.',
    fix: 'Nothing.',
  },
  DECISION_MADE_ALREADY: {
    severity: 'info',
    title: 'someone else decided at the same moment',
    why: 'The first decision counts.',
    fix: 'See the trace of the run for who decided what.',
  },
} as const satisfies DiagnosticRules;

export type RuntimeCode = keyof typeof runtimeRules;
