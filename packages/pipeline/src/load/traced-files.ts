import { sha256 } from '@tenon/model';
import type { WorkspaceFiles } from './workspace-files.ts';

/** Everything that was asked of a workspace's files, and the digest of each answer: `read owners.yaml` → `sha256:…`. */
export type Trace = Readonly<Record<string, string>>;

/** Files as they were at one moment: what has been answered once is answered the same again, and can be told. */
export interface TracedFiles extends WorkspaceFiles {
  trace(): Trace;
}

const ABSENT = 'absent';

/** Also what is not there is an answer, and so is what a folder holds: a file that comes into being changes one of them. */
export function tracedFiles(files: WorkspaceFiles): TracedFiles {
  const digests = new Map<string, string>();
  const answers = new Map<string, Promise<string | undefined>>();
  const lists = new Map<string, Promise<readonly string[]>>();
  const listing = (kind: 'files' | 'folders') => (folder: string) => {
    const question = `${kind} ${folder}`;
    const known = lists.get(question);
    if (known) return known;
    const answer = files[kind](folder).then((names) => {
      digests.set(question, sha256(names.join('\n')));
      return names;
    });
    lists.set(question, answer);
    return answer;
  };
  return {
    read(file) {
      const known = answers.get(file);
      if (known) return known;
      const answer = files.read(file).then((text) => {
        digests.set(`read ${file}`, text === undefined ? ABSENT : sha256(text));
        return text;
      });
      answers.set(file, answer);
      return answer;
    },
    files: listing('files'),
    folders: listing('folders'),
    trace: () => Object.fromEntries([...digests].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** Would all that was asked then be answered the same now? */
export async function isUnchanged(trace: Trace, files: TracedFiles): Promise<boolean> {
  await Promise.all(
    Object.keys(trace).map((question): Promise<unknown> => {
      const gap = question.indexOf(' ');
      const name = question.slice(gap + 1);
      const kind = question.slice(0, gap);
      return kind === 'files' || kind === 'folders' ? files[kind](name) : files.read(name);
    }),
  );
  const now = files.trace();
  return Object.entries(trace).every(([question, digest]) => now[question] === digest);
}
