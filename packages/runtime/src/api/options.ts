import type { Transport } from '@tenon/connector';
import type { Random, SteadyClock } from '@tenon/model';
import type { EncryptionOptions } from '../embedded/file/data-keys.ts';
import type { CheckpointOptions } from '../ledger/checkpoint-keeper.ts';
import type { ProblemCode } from '../problem-rules.ts';
import type { SecretAudit } from '../secret-audit.ts';
import type { CredentialPort } from './drills.ts';
import type { Alarm, Answering, OutsideTrouble } from './flow.ts';
import type { LedgerEntry } from './runs.ts';

export interface RuntimeOptions {
  /** SQLite file of the embedded engine; its folder is made when missing. */
  readonly file: string;
  readonly clock: SteadyClock;
  readonly random: Random;
  /** The transport of a connection, made once by the composition root. */
  transport(connection: string): Transport;
  /** Until when a connection is closed (a maintenance window, epoch ms), or `undefined`: calls over it are held. */
  readonly closedUntil?: (connection: string) => number | undefined;
  /** Where the account behind a connection is, where that is said: personal data bound to another region is not sent. */
  readonly regionOf?: (connection: string) => string | undefined;
  /** Does a connection use a credential, which is then to be rotated in drills? Default: none does. */
  readonly hasCredential?: (connection: string) => boolean;
  /** The credential of a connection, where it has one and its connector a health call. */
  readonly credentialOf?: (connection: string) => CredentialPort | undefined;
  /** All that are configured, by name their connector: one over which no plan calls, as it is only taken from, can be killed as well. */
  readonly connections?: Readonly<Record<string, string>>;
  /** Free bytes of the disk that the file is on; default: as the system says. */
  readonly diskFreeBytes?: () => number;
  readonly limits?: Partial<RuntimeLimits>;
  /**
   * How long payloads and results of ended runs are kept (ms). Default 30 days. Business keys stay as long as their
   * pipeline says, entries of the ledger and the runs themselves for ever.
   */
  readonly keepPayloadsMs?: number;
  /**
   * Encrypts all data in the file (payloads, results, decisions, failures, cursors). For good: from the first start with
   * it the file cannot be opened without.
   */
  readonly encryption?: EncryptionOptions;
  /** What secret stores and connections tell of their use is gathered here, and written down by the runtime. */
  readonly secretUses?: SecretAudit;
  /** Signed checkpoints of the ledger, kept outside of the file. Without them only the file itself speaks for itself. */
  readonly checkpoints?: CheckpointOptions;
  /** Who answers for what no pipeline owns: named in its alarms. */
  readonly owner?: Answering;
  /** What is wrong outside at this moment, asked for every few seconds; each is told as an alarm. `told`: those that stand. Must not throw. */
  readonly outside?: (told: readonly Alarm[]) => readonly OutsideTrouble[];
  /** Begins with everything killed, before any run goes on: a switch as any other, by this actor and for this reason. */
  readonly killed?: { readonly actor: string; readonly reason: string };
  /** Told of what needs an operator and stops nothing yet: one sentence, and what it is about. Must not throw. */
  readonly onProblem?: (message: string, code: ProblemCode) => void;
  /** Told of every ledger entry after it is durable (logs, demo story, console). Must not throw. */
  readonly onEntry?: (entry: LedgerEntry) => void;
}

/** What is bounded, and at what. */
export interface RuntimeLimits {
  /** Runs held in memory at a time; others wait on disk. Default 512. */
  readonly activeMax: number;
  /** Accepted runs waiting on disk for their turn, before intake refuses. Default 1,000,000. */
  readonly backlogMax: number;
  /** Writes waiting for the disk, before intake refuses. Default 10,000. */
  readonly queueMax: number;
  /** Of one pipeline: others are still taken when it is full. Default half of `backlogMax`. */
  readonly pipelineBacklogMax: number;
  /** Bytes of events waiting for the disk, before intake refuses. Default 64 MiB. */
  readonly queueBytesMax: number;
  /** Free bytes of the disk below which intake refuses: what runs under way still write must fit. Default 256 MiB. */
  readonly diskFreeBytesMin: number;
  /**
   * Dead letters of one pipeline and queue that raise an alarm, and effects of one pipeline in doubt; so does one older than its owner's
   * time to respond. Default 20.
   */
  readonly deadLettersAlarm: number;
  /** How often it looks for stuck runs and crossed thresholds. Default 10 s. */
  readonly watchEveryMs: number;
  /** Runs that one replay may touch. Default 10,000. */
  readonly replayRunsMax: number;
  /**
   * Bytes up to which the file is written anew while runs go on, after an erasure or when all of an older file is encrypted: nothing is stored
   * meanwhile, some second for 100 MiB. Default 1 GiB.
   */
  readonly writtenAnewBytesMax: number;
}
