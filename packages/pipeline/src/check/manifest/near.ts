import { didYouMean } from '@tenon/model';

/** The fix for a name that is none of these: the one that was meant, where one is near. */
export function near(name: string, candidates: Iterable<string>): { fix?: string } {
  const meant = didYouMean(name, candidates);
  return meant === undefined ? {} : { fix: `did you mean \`${meant}\`?` };
}
