/**
 * How frames travel: the seam between this folder and src/link, which implements it.
 */

/**
 * Trouble of the line itself. The session layer turns it into a CkrError (CKR_DEVICE_REMOVED for `closed`, else
 * CKR_DEVICE_ERROR) and keeps it as the cause.
 */
export class LinkError extends Error {
  override readonly name: string = 'LinkError';
  /** `closed`: nothing goes through any more. `protocol`: what came back is no frame. `timeout`: nothing came back. */
  readonly kind: 'closed' | 'protocol' | 'timeout';

  constructor(kind: 'closed' | 'protocol' | 'timeout', message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/**
 * Execution on the calling thread, in process. The request stands at the start of `slab`, the response is written from
 * `responseOffset` on. An answer of CKR_STRONGROOM_BUSY means: nothing happened, send it through `transact`.
 */
export interface SyncLink {
  /** Request half, then response half. */
  readonly slab: Uint8Array;
  readonly responseOffset: number;
  /** Executes the request; its header says how long it is. */
  exec(): void;
  /** The same with the attachable output going to `output` from `offset` on; the header says how much room is there. */
  execOut(output: Uint8Array, offset: number): void;
  /** The same with the attachable input coming from `input`, too. */
  execInOut(input: Uint8Array, output: Uint8Array, offset: number): void;
}

/** One request frame in, one response frame out. */
export interface Link {
  /** Bytes of the longest frame it carries. */
  readonly frameBytesMax: number;
  /**
   * Sends one frame, everything inline. The request has been copied when the call returns; the caller owns the response.
   * `responseBytesMax`: room the answer needs beside 64 KiB. Rejects with LinkError.
   */
  transact(request: Uint8Array, responseBytesMax?: number): Promise<Uint8Array>;
  /** Present when frames can be executed on this thread. Used only inside src/hsm. */
  readonly transactSync?: SyncLink | undefined;
  /** Lets go of the device: sessions this link opened are closed. Idempotent. */
  close(): Promise<void>;
}
