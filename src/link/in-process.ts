/**
 * The link to a device in this process: frames travel over a buffer of the addon's and an N-API call.
 */
import { FRAME_BYTES_MAX, SLAB_BYTES } from '../hsm/commands.ts';
import { CKR } from '../hsm/constants.ts';
import { CkrError, Device, type Link, LinkError, type SyncLink } from '../hsm/index.ts';
import { loadAddon, type NativeClient, type NativeMemoryRange } from '../native/load.ts';

export interface DeviceOptions {
  /** Folder of the sealed flash; null: the device lives in memory only. */
  readonly flashDirectory: string | null;
  /** Folder of the root secret, PIN counters and journal head. Needed with a flash. */
  readonly rootDirectory?: string;
  /** 1 to 64. An existing flash keeps its own count. */
  readonly slotCount: number;
  /** Make an empty device where none is; else CKR_TOKEN_NOT_PRESENT. */
  readonly create: boolean;
  /** Other processes may have it open as well, if they share it, too. Default: this process alone. */
  readonly shared?: boolean;
  /** PBKDF2 iterations for new PINs; absent: the token's default. A device in memory takes 1. */
  readonly pinIterations?: number;
  /** Sessions per slot; absent: the token's default. */
  readonly maxSessionCount?: number;
  /** What the root secret is sealed under; absent: nothing. CKR_PIN_INVALID where that is not so. */
  readonly rootPassphrase?: Uint8Array | undefined;
}

/** Buffers up to this size stay reachable until another takes their place. */
const KEPT_BYTES_MAX = 64 * 1024;

/** The length of a buffer, whatever it says of itself. */
const byteLengthOf = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  'byteLength',
)?.get as (this: Uint8Array) => number;

/**
 * To ask a buffer for its memory is a good part of a call, so it is asked once: as long as it is the same buffer and has
 * the same length, its memory is where it was. One that was detached or has shrunk has become shorter.
 */
class InProcessSync implements SyncLink {
  readonly slab: Uint8Array;
  readonly responseOffset: number = SLAB_BYTES;
  readonly #client: NativeClient;
  readonly #outputOffset: Uint32Array;
  #output: Uint8Array | undefined;
  #outputBytes = 0;

  constructor(client: NativeClient) {
    this.slab = client.slab;
    this.#client = client;
    this.#outputOffset = client.outputOffset;
  }

  exec(): void {
    this.#client.exec();
  }

  execOut(output: Uint8Array, offset: number): void {
    this.#outputOffset[0] = offset;
    if (output === this.#output && byteLengthOf.call(output) === this.#outputBytes) {
      this.#client.exec();
    } else {
      this.#output = undefined;
      this.#client.execOut(output);
      this.#keep(output);
    }
  }

  execInOut(input: Uint8Array, output: Uint8Array, offset: number): void {
    this.#outputOffset[0] = offset;
    this.#output = undefined;
    this.#client.execInOut(input, output);
    this.#keep(output);
  }

  #keep(output: Uint8Array): void {
    this.#output = output.buffer.byteLength <= KEPT_BYTES_MAX ? output : undefined;
    this.#outputBytes = byteLengthOf.call(output);
  }
}

class InProcessLink implements Link {
  readonly frameBytesMax: number = FRAME_BYTES_MAX;
  readonly transactSync: SyncLink;
  readonly #client: NativeClient;
  readonly #afterClose: () => Promise<void>;
  #closed: Promise<void> | undefined;

  constructor(client: NativeClient, afterClose: () => Promise<void>) {
    this.#client = client;
    this.#afterClose = afterClose;
    this.transactSync = new InProcessSync(client);
  }

