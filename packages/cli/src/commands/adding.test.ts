import { describe, expect, it } from 'vitest';
import { cliDiagnostic } from '../cli-rules.ts';
import { freshOf } from './adding.ts';

describe('what is found since something was added', () => {
  const found = (message: string, subject = 'pipelines/a') =>
    cliDiagnostic('workspace-file-exists', { message, subject });
  const [old, other, added] = [found('first'), found('elsewhere', 'pipelines/b'), found('second')];

  it('holds a finding that is about the same as one from before', () => {
    expect(added.fingerprint).toBe(old.fingerprint);
    expect(freshOf([old, other], [added, old, other])).toEqual([added]);
    expect(freshOf([old], [old, found('first')])).toHaveLength(1);
  });

  it('holds none that were there, whatever they say of it now, nor what is gone', () => {
    expect(freshOf([old, other], [old, other])).toEqual([]);
    expect(freshOf([old], [added])).toEqual([]);
    expect(freshOf([old, other], [other])).toEqual([]);
  });
});
