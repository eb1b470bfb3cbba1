/**
 * What a command of `strongroom` is: a leaf that runs, or a group of commands. Code is loaded when it is needed.
 */
import { UsageError } from './exit.ts';

export interface CommandLine {
  readonly help: string;
  /** Resolves when the command is over. @throws CommandError, UsageError */
  run(argv: readonly string[]): Promise<void>;
}

export type Command = {
  /** One line, for the list of commands. */
  readonly summary: string;
} & ({ load(): Promise<CommandLine> } | { readonly commands: Commands });

export type Commands = Readonly<Record<string, Command>>;

/** For the help of every command that has no codes of its own. */
export const EXIT_CODES_HELP = `Exit codes: 0 done, 1 failure with a message, 2 the command line is wrong.
`;

/**
 * Runs a command line, or prints its help.
 * @param path the words that led here, `strongroom` first
 * @throws CommandError, UsageError
 */
export async function dispatch(
  path: readonly string[],
  commands: Commands,
  argv: readonly string[],
): Promise<void> {
  const [name, ...rest] = argv;
  if (isHelp(name) || (name === undefined && path.length === 1)) {
    process.stdout.write(groupHelp(path, commands));
    return;
  }
  const words = path.join(' ');
  if (name === undefined)
    throw new UsageError(`${words} needs a command; ${words} --help lists them`);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined)
    throw new UsageError(`there is no command '${words} ${name}'; ${words} --help lists them`);
  if ('commands' in command) {
    await dispatch([...path, name], command.commands, rest);
    return;
  }
  const line = await command.load();
  const ownFlags = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (ownFlags.some(isHelp)) process.stdout.write(line.help);
  else await line.run(rest);
}

const isHelp = (word: string | undefined): boolean => word === '--help' || word === '-h';

function groupHelp(path: readonly string[], commands: Commands): string {
  const rows = Object.entries(commands).map(
    ([name, { summary }]) => `  ${name.padEnd(12)} ${summary}\n`,
  );
  const words = path.join(' ');
  return `${words} COMMAND [FLAGS]

${rows.join('')}
${words} COMMAND --help says more. This is a simulation of an HSM, not a validated module.
`;
}
