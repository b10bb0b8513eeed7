import { type Diagnostic, didYouMean } from '@tenon/model';
import { diagnostic } from '../rules.ts';
import { allSteps, type Located, OWNER_ROLES } from '../spec/pipeline-spec.ts';
import type { Workspace } from '../workspace.ts';
import type { PipelineModel } from './model.ts';

/** A team named in a spec must be in `owners.yaml`, where there is one (C144). */
export function checkTeam(team: Located<string> | undefined, workspace: Workspace): Diagnostic[] {
  if (!team || !workspace.teams || workspace.teams.has(team.value)) return [];
  const near = didYouMean(team.value, workspace.teams);
  return [
    diagnostic('unknown-team', {
      message: `\`${team.value}\` is not in owners.yaml`,
      at: team.at,
      subject: team.value,
      fix: 'add the team to owners.yaml',
      misspelt: { name: team.value, meant: near },
    }),
  ];
}

/** Whoever a spec names exists, and neither the backup nor the reviewer is the owner. */
export function checkOwners(model: PipelineModel): Diagnostic[] {
  const { spec, catalog } = model;
  const { owner, review } = spec;
  const found: Diagnostic[] = [];
  const roles = OWNER_ROLES.map((role) => owner?.roles?.[role]);
  for (const team of [owner?.team, owner?.backup, ...roles, review?.by])
    found.push(...checkTeam(team, catalog.workspace));
  for (const step of allSteps(spec.steps)) {
    if (step.kind === 'approve') found.push(...checkTeam(step.by, catalog.workspace));
    if (step.kind === 'call')
      for (const team of [step.irreversible?.owner, step.compensate?.confirm])
        found.push(...checkTeam(team, catalog.workspace));
  }
  if (owner?.team && owner.backup?.value === owner.team.value)
    found.push(
      diagnostic('backup-is-owner', {
        message: `\`${owner.team.value}\` stands in for itself`,
        at: owner.backup.at,
        subject: owner.team.value,
      }),
    );
  if (owner?.team && review?.by?.value === owner.team.value)
    found.push(
      diagnostic('review-by-owner', {
        message: `\`${owner.team.value}\` reviews what it owns`,
        at: review.by.at,
        subject: owner.team.value,
      }),
    );
  return found;
}
