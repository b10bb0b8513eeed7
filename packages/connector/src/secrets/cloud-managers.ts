import { type Clock, isObject, type SecretLocation } from '@tenon/model';
import { KeptValues } from './kept-values.ts';
import { type SecretManager, SecretUnavailableError } from './secret-store.ts';

export interface CloudOptions {
  readonly clock: Clock;
  /** How long a value is used before it is asked for again. */
  readonly keepMs: number;
  /** Loads the vendor's library, which the workspace installs. */
  load(library: string): Promise<unknown>;
}

/** Library of AWS Secrets Manager; an optional peer. */
const AWS_LIBRARY = '@aws-sdk/client-secrets-manager';
const GCP_LIBRARY = '@google-cloud/secret-manager';

/** The part of that library that is used. */
interface AwsLibrary {
  readonly SecretsManagerClient: new (options: {
    readonly region?: string;
    readonly endpoint?: string;
  }) => {
    send(command: unknown): Promise<{ SecretString?: string; SecretBinary?: Uint8Array }>;
    destroy(): void;
  };
  readonly GetSecretValueCommand: new (input: {
    readonly SecretId: string;
    readonly VersionStage?: string;
    readonly VersionId?: string;
  }) => unknown;
}

/**
 * AWS Secrets Manager: `aws:name-or-arn`, `#field` for a member of a JSON secret, `@previous` for the version before a
 * rotation. Credentials are the environment's, as the library finds them.
 */
export function awsManager(
  options: CloudOptions & { readonly region?: string | undefined; readonly endpoint?: string | undefined },
): SecretManager {
  let client:
    | Promise<{ library: AwsLibrary; client: InstanceType<AwsLibrary['SecretsManagerClient']> }>
    | undefined;
  const answers = new KeptValues<string>(options.clock, options.keepMs);
  const opened = (reference: string) => {
    client ??= loaded<AwsLibrary>(options, AWS_LIBRARY, reference).then((library) => ({
      library,
      client: new library.SecretsManagerClient({
        ...(options.region !== undefined && { region: options.region }),
        ...(options.endpoint !== undefined && { endpoint: options.endpoint }),
      }),
    }));
    client.catch(() => {
      client = undefined;
    });
    return client;
  };
  return {
    close: async () => (await client?.catch(() => undefined))?.client.destroy(),
    read: async (location, isFresh) => {
      const { path, reference, version } = location;
      const { library, client: open } = await opened(reference);
      const input = {
        SecretId: path,
        ...(version === 'previous' && { VersionStage: 'AWSPREVIOUS' }),
      };
      const text = await answers.get(`${path}@${version ?? ''}`, isFresh, async () => {
        const answer = await open.send(new library.GetSecretValueCommand(input)).catch((error: unknown) => {
          throw cloudFailure(reference, error);
        });
        return answer.SecretString ?? Buffer.from(answer.SecretBinary ?? []).toString('utf8');
      });
      return memberOf(location, text);
    },
  };
}

interface GcpLibrary {
  readonly SecretManagerServiceClient: new (
    options: object,
  ) => {
    accessSecretVersion(input: { readonly name: string }): Promise<
      readonly [
        {
          readonly name?: string | null;
          readonly payload?: { readonly data?: Uint8Array | string | null } | null;
        },
        ...unknown[],
      ]
    >;
    close(): Promise<void>;
  };
}

/**
 * Google Secret Manager: `gcp:name` of the project of the configuration, or `gcp:projects/p/secrets/name`; `#field` for a
 * member of a JSON secret, `@previous` or `@7` for another version than the latest.
 */
export function gcpManager(options: CloudOptions & { readonly project?: string | undefined }): SecretManager {
  let client: Promise<InstanceType<GcpLibrary['SecretManagerServiceClient']>> | undefined;
  const answers = new KeptValues<{ readonly text: string; readonly version: number }>(
    options.clock,
    options.keepMs,
  );
  const opened = (reference: string) => {
    client ??= loaded<GcpLibrary>(options, GCP_LIBRARY, reference).then(
      (library) => new library.SecretManagerServiceClient({}),
    );
    client.catch(() => {
      client = undefined;
    });
    return client;
  };
  return {
    close: async () => (await client?.catch(() => undefined))?.close(),
    read: async (location, isFresh) => {
      const { path, reference, version } = location;
      if (!path.startsWith('projects/') && options.project === undefined)
        throw new SecretUnavailableError(
          'SECRET_STORE_UNCONFIGURED',
          reference,
          'name the `project` under `secrets.gcp`, or in the reference',
        );
      const secret = path.startsWith('projects/') ? path : `projects/${options.project}/secrets/${path}`;
      const open = await opened(reference);
      const access = (which: string) =>
        answers.get(`${secret}@${which}`, isFresh, async () => {
          const [answer] = await open
            .accessSecretVersion({ name: `${secret}/versions/${which}` })
            .catch((error: unknown) => {
              throw cloudFailure(reference, error);
            });
          const data = answer.payload?.data ?? '';
          return {
            text: typeof data === 'string' ? data : Buffer.from(data).toString('utf8'),
            version: Number(answer.name?.split('/').at(-1)),
          };
        });
      const which =
        version === 'previous' ? String((await access('latest')).version - 1) : String(version ?? 'latest');
      return memberOf(location, (await access(which)).text);
    },
  };
}

async function loaded<T>(options: CloudOptions, library: string, reference: string): Promise<T> {
  try {
    // Its shape is the vendor's promise for this library.
    return (await options.load(library)) as T;
  } catch {
    throw new SecretUnavailableError(
      'SECRET_STORE_NOT_INSTALLED',
      reference,
      `install its library beside Tenon: npm install ${library}`,
    );
  }
}

function memberOf({ reference, field }: SecretLocation, text: string): string {
  if (field === undefined) return text;
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value) && typeof value[field] === 'string') return value[field];
  } catch {
    // Not JSON, so it has no member: said below, without the text that the parser would quote.
  }
  throw new SecretUnavailableError(
    'SECRET_NOT_FOUND',
    reference,
    `it is no JSON object with a text under \`${field}\``,
  );
}

const ABSENT = new Set(['ResourceNotFoundException', 'NOT_FOUND', '5']);
const FORBIDDEN = new Set([
  'AccessDeniedException',
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'ExpiredTokenException',
  'CredentialsProviderError',
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
  '7',
  '16',
]);

/** By the library's own name for it; its text stays out. */
function cloudFailure(reference: string, error: unknown): SecretUnavailableError {
  const names = isErrorLike(error) ? [String(error.name), String(error.code)] : [];
  if (names.some((name) => ABSENT.has(name)))
    return new SecretUnavailableError('SECRET_NOT_FOUND', reference, 'the manager has nothing there');
  if (names.some((name) => FORBIDDEN.has(name)))
    return new SecretUnavailableError(
      'SECRET_STORE_REFUSED',
      reference,
      'the manager does not let this process in',
    );
  return new SecretUnavailableError(
    'SECRET_STORE_UNAVAILABLE',
    reference,
    'the manager cannot be asked',
    true,
  );
}

function isErrorLike(error: unknown): error is { readonly name?: unknown; readonly code?: unknown } {
  return typeof error === 'object' && error !== null;
}
