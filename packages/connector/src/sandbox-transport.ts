import type { AuthScheme } from './manifest.ts';
import type { OperationPlan } from './operation-plan.ts';
import type { ConnectionConfig, Transport } from './transport.ts';

/** A transport over which a sandbox is called: operations go out as `inSandbox` has them. */
export function sandboxTransport(transport: Transport): Transport {
  return {
    call: (request) => transport.call({ ...request, operation: inSandbox(request.operation) }),
    close: () => transport.close(),
  };
}

/**
 * An operation as it is carried out where a sandbox stands at the base URL: tokens come from there too, and no other host
 * may be reached, whatever the manifest declares. A trial that asked the vendor for its tokens would fail with made-up
 * credentials, and give real ones away. The same object for the same plan: transports keep what they make of it.
 */
export function inSandbox(operation: OperationPlan): OperationPlan {
  const known = made.get(operation);
  if (known !== undefined) return known;
  const auth = operation.auth.map(withTokensOfSandbox);
  const isSame =
    operation.egress.length === 0 && auth.every((scheme, index) => scheme === operation.auth[index]);
  const sandboxed = isSame ? operation : { ...operation, auth, egress: [] };
  made.set(operation, sandboxed);
  return sandboxed;
}

/** The connection as it is where a sandbox stands at its base URL: see `inSandbox`. */
export function withOwnTokens({ tokenUrls: _tokenUrls, ...connection }: ConnectionConfig): ConnectionConfig {
  return connection;
}

const made = new WeakMap<OperationPlan, OperationPlan>();

/** A sandbox has its token endpoint at the path that the token URL has. */
function withTokensOfSandbox(scheme: AuthScheme): AuthScheme {
  if (scheme.type !== 'oauth2' || !URL.canParse(scheme.tokenUrl, NOWHERE)) return scheme;
  const url = new URL(scheme.tokenUrl, NOWHERE);
  return url.origin === NOWHERE ? scheme : { ...scheme, tokenUrl: `${url.pathname}${url.search}` };
}

/** Stands for the base URL: what is relative to it stays there. */
const NOWHERE = 'http://sandbox.invalid';
