/**
 * A device: slots, status and self-tests of one HSM, over whatever link leads to it. A device in this process is opened
 * with openDevice or joined with attachDevice (src/link/in-process.ts).
 */
import { HEADER_BYTES, VERSION } from './commands.ts';
import { type Link, LinkError } from './link.ts';
import { Slot } from './slot.ts';
import { NO_SESSION, Transport } from './transport.ts';

/** Counts are of the whole device, over all applications. */
export interface DeviceStatus {
  /** A self-test failed: every cryptographic call answers CKR_FIPS_SELF_TEST_FAILED. */
  readonly errorState: boolean;
  /** Its name; empty when none failed. */
  readonly failedSelfTest: string;
  /** False: the memory lock limit was too small for the arena or the secure heap. */
  readonly memoryLocked: boolean;
  readonly applicationCount: number;
  readonly sessionCount: number;
  readonly sessionObjectCount: number;
  readonly tokenObjectCount: number;
  readonly flashBytes: number;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8').trimEnd();

export class Device implements AsyncDisposable {
  /** 16 unguessable bytes: who has them can join this application with attachDevice. Empty when the link has no such thing. */
  readonly attachId: Uint8Array;
  /** What the far end can do: bits of CAPABILITIES. */
  readonly capabilities: number;
  readonly #transport: Transport;
  #closed: Promise<void> | undefined;

  private constructor(transport: Transport, attachId: Uint8Array, capabilities: number) {
    this.#transport = transport;
    this.attachId = attachId;
    this.capabilities = capabilities;
  }

  /** Says Hello over a link and makes the device, which owns the link from then on. Rejects with CkrError. */
  static async connect(link: Link, attachId: Uint8Array = new Uint8Array(0)): Promise<Device> {
    const transport = new Transport(link);
    const hello = await transport.call('Hello', NO_SESSION, {
      versionMin: VERSION,
      versionMax: VERSION,
    });
    if (hello.version !== VERSION || hello.frameBytesMax < HEADER_BYTES) {
      await link.close();
      throw new LinkError('protocol', 'the device speaks another version of the frame');
    }
    return new Device(transport, attachId, hello.capabilities);
  }

  /** Moves when the device was removed: every session, handle and cached key of an earlier epoch is void. */
  get epoch(): number {
    return this.#transport.epoch;
  }

  /** Commands that this device object has sent. */
  get commandCount(): number {
    return this.#transport.commandCount;
  }

  /** Slots, in order. By default those with a token in them; every slot of our own device has one. */
  async slots(options: { tokenPresent?: boolean } = {}): Promise<Slot[]> {
    const { slots } = await this.#transport.call('GetSlotList', NO_SESSION, {
      tokenPresent: Number(options.tokenPresent ?? true),
    });
    return slots.map((id) => new Slot(this, this.#transport, id));
  }

  /** CKR_FUNCTION_NOT_SUPPORTED where the module has no such report. */
  async status(): Promise<DeviceStatus> {
    const status = await this.#transport.call('GetDeviceStatus', NO_SESSION, {});
    return {
      ...status,
      errorState: status.errorState === 1,
      memoryLocked: status.memoryLocked === 1,
      failedSelfTest: text(status.failedSelfTest),
    };
  }

  /**
   * One line for each self-test: name, reference, whether it has run. CKR_FUNCTION_NOT_SUPPORTED as for status.
   * @param options.run those that can be asked for are run first
   */
  async selfTests(options: { run?: boolean } = {}): Promise<string[]> {
    const run = Number(options.run ?? false);
    const { report } = await this.#transport.call('GetSelfTests', NO_SESSION, { run });
    return text(report).split('\n').filter(Boolean);
  }

  /** Makes the named self-test fail the next time it runs; undefined takes that back. CKR_ARGUMENTS_BAD for no such name. */
  async failSelfTest(name: string | undefined): Promise<void> {
    await this.#transport.call('FailSelfTest', NO_SESSION, {
      name: Buffer.from(name ?? '', 'utf8'),
    });
  }

  /**
   * Starts the device anew, as its reset button does: all sessions of all its applications end, with their session objects and
   * logins; the epoch moves. CKR_FUNCTION_NOT_SUPPORTED as for status.
   */
  async reset(): Promise<void> {
    await this.#transport.call('ResetDevice', NO_SESSION, {});
    this.#transport.removed();
  }

  /** Closes the sessions opened through this object and lets go of the device. Idempotent. */
  close(): Promise<void> {
    if (this.#closed === undefined) {
      this.#transport.removed();
      this.#closed = this.#transport.link.close();
    }
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
