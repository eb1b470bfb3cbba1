/**
 * One device's way of sending commands: on this thread where the link can and the command may, else by `transact`. Turns
 * answers into values or CkrError, and knows which answers end a session or the device.
 */
import { COMMANDS, type CommandName } from './commands.ts';
import { CKR, CKR_ENDS } from './constants.ts';
import { CkrError } from './errors.ts';
import {
  decodeResponse,
  encodeRequest,
  HEADER,
  type RequestFields,
  type Response,
  type ResponseFields,
} from './frame.ts';
import { type Link, LinkError, type SyncLink } from './link.ts';

/** What the transport knows of an open session. */
export interface SessionState {
  /** The caller's name for it; 0 stands for no session. */
  readonly handle: number;
  readonly low: number;
  readonly high: number;
  open: boolean;
}

export const NO_SESSION: SessionState = { handle: 0, low: 0, high: 0, open: true };

/** Bytes of the response in a slab: its header says so; never more than there are. */
function responseLength({ slab, responseOffset }: SyncLink): number {
  const at = slab.byteOffset + responseOffset + HEADER.length * 4;
  const length = new DataView(slab.buffer).getUint32(at, true);
  return Math.min(length, slab.length - responseOffset);
}

export class Transport {
  readonly link: Link;
  readonly sync: SyncLink | undefined;
  readonly #sessions = new Set<SessionState>();
  #sequence = 0;
  #epoch = 0;
  /** Commands sent so far; one that is sent again because it had to wait counts twice. */
  commandCount = 0;

  constructor(link: Link) {
    this.link = link;
    this.sync = link.transactSync;
  }

  /** Moves whenever everything that was known of the device (sessions, handles) is void. */
  get epoch(): number {
    return this.#epoch;
  }

  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    return this.#sequence;
  }

  opened(handle: number): SessionState {
    const state = { handle, low: handle >>> 0, high: Math.floor(handle / 2 ** 32), open: true };
    this.#sessions.add(state);
    return state;
  }

  closed(state: SessionState): void {
    state.open = false;
    this.#sessions.delete(state);
  }

  /** Every session is void and the epoch moves. */
  removed(): void {
    this.#epoch++;
    for (const state of this.#sessions) state.open = false;
    this.#sessions.clear();
  }

  /** The error for an answer other than CKR_OK; ends what the answer says is dead. */
  refused(status: number, command: string, state: SessionState, cause?: unknown): CkrError {
    const error = new CkrError(status, command, cause === undefined ? undefined : { cause });
    const ends = error.ckr === 'CKR_VENDOR_DEFINED' ? undefined : CKR_ENDS[error.ckr];
    if (ends === 'device') this.removed();
    else if (ends === 'session' && state !== NO_SESSION) this.closed(state);
    return error;
  }

  /** Throws what a session that has ended answers. */
  requireOpen(state: SessionState, command: string): void {
    if (!state.open) throw new CkrError(CKR.CKR_SESSION_HANDLE_INVALID, command);
  }

  /**
   * Runs one command. `responseBytes`: length of the output when it may exceed 64 KiB.
   * Rejects with CkrError; never with LinkError.
   */
  async call<C extends CommandName>(
    command: C,
    state: SessionState,
    fields: RequestFields<C>,
    responseBytes?: number,
  ): Promise<ResponseFields<C>> {
    const { fields: answer, status } = await this.callPartial(
      command,
      state,
      fields,
      responseBytes,
    );
    if (status !== CKR.CKR_OK || answer === undefined) throw this.refused(status, command, state);
    return answer;
  }

  /** Like call, for commands whose answer says something even when it is not CKR_OK. */
  async callPartial<C extends CommandName>(
    command: C,
    state: SessionState,
    fields: RequestFields<C>,
    responseBytes = 0,
  ): Promise<Response<C>> {
    this.requireOpen(state, command);
    const sequence = this.nextSequence();
    const request = encodeRequest(command, state.handle, sequence, fields);
    try {
      const answer = this.#callSync(command, sequence, request);
      if (answer !== undefined && answer.status !== CKR.CKR_STRONGROOM_BUSY) return answer;
      this.commandCount += 1;
      const response = await this.link.transact(request, responseBytes);
      try {
        return decodeResponse(command, sequence, response);
      } finally {
        if (COMMANDS[command].secret) response.fill(0);
      }
    } catch (error) {
      if (!(error instanceof LinkError)) throw error;
      const code = error.kind === 'closed' ? CKR.CKR_DEVICE_REMOVED : CKR.CKR_DEVICE_ERROR;
      throw this.refused(code, command, state, error);
    } finally {
      request.fill(0); // it may hold a PIN, a plaintext or a key
    }
  }

  /** The answer of executing it here, or undefined when that is not possible. */
  #callSync<C extends CommandName>(
    command: C,
    sequence: number,
    request: Uint8Array,
  ): Response<C> | undefined {
    const sync = this.sync;
    if (sync === undefined || !COMMANDS[command].sync || request.length > sync.responseOffset)
      return undefined;
    sync.slab.set(request);
    this.commandCount += 1;
    sync.exec();
    const length = responseLength(sync);
    const response = sync.slab.subarray(sync.responseOffset, sync.responseOffset + length);
    try {
      return decodeResponse(command, sequence, response);
    } finally {
      if (COMMANDS[command].secret) response.fill(0);
    }
  }
}
