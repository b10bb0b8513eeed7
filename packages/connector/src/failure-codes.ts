import type { DiagnosticRules } from '@tenon/model';

/**
 * Every code that a failed call of this package can carry: what happened and what an operator does next. The class of a
 * failure decides whether it is retried; its `delivery` says whether the effect may have happened.
 */
export const connectorFailures = {
  HTTP_REQUEST_INVALID: {
    severity: 'error',
    title: 'the request does not fit its contract; nothing was sent',
    why: 'The input was held against the contract before sending, and the field named is not as it must be.',
    fix: 'Correct the `with` of the step; if the contract is out of date, update it and check again.',
  },
  HTTP_PATH_UNSAFE: {
    severity: 'error',
    title: 'a path parameter would have named another path; nothing was sent',
    why: 'An empty text, `.` or `..` in a path leads to the collection above: a delete of one thing would reach many.',
    fix: 'See where the value comes from: an id was expected and there was none.',
  },
  HTTP_PATH_INCOMPLETE: {
    severity: 'error',
    title: 'a path parameter is missing; nothing was sent',
    why: 'The path of the operation has a place that no value was given for.',
    fix: 'Give the parameter in `with`; if the contract does not declare it, mend the contract by an overlay.',
  },
  HTTP_HEADER_UNSAFE: {
    severity: 'error',
    title: 'a header value holds a line break or another forbidden character; nothing was sent',
    why: 'It would have ended the header and begun another, of the data’s choosing.',
    fix: 'See where the value comes from; a header takes visible Latin-1 text.',
  },
  HTTP_BODY_UNENCODABLE: {
    severity: 'error',
    title: 'the body cannot be written in any media type of the operation; nothing was sent',
    why: 'JSON, form, multipart, text and octet-stream bodies can be written, each from a value of its kind.',
    fix: 'Give a body of the kind that the media type needs, or provide a transport for this one.',
  },
  HTTP_IDEMPOTENCY_KEY_MISSING: {
    severity: 'error',
    title: 'an effect whose only guard is its key came without one; nothing was sent',
    why: 'Without the key the target could not tell a repeat from a new request.',
    fix: 'Call it through a step of a pipeline, which derives the key, or give `idempotencyKey`.',
  },
  HTTP_OPERATION_UNBOUND: {
    severity: 'error',
    title: 'the operation is not one over HTTP',
    why: 'The connector’s transport is `http`, and its contract describes this operation over a channel.',
    fix: 'Name the transport that speaks the contract’s protocol in the manifest.',
  },
  HTTP_BASE_URL_INVALID: {
    severity: 'error',
    title: 'the connection’s base URL is not an HTTP URL',
    why: 'Nothing can be called.',
    fix: 'Set `baseUrl` of the connection in `tenon.config.yaml`, with its scheme.',
  },
  HTTP_HOST_FORBIDDEN: {
    severity: 'error',
    title: 'the host is not one the connection may reach; nothing was sent',
    why: 'A connection reaches its own base URL’s host and those in its manifest’s `egress`, in whatever spelling.',
    fix: 'If the host is right, add it to `egress` and have the change reviewed.',
  },
  HTTP_ADDRESS_FORBIDDEN: {
    severity: 'error',
    title: 'the host’s name leads to an address that may not be reached; nothing was sent',
    why: 'Link-local, metadata, unspecified and multicast addresses are never reached, loopback only by its own name: a name that points there may have been turned against us.',
    fix: 'Look up who answers for the name. A service on this machine is called by `localhost` or `127.0.0.1`.',
  },
  HTTP_CONNECTION_FAILED: {
    severity: 'error',
    title: 'the connection failed',
    why: 'It could not be made (nothing was sent), or it ended before the whole answer came (the effect is unknown).',
    fix: 'It is retried where that is harmless. See whether the host is up; an unknown effect is settled by its probe or under `tenon in-doubt`.',
  },
  HTTP_CALL_TIMEOUT: {
    severity: 'error',
    title: 'no whole answer within the deadline',
    why: 'If the request had been sent, its effect is unknown.',
    fix: 'It is retried where that is harmless. If the service is slower than its `timeout`, raise it in the manifest.',
  },
  HTTP_CALL_CANCELLED: {
    severity: 'error',
    title: 'the call was cancelled',
    why: 'The run or the process was stopped while it was under way; if the request had been sent, its effect is unknown.',
    fix: 'Nothing, if the stop was meant: the run goes on from here when it is resumed.',
  },
  HTTP_RESPONSE_STATUS: {
    severity: 'error',
    title: 'the other side refused, or is in trouble',
    why: 'The status was mapped to a class by the connector’s failure rules or the built-in table.',
    fix: 'See the status and class. A class of `unknown` means that no rule maps it: add one to the manifest.',
  },
  HTTP_REDIRECT_REFUSED: {
    severity: 'error',
    title: 'the other side redirected, and redirects are not followed',
    why: 'A redirect could lead credentials and effects to a host that nobody declared.',
    fix: 'Set the connection’s `baseUrl` to where the service really is.',
  },
  HTTP_RESPONSE_INVALID: {
    severity: 'error',
    title: 'the answer violates its contract at the field named',
    why: 'The service has changed, or the contract never was true. The request was carried out; its result cannot be relied on.',
    fix: 'Compare the contract with the vendor’s current one (`tenon diff`), update it, then resume the run.',
  },
  HTTP_RESPONSE_MALFORMED: {
    severity: 'error',
    title: 'the answer cannot be read as what the contract says it is',
    why: 'Its body is not JSON, not UTF-8, of another media type or of an unknown encoding. The request was carried out.',
    fix: 'See what stands between you and the service: a proxy’s error page looks like this.',
  },
  HTTP_RESPONSE_TOO_LARGE: {
    severity: 'error',
    title: 'the answer is larger than is taken',
    why: 'Before or after decompression it passes the cap. The request was carried out.',
    fix: 'Ask for smaller pages, or raise the cap of the transport.',
  },
  AUTH_CREDENTIALS_MISSING: {
    severity: 'error',
    title: 'the connection lacks credentials; nothing was sent',
    why: 'The manifest names a way to authenticate for which the connection holds nothing.',
    fix: 'Add the fields under `credentials` of the connection, as references.',
  },
  AUTH_TOKEN_REFUSED: {
    severity: 'error',
    title: 'the token endpoint refuses the client; nothing was sent',
    why: 'The client id or secret is wrong, revoked, or may not ask for these scopes, or what answers is no token endpoint.',
    fix: 'Rotate the client’s secret, or grant it the scopes that the operation needs.',
  },
  AUTH_TOKEN_UNAVAILABLE: {
    severity: 'error',
    title: 'the token endpoint cannot be reached or is in trouble; nothing was sent',
    why: 'Without a token no call can be made.',
    fix: 'It is retried. See whether the identity provider is up.',
  },
  AUTH_KEY_INVALID: {
    severity: 'error',
    title: 'the private key of the credentials cannot be used; nothing was sent',
    why: 'It must be a PEM text in PKCS#8 form (`BEGIN PRIVATE KEY`) and of the kind that the algorithm needs.',
    fix: 'Convert it (`openssl pkcs8 -topk8 -nocrypt`), or set `algorithm` in the manifest to the key’s kind.',
  },
  AUTH_TOKEN_STORE_MISSING: {
    severity: 'error',
    title: 'refresh tokens are single-use and nothing keeps the next one; nothing was sent',
    why: 'Using the token would spend it, and its successor would be lost with the process.',
    fix: 'Give the transport a token vault (`fileTokenVault`), or declare `rotation: reusable` if the server does not rotate.',
  },
  AUTH_FAILED: {
    severity: 'error',
    title: 'the credentials could not be made; nothing was sent',
    why: 'The secret store or the authentication failed in a way of its own.',
    fix: 'See the log of the process at this moment.',
  },
  SECRET_ENV_UNSET: {
    severity: 'error',
    title: 'the environment variable that holds a secret is not set; nothing was sent',
    why: 'The connection refers to it by `env:`.',
    fix: 'Set the variable for the process, and restart it.',
  },
  SECRET_FILE_UNREADABLE: {
    severity: 'error',
    title: 'the file that holds a secret cannot be read; nothing was sent',
    why: 'It is not there, or the process may not read it.',
    fix: 'Mount the file; it is read again at the next call.',
  },
  SECRET_EMPTY: {
    severity: 'error',
    title: 'a secret is empty; nothing was sent',
    why: 'An empty credential is a mistake in provisioning, and sending it would hide that.',
    fix: 'Set its value.',
  },
  SECRET_UNAVAILABLE: {
    severity: 'error',
    title: 'a secret could not be read; nothing was sent',
    why: 'The secret store failed in a way of its own.',
    fix: 'See whether the store is up and lets this process in.',
  },
  CONNECTION_BREAKER_OPEN: {
    severity: 'error',
    title: 'the connection’s breaker is open; nothing was sent',
    why: 'Too large a share of its calls failed; it is left alone for a while, then probed.',
    fix: 'Nothing: the run waits and goes on. See why the service is in trouble.',
  },
  CONNECTION_QUOTA_SPENT: {
    severity: 'error',
    title: 'the connection’s quota is spent and no turn came in time; nothing was sent',
    why: 'The manifest declares the quota, or the service asked to be left alone.',
    fix: 'Nothing: it is retried after the wait. If it is the rule, ask for a larger quota or lower the pipeline’s concurrency.',
  },
  CONNECTION_BUSY: {
    severity: 'error',
    title: 'the connection has all its calls in flight and no turn came in time; nothing was sent',
    why: 'Calls in flight are bounded, so that a stalled service cannot stall everything.',
    fix: 'See whether the service is slow; raise `inFlight` in the manifest if it can take more.',
  },
  GRANT_MISSING: {
    severity: 'error',
    title: 'the connection is not granted this operation; nothing was sent',
    why: 'A connection with `grants` may be used for those operations only.',
    fix: 'If the use is right, add the operation to `grants` and have the change reviewed.',
  },
  SCOPE_NOT_HELD: {
    severity: 'error',
    title: 'the connection’s identity does not hold a scope the operation needs; nothing was sent',
    why: 'Read and write are different identities, so that a reader’s credential cannot change anything.',
    fix: 'Call the operation over a connection whose identity holds the scope.',
  },
  PAGES_REPEAT: {
    severity: 'error',
    title: 'a listing handed out the same page or position twice',
    why: 'It would never end; what came before stands.',
    fix: 'See `pagination` in the manifest: the parameter may be one that the service ignores.',
  },
  PAGES_TOO_MANY: {
    severity: 'error',
    title: 'a listing has more pages than are asked for',
    why: 'A listing is never cut silently.',
    fix: 'Narrow it by a filter, ask for larger pages, or raise `pagesMax`.',
  },
  PAGES_ITEMS_ABSENT: {
    severity: 'error',
    title: 'a page has no list where the manifest says',
    why: '`pagination.items` points to the list in the answer’s body.',
    fix: 'Correct the pointer in the manifest.',
  },
} as const satisfies DiagnosticRules;

export type ConnectorFailureCode = keyof typeof connectorFailures;
