import type { Contract } from '@tenon/contract';

/**
 * Contracts of which only those are loaded that a check looks at: of a thousand pipelines over two large documents, one
 * changed pipeline mostly needs one. A check is synchronous, so a contract that is not there yet ends it by a throw, and
 * `with` begins it again when it is; checks are pure, so beginning again costs only time.
 */
export interface LazyContracts {
  readonly contracts: ReadonlyMap<string, Contract>;
  with<T>(work: () => T): Promise<T>;
}

class ContractNotLoaded extends Error {
  readonly contract: string;
  constructor(contract: string) {
    super(`contract ${contract} is not loaded yet`);
    this.contract = contract;
  }
}

export function lazyContracts(
  names: readonly string[],
  load: (name: string) => Promise<Contract | undefined>,
): LazyContracts {
  const contracts = new ContractMap(names);
  return {
    contracts,
    async with(work) {
      for (;;) {
        try {
          return work();
        } catch (thrown) {
          if (!(thrown instanceof ContractNotLoaded)) throw thrown;
          const contract = await load(thrown.contract);
          // It was there when it was named; the caller's files do not change under it.
          if (!contract) throw new Error(`contract ${thrown.contract} is gone`);
          contracts.add(contract);
        }
      }
    },
  };
}

/** A map that knows its keys before its values. */
class ContractMap implements ReadonlyMap<string, Contract> {
  readonly #names: ReadonlySet<string>;
  readonly #loaded = new Map<string, Contract>();

  constructor(names: readonly string[]) {
    this.#names = new Set(names);
  }

  add(contract: Contract): void {
    this.#loaded.set(contract.name, contract);
  }

  get size(): number {
    return this.#names.size;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  get(name: string): Contract | undefined {
    const known = this.#loaded.get(name);
    if (!known && this.#names.has(name)) throw new ContractNotLoaded(name);
    return known;
  }

  keys(): MapIterator<string> {
    return this.#names.keys();
  }

  values(): MapIterator<Contract> {
    return this.#all().values();
  }

  entries(): MapIterator<[string, Contract]> {
    return this.#all().entries();
  }

  [Symbol.iterator](): MapIterator<[string, Contract]> {
    return this.entries();
  }

  forEach(each: (value: Contract, key: string, map: ReadonlyMap<string, Contract>) => void): void {
    for (const [name, contract] of this.#all()) each(contract, name, this);
  }

  /** In the order of the names, whatever was loaded first. */
  #all(): Map<string, Contract> {
    return new Map([...this.#names].map((name) => [name, this.get(name)!]));
  }
}
