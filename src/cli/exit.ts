/**
 * How commands end when they cannot go on: one exit code for each kind of trouble.
 */

/** Exit codes of every command. docs/operations.md lists them. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  dataDirectoryInUse: 3,
  dataDirectoryRefused: 4,
  portTaken: 5,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Trouble with a message for the person at the terminal; its text is printed without a stack. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = EXIT.failure, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The command line itself is wrong. */
export class UsageError extends CommandError {
  override readonly name = 'UsageError';

  constructor(message: string) {
    super(message, EXIT.usage);
  }
}
