/**
 * The only place that loads the addon, and the TypeScript face of what it exports.
 *
 * In a checkout and in an installed package it is build/Release/strongroom.node, two folders above this file.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Numbers are return values (CKR_*) where a name says `rv`. */
export interface NativeDeviceConfig {
  /** null: the device lives in memory only. */
  readonly flashDirectory: string | null;
  readonly rootDirectory: string | null;
  readonly slotCount: number;
  readonly pinIterations: number;
  readonly maxSessionCount: number;
  readonly create: boolean;
}

/** One environment's share of an application. */
export interface NativeClient {
  readonly attachId: Uint8Array;
  /** The frame buffer of this environment, native memory: request half, then response half. */
  readonly slab: Uint8Array;
  /** Executes the frame at the slab's start without waiting; the response is written at the slab's half. */
  exec(): void;
  execOut(output: Uint8Array): void;
  execInOut(input: Uint8Array, output: Uint8Array): void;
  /** The output goes to `offset` of the buffer; the header's attachedOutput is its room. Cheaper than a view of it. */
  execAt(buffer: ArrayBuffer, offset: number): void;
  /** Copies the request before it returns. Resolves with the response in a buffer of its own. */
  execAsync(request: Uint8Array, responseBytesMax: number): Promise<Uint8Array>;
  /** Waits for what is under way, closes this environment's sessions, drops its reference. Idempotent. */
  close(): Promise<void>;
}

/** An address range of this process. */
export interface NativeMemoryRange {
  readonly start: bigint;
  readonly length: number;
}

export interface Addon {
  readonly napiVersion: number;
  /**
   * Opens a device and an application on it, in the background. The environment closes the device when it ends, or with
   * closeDevice.
   */
  openDevice(
    config: NativeDeviceConfig,
  ): Promise<{ rv: number; device?: number; client?: NativeClient }>;
  closeDevice(device: number): Promise<number>;
  /** Joins the application with this attach id. */
  attach(attachId: Uint8Array): { rv: number; client?: NativeClient };
  /** Forbids core files, and tracing by other processes of this user. False: the system would not. */
  hardenProcess(): boolean;
  /** Where keys are in this process's memory; for the test that looks for them elsewhere. */
  memoryRanges(attachId: Uint8Array): {
    rv: number;
    arena?: NativeMemoryRange;
    secureHeap?: NativeMemoryRange;
  };
}

const file = fileURLToPath(new URL('../../build/Release/strongroom.node', import.meta.url));
let loaded: Addon | undefined;

/** Loads the addon once per thread. Throws an Error that says what to do when it is not built. */
export function loadAddon(): Addon {
  if (loaded === undefined) {
    try {
      loaded = createRequire(import.meta.url)(file) as Addon;
    } catch (cause) {
      throw new Error(
        `the native addon ${file} could not be loaded: npm run build:addon makes it`,
        { cause },
      );
    }
  }
  return loaded;
}
