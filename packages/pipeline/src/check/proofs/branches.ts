import { formatExpression } from '@tenon/expression';
import type { Diagnostic } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import { allSteps, type BranchSpec, type ChooseSpec } from '../../spec/pipeline-spec.ts';
import type { Checked } from './masters.ts';

/** A `choose` over the values of an enum says what happens when the enum grows (C8). */
export function checkBranches({ model, data }: Checked): Diagnostic[] {
  return allSteps(model.spec.steps).flatMap((step): Diagnostic[] => {
    if (step.kind !== 'choose') return [];
    const open = step.branches.findIndex((branch) => !branch.when);
    if (open >= 0 && open < step.branches.length - 1) {
      const { at } = step.branches[open + 1]!;
      const message = 'this branch is never taken: the one before it has no `when`, so it always holds';
      return [diagnostic('branch-unreachable', { message, at, subject: step.id.value })];
    }
    const twice = step.branches.findIndex((branch, index) => earlierAlike(step, branch, index) !== undefined);
    if (twice >= 0) {
      const { at } = step.branches[twice]!;
      const earlier = earlierAlike(step, step.branches[twice]!, twice)!;
      const message = 'this branch is never taken: one before it has the same condition';
      return [
        diagnostic('branch-unreachable', {
          message,
          at,
          subject: step.id.value,
          related: [{ ...earlier.at, message: 'taken instead' }],
          fix: 'correct one of the two conditions, or put the steps together',
        }),
      ];
    }
    if (open >= 0) return [];
    const switched = enumSwitch(step, data.reads);
    if (switched === undefined) return [];
    return [
      diagnostic('choose-without-default', {
        message: `no branch is taken when \`${switched}\` has a value that is not named here`,
        at: step.id.at,
        subject: `${step.id.value} ${switched}`,
      }),
    ];
  });
}

/** A branch before this one with the very same condition. */
function earlierAlike(step: ChooseSpec, { when }: BranchSpec, index: number): BranchSpec | undefined {
  if (!when) return undefined;
  const text = formatExpression(when.parsed.ast);
  return step.branches
    .slice(0, index)
    .find((other) => other.when !== undefined && formatExpression(other.when.parsed.ast) === text);
}

/** The field whose literal values every branch compares, where they all compare the same one. */
function enumSwitch(step: ChooseSpec, reads: Checked['data']['reads']): string | undefined {
  const fields = step.branches.map(({ when }) => {
    const compared = (when ? (reads.get(when) ?? []) : []).filter(
      (read) => typeof read.comparedWith === 'string',
    );
    const names = new Set(
      compared.map(({ source, path }) => `${source.contract}${path.replaceAll('/', '.')}`),
    );
    return names.size === 1 ? [...names][0] : undefined;
  });
  return fields.length > 1 && fields.every((field) => field !== undefined && field === fields[0])
    ? fields[0]
    : undefined;
}
