/**
 * The only place that loads the addon, and the TypeScript face of what it exports.
 *
 * It is what was compiled here, build/Release/strongroom.node, or else the one that came with the package,
 * prebuilds/<platform>-<arch>-<libc>/<interfaces>.node; both two folders above this file.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** Numbers are return values (CKR_*) where a name says `rv`. */
export interface NativeDeviceConfig {
  /** null: the device lives in memory only. */
  readonly flashDirectory: string | null;
  readonly rootDirectory: string | null;
  readonly slotCount: number;
  readonly pinIterations: number;
  readonly maxSessionCount: number;
  readonly create: boolean;
  readonly shared: boolean;
  /** Copied before openDevice returns. */
  readonly rootPassphrase?: Uint8Array | undefined;
}

/** One environment's share of an application. */
export interface NativeClient {
  readonly attachId: Uint8Array;
  /** The frame buffer of this environment, native memory: request half, then response half. */
  readonly slab: Uint8Array;
  /** Native memory: where in the output buffer the output goes. The header's attachedOutput is its room. */
  readonly outputOffset: Uint32Array;
  /**
   * Executes the frame at the slab's start without waiting; the response is written at the slab's half. An attached
   * output goes to the buffer that was given last: the caller makes sure that it is still there, and as long as it was.
   */
  exec(): void;
  execOut(output: Uint8Array): void;
  execInOut(input: Uint8Array, output: Uint8Array): void;
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
  /** Absent: none. Copies both before it returns. */
  changeRootPassphrase(change: {
    readonly rootDirectory: string;
    readonly passphrase?: Uint8Array | undefined;
    readonly newPassphrase?: Uint8Array | undefined;
  }): Promise<number>;
  /** Opens another application on the device of one that this environment has. */
  openApplication(attachId: Uint8Array): { rv: number; client?: NativeClient };
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

const root = join(import.meta.dirname, '..', '..');

/** Node-API version the addon is compiled for (NAPI_VERSION in native/flags.gypi). */
const NAPI_VERSION = 9;

/** `linux-x64-glibc`: what machine code needs to run at all. */
function platform(): string {
  if (process.platform !== 'linux') return `${process.platform}-${process.arch}`;
  // Without the network part, which may ask name servers, the report takes about a millisecond.
  const report: { excludeNetwork?: boolean; getReport(): object } = process.report;
  const before = report.excludeNetwork ?? false;
  report.excludeNetwork = true;
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
  report.excludeNetwork = before;
  return `linux-${process.arch}-${header.glibcVersionRuntime === undefined ? 'musl' : 'glibc'}`;
}

/**
 * Where the package keeps the addon for the running Node, there or not. Node-API is stable over Node's versions, and
 * OpenSSL, which the addon takes from the node binary, over its own minor versions: `napi9-openssl3.node`.
 */
export function prebuildFile(): string {
  const interfaces = `napi${NAPI_VERSION}-openssl${Number.parseInt(process.versions.openssl, 10)}`;
  return join(root, 'prebuilds', platform(), `${interfaces}.node`);
}

/** The addon that is loaded: there, or where the package's would be. */
export function addonFile(): { readonly file: string; readonly compiledHere: boolean } {
  const built = join(root, 'build', 'Release', 'strongroom.node');
  const compiledHere = existsSync(built);
  return { file: compiledHere ? built : prebuildFile(), compiledHere };
}

/** @throws Error that says what to do when none is there or none loads. */
function load(): Addon {
  const { file } = addonFile();
  try {
    return createRequire(import.meta.url)(file) as Addon;
  } catch (cause) {
    throw new Error(
      `the native addon ${file} could not be loaded. To compile it here (C++20 compiler, make, python3): ` +
        `node ${join(root, 'scripts', 'build-addon.mjs')}`,
      { cause },
    );
  }
}

let loaded: Addon | undefined;

/** Loads the addon once per thread. Throws an Error that says what to do when there is none. */
export function loadAddon(): Addon {
  loaded ??= load();
  return loaded;
}
