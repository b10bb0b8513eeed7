import type { ConnectionConfig } from '@tenon/connector';
import { manualClock, type SecretReference } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import { credentialsOf } from './credential-port.ts';
import type { HealthCall } from './health.ts';
import type { TransportParts } from './make-transports.ts';

/** May the credential be drilled that these fields of one scheme are? Nothing is asked of it. */
function isDrilled(fields: Readonly<Record<string, SecretReference>>): boolean {
  const connection: Pick<ConnectionConfig, 'name' | 'credentials'> = {
    name: 'billing',
    credentials: { key: fields },
  };
  // Only the connection is looked at until the drill is held.
  const call = { connection } as HealthCall;
  return credentialsOf([call], {} as TransportParts, manualClock())('billing') !== undefined;
}

describe('a rotation is drilled', () => {
  it('of what may be replaced where it is kept', () => {
    expect(isDrilled({ value: 'file:key' })).toBe(true);
    expect(isDrilled({ clientId: 'env:CLIENT', clientSecret: 'vault:secret/billing#secret' })).toBe(true);
  });

  it('of nothing that stays until a restart', () => {
    expect(isDrilled({ value: 'env:BILLING_KEY' })).toBe(false);
    expect(isDrilled({})).toBe(false);
  });

  it('of no refresh token, which a second transport could spend', () => {
    expect(
      isDrilled({ clientId: 'env:CLIENT', clientSecret: 'file:secret', refreshToken: 'file:token' }),
    ).toBe(false);
  });
});
