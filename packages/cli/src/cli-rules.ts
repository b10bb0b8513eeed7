import { type DiagnosticMaker, type DiagnosticRules, diagnosticMaker } from '@tenon/model';
import { usageRules } from './usage-rules.ts';

/** Diagnostics of the command line itself. */
export const cliRules = {
  ...usageRules,
  'workspace-not-found': {
    severity: 'error',
    title: 'No workspace here',
    why: 'A workspace is a folder with `tenon.config.yaml`; commands look for it here and in the folders above.',
    fix: 'run `tenon init` in the folder that should be one, or change into one',
  },
  'workspace-file-exists': {
    severity: 'error',
    title: 'A file to be written exists already',
    why: 'What you wrote is never overwritten.',
    fix: 'move the file away, or take another name',
  },
  'contract-source-unreadable': {
    severity: 'error',
    title: 'The document to add cannot be read',
    why: 'A contract is copied into the workspace, so that nothing depends on another server being up. It may come from a file, or from a server on this machine.',
    fix: 'give a file that exists, or a URL on loopback; download other URLs yourself, so that what enters the repo was looked at',
  },
  'contract-removed': {
    severity: 'warning',
    title: 'A contract is no longer in the workspace',
    why: 'Pipelines that use it do not pass `tenon check`, and make this an error; others, outside this workspace, may still rely on it.',
    fix: 'bring it back, or make sure that nobody needs it',
  },
  'contract-not-compared': {
    severity: 'error',
    title: 'A contract could not be compared, as it cannot be read any more',
    why: 'What has become of it nobody can tell, so nobody can say that it breaks none.',
    fix: '`tenon check` says what is wrong with it',
  },
  'contract-test-failed': {
    severity: 'error',
    title: 'A generated contract test fails',
    why: 'The tests hold what pipelines read and write against the contract; a provider that fails them breaks a run.',
    fix: 'run `tenon test` for the whole account; mend the provider, or the contract if it says more than is true',
  },
  'connector-code-broken': {
    severity: 'error',
    title: 'The code of a connector cannot be loaded',
    why: 'Its hooks are called with every request, so without them nothing of the connector is run.',
    fix: 'mend the code: it is to export `defineConnector({ … })` by default, and to do nothing else while it is loaded',
  },
  'connector-code-unfit': {
    severity: 'error',
    title: 'The code of a connector does not fit its manifest',
    why: 'An operation that the code does not carry out fails at every call; a place that no input has is absent at every call, in a database null.',
    fix: 'give the code what is missing (of `postgres`: the statements of the operation), mend the place that it reads, or take the operation out of the manifest',
  },
  'connector-version-too-low': {
    severity: 'error',
    title: 'A version number hides what has changed',
    why: 'A workspace takes a patch without looking; a change that breaks it must not come as one. The number is read in every workspace that has the connector, so what breaks in the contract counts whomever it hits, and the message says so where none of them is here. A connector is known by `metadata.name`: in a folder of another name it is the same.',
    fix: 'raise `metadata.version` as far as the change asks for',
  },
  'pipeline-version-not-raised': {
    severity: 'warning',
    title: 'A pipeline says something else under the version it had',
    why: 'Runs keep to the plan that they began with, whatever its number: what is under way goes on as before, and only new runs take the change. `tenon runs ls` and `runs show` then say one version for both, and who looks for what a fix did finds no difference but the hash of the plan. All that its own file says counts, its owner too: a run that is parked goes to the owner of the plan that it began with. What it takes from elsewhere asks for none, though the plan pins that as well: a contract and a connector have versions of their own, which `version-not-raised` and `connector-version-too-low` hold to what changed, and `tenon runs show` names each contract of a run with its version and digest. A policy or a child pipeline that changed is told by the hash of the plan alone.',
    fix: 'raise `metadata.version`: a whole number, one more than it was. In its own file only layout, comments and the description may change without',
  },
  'contract-drift': {
    severity: 'error',
    title: 'A real provider no longer keeps its contract',
    why: 'The tests passed against the contract’s own picture of the system; the system itself answers otherwise now, so pipelines that read it will fail or misread.',
    fix: 'see what changed (`tenon test <contract> --provider <url>` prints the whole account); update the contract and let `tenon diff` say whom it hits, or report it to the vendor. Where it only does not have what a test asked for (404), give an id that it has: under `inputs` in the connector’s `fixtures/conformance.yaml`, or as `example` of the parameter; then `tenon generate`',
  },
  'provider-unreachable': {
    severity: 'error',
    title: 'A system that is to be held against a contract does not answer',
    why: 'It was asked once and gave no answer of any kind, so nothing is known of how it keeps its contract; no test was counted. `tenon test` ends with 1, and not with 3 as for a finding about the system.',
    fix: 'see that it is up, and that address, port and certificate are right; then run it again',
  },
  'diff-base-lacks-document': {
    severity: 'warning',
    title: 'What a document is to be compared with does not have it',
    why: 'A document that is new breaks nobody, so this does not block. One that was moved or renamed was not held against what it was.',
    fix: 'nothing, where it is new; where it had another name, name both: `tenon diff <old document> <new document>`',
  },
  'provider-unproven': {
    severity: 'error',
    title: 'There is no credential to send the provider',
    why: 'The connection that `--connection` names has none that is to be had now, so each request would be refused, and nothing would be known of how the provider keeps its contract. `tenon test` ends with 1 and has asked nothing of it.',
    fix: 'set the variables that the connection’s credentials name, and see that its token endpoint is that of this system (`tokenUrls`); or give the header yourself: `--header "Authorization: Bearer …"`',
  },
  'target-refused': {
    severity: 'error',
    title: 'The kit does not call the system that `--target` names',
    why: 'Checks send what nobody asked for, to see how it is answered. So they go to the sandbox that the manifest declares or to this machine, and change something there only where its data is made up. Nothing was called.',
    fix: 'declare the vendor’s sandbox in the manifest (`sandbox: { server: …, synthetic: true }`), or leave `--target` out: a sandbox is made from the contract',
  },
  'diff-base-unreadable': {
    severity: 'error',
    title: 'What to compare with cannot be read',
    why: '`tenon diff` compares two documents, one document with itself in a git ref or a folder, or the contracts of a workspace with those of a git ref or a folder.',
    fix: 'name a file or folder that exists, or a ref that `git rev-parse` knows; a shallow clone knows only what it fetched',
  },
} as const satisfies DiagnosticRules;

export const cliDiagnostic: DiagnosticMaker<keyof typeof cliRules> = diagnosticMaker(cliRules);
