import { type DiagnosticMaker, type DiagnosticRules, diagnosticMaker } from '@tenon/model';

/** What drills of a pipeline find. */
export const drillRules = {
  'drill-event-lost': {
    severity: 'error',
    title: 'in a drill, an event was refused that its contract allows',
    why: 'Whoever sends such an event is told no, and what it tells of never happens.',
    fix: 'Mend the condition, the key or the order that cannot be computed of it.',
  },
  'drill-effect-twice': {
    severity: 'error',
    title: 'in a drill, an effect was made twice',
    why: 'A lost answer, a crash or a repeated event would bill, send or order twice. What the manifest says of the operation’s idempotency is not what the system does.',
    fix: 'Correct `idempotency` in the connector, or give the operation a probe that finds what is there.',
  },
  'drill-effect-left': {
    severity: 'error',
    title: 'in a drill, a run ended undone and left an effect standing',
    why: 'The run counts as undone, and nobody looks for what is left of it.',
    fix: 'Let `compensate` undo the effect, or mark the step `irreversible` with a task and an owner.',
  },
  'drill-effect-missing': {
    severity: 'error',
    title: 'in a drill, a run succeeded without an effect that it says it made',
    why: 'The run counts as done, and the other system knows nothing of it.',
    fix: 'Let the probe find only what this step made: by the key or the external id that the step sends.',
  },
  'drill-success-undone': {
    severity: 'error',
    title: 'in a drill, a run succeeded and an effect of it was undone',
    why: 'The run counts as done, and a part of it is not there.',
    fix: 'This is a fault of the runtime: report it with the name of the schedule and the seed.',
  },
  'drill-fix-missing': {
    severity: 'error',
    title: 'in a drill, what cannot be undone was left to nobody',
    why: 'The effect stands, the run is undone, and no one was given the work to put it right.',
    fix: 'Give the step `irreversible.forward` with a task, an owner and a time.',
  },
  'drill-undone-in-wrong-order': {
    severity: 'error',
    title: 'in a drill, effects were not undone in the reverse order',
    why: 'What a later step built on was taken away before that step was undone.',
    fix: 'This is a fault of the runtime: report it with the name of the schedule and the seed.',
  },
  'drill-never-ends': {
    severity: 'error',
    title: 'in a drill, a run neither ended nor came to anybody',
    why: 'Such a run waits for ever, and no one is told.',
    fix: 'Bound the wait that it stands at: `within` of the wait or of the approval, `deadline` of the step or of the pipeline.',
  },
  'drill-not-restored': {
    severity: 'warning',
    title: 'in a drill, what was undone is not as it was before',
    why: 'The way back was walked, and the other system does not stand where it stood.',
    fix: 'Send in `compensate` what was there before the step, which a step before it reads.',
  },
  'drill-undoing-unsaid': {
    severity: 'warning',
    title: 'in a drill, what undoes an effect changed nothing that the contract tells of',
    why: 'The sandbox knows of an operation what its contract says. Of this one that is nothing, so whether the way back leads back was not tried.',
    fix: 'Say in `overlay.yaml` what the operation writes (`x-tenon-sandbox`); docs/sandbox.md has how.',
  },
  'drill-undoes-another': {
    severity: 'error',
    title: 'in a drill, something else was undone than was done',
    why: 'What the run did still stands, and a thing that it has nothing to do with was taken away or changed.',
    fix: 'Name in `compensate` what the step made or changed: `${ steps.<id>.id }`.',
  },
  'drill-newer-lost': {
    severity: 'warning',
    title: 'in a drill, a later version of an entity was taken for the one before',
    why: 'Its business key is the same, so no run begins as long as the key is kept (`identity.retain`): the other system keeps what the earlier version said.',
    fix: 'Put what `identity.version` reads into `identity.key`. Where one run for each entity is meant, write nothing of the event that changes.',
  },
  'drill-overwrites': {
    severity: 'warning',
    title: 'in a drill, a step put back what somebody else had changed meanwhile',
    why: 'It sends a whole thing as it was read, and so undoes without a word what was changed in between.',
    fix: 'Send only what the step changes, or let the operation refuse an outdated version: `concurrency` of the operation in the connector.',
  },
  'drill-leak': {
    severity: 'error',
    title: 'in a drill, a secret or a classed value came into the ledger',
    why: 'The ledger is kept for ever, is read by many, and nothing can be taken out of it.',
    fix: 'Class the field in `contract.yaml`, and take it out of names, keys and messages.',
  },
  'drill-not-started': {
    severity: 'error',
    title: 'no run could be drilled: none that was made up came to a good end',
    why: 'Nothing is known of how the pipeline fails as long as it is not known how it succeeds.',
    fix: 'Give the drill an event and rows with which a run succeeds: `tenon drill <pipeline> --start <file>`.',
  },
  'drill-step-unreached': {
    severity: 'warning',
    title: 'no drilled run reached a step',
    why: 'Nothing is known of how the step fails.',
    fix: 'Give the drill an event and rows with which the step is carried out: `tenon drill <pipeline> --start <file>`.',
  },
} as const satisfies DiagnosticRules;

export type DrillCode = keyof typeof drillRules;

export const drillDiagnostic: DiagnosticMaker<DrillCode> = diagnosticMaker(drillRules);
