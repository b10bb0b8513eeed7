import type { BrokerState } from './broker-state.ts';
import { ERRORS } from './error-codes.ts';

/** What the requests of one connection share. */
export class Session {
  readonly state: BrokerState;
  /** Where clients are told to come. */
  readonly advertised: () => { readonly host: string; readonly port: number };
  readonly autoCreate: boolean;
  readonly #credentials: Readonly<Record<string, string>> | undefined;
  #isHandshaken = false;
  isOpen: boolean;

  constructor(options: {
    readonly state: BrokerState;
    readonly advertised: Session['advertised'];
    readonly autoCreate: boolean;
    readonly credentials?: Readonly<Record<string, string>>;
  }) {
    this.state = options.state;
    this.advertised = options.advertised;
    this.autoCreate = options.autoCreate;
    this.#credentials = options.credentials;
    this.isOpen = options.credentials === undefined;
  }

  handshake(mechanism: string): number {
    this.#isHandshaken = mechanism === 'PLAIN';
    return this.#isHandshaken ? ERRORS.none : ERRORS.unsupportedSaslMechanism;
  }

  /** PLAIN: an identity to act as, a user and a password, parted by NUL. */
  authenticate(bytes: Buffer): number {
    const [, user = '', password] = bytes.toString().split('\0');
    const known = this.#credentials;
    this.isOpen =
      this.#isHandshaken && (known === undefined || (Object.hasOwn(known, user) && known[user] === password));
    return this.isOpen ? ERRORS.none : ERRORS.saslAuthenticationFailed;
  }
}
