import { type Diagnostic, didYouMean } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import { allSteps, type Located, OWNER_ROLES } from '../../spec/pipeline-spec.ts';
import type { Workspace } from '../../workspace.ts';
import type { PipelineModel } from '../model.ts';

/** Names that `tenon add` writes where nobody was named: those of no team, with `owners.yaml` or without. */
export const VACANT = { owner: 'unowned', backup: 'nobody' } as const;
const VACANT_NAMES: ReadonlySet<string> = new Set(Object.values(VACANT));

/** A team named in a spec must be in `owners.yaml`, where there is one (C144). */
export function checkTeam(
  team: Located<string> | undefined,
  { teams }: Pick<Workspace, 'teams'>,
): Diagnostic[] {
  if (!team || teams?.has(team.value)) return [];
  if (VACANT_NAMES.has(team.value))
    return [
      diagnostic('unknown-team', {
        message: `\`${team.value}\` is no team: who answers here is still to be named`,
        at: team.at,
        subject: team.value,
        fix: teams && teams.size > 0 ? `name a team of owners.yaml: ${[...teams].join(', ')}` : 'name a team',
      }),
    ];
  if (!teams) return [];
  const near = didYouMean(team.value, teams);
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

/** Stewards of contracts, owners of connectors, teams that operators decide for and whoever answers for the Tenon exist. A package's owner is a team of those who published it. */
export function checkAnswering(workspace: Workspace): Diagnostic[] {
  const stewards = [...workspace.contracts.values()].flatMap(({ policy }) =>
    policy?.stewardAt ? { value: policy.steward, at: policy.stewardAt } : [],
  );
  const owners = [...workspace.connectors.values()].flatMap(({ name, owner }) => {
    const document = workspace.connectorDocuments.get(name);
    const isInstalled = workspace.connectorFolders.get(name)?.startsWith('node_modules/') ?? false;
    return document && !isInstalled ? { value: owner, at: document.locate('/metadata/owner') } : [];
  });
  const { operators, owner } = workspace.config.server;
  const deciding = operators.flatMap(({ teams = [] }) => teams);
  const own = owner === undefined ? [] : [{ value: owner.team, at: owner.teamAt }];
  return [...stewards, ...owners, ...deciding, ...own].flatMap((team) => checkTeam(team, workspace));
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
