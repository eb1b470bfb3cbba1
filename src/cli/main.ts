/**
 * The `strongroom` command: one table of subcommands, one place where trouble becomes an exit code.
 */
import { adminCommand } from './admin-command.ts';
import { CommandError, EXIT, UsageError } from './exit.ts';
import { SERVE_HELP } from './serve/options.ts';

interface Command {
  readonly summary: string;
  readonly help: string;
  /** Resolves when the command is over. */
  run(argv: readonly string[]): Promise<void>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  serve: {
    summary: 'start the key management service',
    help: SERVE_HELP,
    run: async (argv) => (await import('./serve/serve.ts')).serve(argv),
  },
  status: adminCommand('status', 'what a running service says of itself'),
  stop: adminCommand('stop', 'stop a running service after its requests in flight'),
};

const HELP = `strongroom COMMAND [FLAGS]

${Object.entries(COMMANDS)
  .map(([name, command]) => `  ${name.padEnd(8)} ${command.summary}`)
  .join('\n')}

strongroom COMMAND --help says more. This is a simulation of an HSM, not a validated module.
`;

/** Runs one command line; sets process.exitCode and never throws. */
export async function main(argv: readonly string[]): Promise<void> {
  const [name, ...rest] = argv;
  try {
    if (name === undefined || name === 'help' || name === '--help') {
      process.stdout.write(HELP);
      return;
    }
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command === undefined)
      throw new UsageError(`there is no command '${name}'; strongroom --help lists them`);
    if (rest.includes('--help')) {
      process.stdout.write(command.help);
      return;
    }
    await command.run(rest);
  } catch (error) {
    if (error instanceof CommandError) {
      process.stderr.write(`strongroom: ${error.message}\n`);
      process.exitCode = error.exitCode;
    } else {
      process.stderr.write(
        `strongroom: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      );
      process.exitCode = EXIT.failure;
    }
  }
}
