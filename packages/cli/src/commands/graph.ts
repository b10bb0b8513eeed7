import {
  catalogOfSystems,
  declassificationsOf,
  type GraphFormat,
  graphFormats,
  graphOf,
  renderCatalog,
  renderDeclassifications,
} from '@tenon/pipeline';
import type { Args, CommandSpec } from '../command.ts';
import { exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { exitCodeOf, openSession, printReport, type Session } from '../workspace/session.ts';

/** Pictures of a workspace, made from its specs alone. */
export const graphCommands: readonly CommandSpec[] = [
  {
    name: 'graph',
    summary: 'Which systems, events and pipelines talk to which',
    options: {
      as: {
        type: 'string',
        value: '<format>',
        help: 'output; default text',
        choices: Object.keys(graphFormats),
      },
    },
    examples: ['tenon graph', 'tenon graph --as svg > graph.svg', 'tenon graph --as mermaid'],
    run: async (args, io) =>
      withSession(args, io, ({ check, workspace }) => {
        // One of the choices, as the option's table has checked.
        const format = (args.text('as') ?? 'text') as GraphFormat;
        io.out(graphFormats[format](graphOf(check, workspace)));
      }),
  },
  {
    name: 'catalog',
    summary: 'Systems, the fields they are the record of, what can be asked of them, and who does',
    options: {
      as: { type: 'string', value: '<format>', help: 'output; default text', choices: ['text', 'json'] },
      declassified: { type: 'boolean', help: 'what classed data is let out, and for which reasons, instead' },
    },
    run: async (args, io) =>
      withSession(args, io, ({ workspace }) => {
        const format = args.text('as') === 'json' ? 'json' : 'text';
        io.out(
          args.flag('declassified')
            ? renderDeclassifications(declassificationsOf(workspace), format)
            : renderCatalog(catalogOfSystems(workspace), format),
        );
      }),
  },
];

async function withSession(
  args: Args,
  io: Io,
  show: (session: Session) => void,
): ReturnType<CommandSpec['run']> {
  const session = await openSession(io);
  if (!('workspace' in session)) {
    await printReport({ diagnostics: session.diagnostics, checked: {} }, session.root, args, io);
    return exitCodeOf(session.diagnostics);
  }
  show(session);
  return exit.clean;
}