  async transact(request: Uint8Array, responseBytesMax = 0): Promise<Uint8Array> {
    if (this.#closed !== undefined) throw new LinkError('closed', 'the device was closed');
    return this.#client.execAsync(request, responseBytesMax);
  }

  close(): Promise<void> {
    this.#closed ??= this.#client.close().then(this.#afterClose);
    return this.#closed;
  }
}

/** A link to a device in this process, and what others need to join its application. */
export interface InProcess {
  readonly link: Link;
  readonly attachId: Uint8Array;
}

/** What openDevice does, without saying Hello. Closing the link closes the device for every thread. */
export async function openLink(options: DeviceOptions): Promise<InProcess> {
  const addon = loadAddon();
  const { rv, device, client } = await addon.openDevice({
    flashDirectory: options.flashDirectory,
    rootDirectory: options.rootDirectory ?? null,
    slotCount: options.slotCount,
    pinIterations: options.pinIterations ?? 0,
    maxSessionCount: options.maxSessionCount ?? 0,
    create: options.create,
    shared: options.shared ?? false,
    rootPassphrase: options.rootPassphrase,
  });
  if (rv !== CKR.CKR_OK || client === undefined || device === undefined) {
    throw new CkrError(rv, 'OpenDevice');
  }
  const closeDevice = async (): Promise<void> => {
    const closed = await addon.closeDevice(device);
    if (closed !== CKR.CKR_OK) throw new CkrError(closed, 'CloseDevice');
  };
  return { link: new InProcessLink(client, closeDevice), attachId: client.attachId };
}

/**
 * Opens a device in this process, and an application on it. Closing it closes the device for every thread.
 * Rejects with CkrError: CKR_STRONGROOM_FLASH_IN_USE, _FLASH_VERSION, _FLASH_INTEGRITY, CKR_TOKEN_NOT_PRESENT,
 * CKR_DEVICE_ERROR (file system), CKR_ARGUMENTS_BAD.
 */
export async function openDevice(options: DeviceOptions): Promise<Device> {
  const { link, attachId } = await openLink(options);
  return Device.connect(link, attachId);
}

/**
 * Seals the root secret of a device that nobody has open under another passphrase; absent: none, before or afterwards.
 * Rejects with CkrError, as openDevice.
 */
export async function changeRootPassphrase(
  rootDirectory: string,
  passphrase: Uint8Array | undefined,
  newPassphrase: Uint8Array | undefined,
): Promise<void> {
  const rv = await loadAddon().changeRootPassphrase({ rootDirectory, passphrase, newPassphrase });
  if (rv !== CKR.CKR_OK) throw new CkrError(rv, 'ChangeRootPassphrase');
}

/** What attachDevice does, without saying Hello. */
export function attachLink(attachId: Uint8Array): InProcess {
  const { rv, client } = loadAddon().attach(attachId);
  if (rv !== CKR.CKR_OK || client === undefined) throw new CkrError(rv, 'AttachApplication');
  return { link: new InProcessLink(client, async () => {}), attachId: client.attachId };
}

/** Joins, from any thread of this process, the application whose attach id this is. Rejects with CkrError. */
export async function attachDevice(attachId: Uint8Array): Promise<Device> {
  const { link } = attachLink(attachId);
  return Device.connect(link, attachId);
}

/**
 * Opens another application on the device that one of this thread is on: with a login of its own, so that a security
 * officer can work while the user's application goes on. Closing it leaves the device open. Rejects with CkrError.
 */
export async function openApplication(attachId: Uint8Array): Promise<Device> {
  const { rv, client } = loadAddon().openApplication(attachId);
  if (rv !== CKR.CKR_OK || client === undefined) throw new CkrError(rv, 'OpenApplication');
  return Device.connect(new InProcessLink(client, async () => {}), client.attachId);
}

/** Where raw keys may be in this process: the token's arena and OpenSSL's secure heap. */
export function deviceMemory(attachId: Uint8Array): {
  arena: NativeMemoryRange;
  secureHeap: NativeMemoryRange;
} {
  const { rv, arena, secureHeap } = loadAddon().memoryRanges(attachId);
  if (rv !== CKR.CKR_OK || arena === undefined || secureHeap === undefined)
    throw new CkrError(rv, 'GetDeviceStatus');
  return { arena, secureHeap };
}
