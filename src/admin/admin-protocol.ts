/**
 * Admin plane, the words: one JSON object a line each way, replies in the order of requests.
 *
 *   {"command":"status","args":{}}                       ->  {"ok":true,"result":{...}}
 *   {"command":"fly"}                                    ->  {"ok":false,"error":{"code":"...","message":"..."}}
 */
import { isObject } from '../values/unknown.ts';

export type AdminErrorCode =
  /** Not a JSON object with a command, or args that are no object. The connection goes on. */
  | 'MALFORMED_REQUEST'
  /** The connection is closed. */
  | 'LINE_TOO_LONG'
  | 'UNKNOWN_COMMAND'
  /** The command does not take these arguments. */
  | 'INVALID_ARGUMENTS'
  /** The command failed; the message says how. */
  | 'FAILED'
  /** Said by the client: no server listens in this data directory. */
  | 'NOT_RUNNING'
  /** Said by either end. */
  | 'TIMEOUT'
  /** Said by the client: the server's answer was none. */
  | 'BAD_REPLY';

/** A request that could not be answered. A command's run() may throw it with INVALID_ARGUMENTS or FAILED. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  readonly code: AdminErrorCode;

  constructor(code: AdminErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export type AdminArguments = Readonly<Record<string, unknown>>;

export type AdminReply =
  | { readonly ok: true; readonly result: unknown }
  | {
      readonly ok: false;
      readonly error: { readonly code: AdminErrorCode; readonly message: string };
    };

/** @throws AdminError MALFORMED_REQUEST */
export function parseRequest(line: string): { command: string; args: AdminArguments } {
  const { command, args = {} } = parseObject(line);
  if (typeof command !== 'string' || !isObject(args)) {
    throw new AdminError(
      'MALFORMED_REQUEST',
      'a request has a command (string) and may have args (object)',
    );
  }
  return { command, args };
}

function parseObject(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    if (isObject(value)) return value;
  } catch {
    // Told below.
  }
  throw new AdminError('MALFORMED_REQUEST', 'a request is one JSON object on one line');
}
