import type { ConnectorManifest } from '@tenon/connector';
import type { HttpOperation } from '@tenon/contract';
import type { Clock, Json, JsonObject } from '@tenon/model';
import type { ContractSchemas } from './contract-schemas.ts';
import type { Collection, Role } from './resources.ts';
import type { Store } from './store.ts';

/** What an operation works on. */
export interface World {
  readonly schemas: ContractSchemas;
  readonly store: Store;
  readonly clock: Clock;
  readonly seed: number;
  /** Things asked for by id exist, made up on the spot. */
  readonly imagine: boolean;
  readonly manifest?: ConnectorManifest;
  /** What is so of a thing as an operation makes it, where the request does not say otherwise. */
  made(operation: string): JsonObject;
  collection(key: string): Collection | undefined;
}

/** A request that was read, admitted and found valid. */
export interface ValidRequest {
  readonly operation: HttpOperation;
  readonly role: Role;
  readonly url: URL;
  readonly path: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, Json>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Json;
}
