/**
 * A service cannot be started, for a reason its operator can mend. The message says what to do; whoever shows it decides
 * how (the command line by an exit code).
 */

export type StartErrorCode =
  /** The data directory, or something in it, cannot be used. */
  | 'REFUSED'
  /** What was asked contradicts what is there. */
  | 'CONFLICT'
  /** Something outside the data directory is missing or cannot be written. */
  | 'FAILED';

export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code: StartErrorCode;

  constructor(message: string, code: StartErrorCode, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
