import { UsageError } from '../command.ts';

/**
 * The URL that an option or a variable holds. One that cannot be read is not quoted, since it may hold a password all the same; one that
 * holds a login is refused, since it would stand in every sentence about the address.
 */
export function givenUrl(saidBy: string, text: string, instead: string): URL {
  if (!URL.canParse(text))
    throw new UsageError('argument-invalid', `${saidBy} is no URL; one is https://tenon.example:4700`);
  const url = new URL(text);
  if (url.username === '' && url.password === '') return url;
  throw new UsageError(
    'argument-invalid',
    `${saidBy} holds a user or a password: leave them out; ${instead}`,
  );
}
