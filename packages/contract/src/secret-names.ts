/**
 * Names of members that hold a credential in whichever document, as they are written without case and signs: `clientSecret`, `client-secret`. Each is
 * the whole of a name: a `passwordChangedAt` or a `tokenType` is none, and a `token` or a `secret` by itself may be anything.
 */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  'accesstoken',
  'accountpassword',
  'apikey',
  'apisecret',
  'appsecret',
  'authtoken',
  'bearertoken',
  'clientsecret',
  'passphrase',
  'passwd',
  'password',
  'privatekey',
  'refreshtoken',
  'secretaccesskey',
  'secretkey',
  'sharedsecret',
  'signingsecret',
  'webhooksecret',
]);

export function isSecretName(name: string): boolean {
  return SECRET_NAMES.has(name.toLowerCase().replaceAll(/[^a-z0-9]/g, ''));
}
