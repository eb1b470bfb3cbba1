/**
 * `strongroom`: a KMS in the calling process, which most programs want, and the version. More of it is behind
 * `strongroom/in-process`, a server for tests behind `strongroom/testing`, the device itself behind `strongroom/hsm`.
 */
/// <reference lib="esnext.disposable" preserve="true" />
import { createRequire } from 'node:module';

export {
  createInProcessKms,
  type InProcessKms,
  type InProcessOptions,
} from './in-process/index.ts';

/** As in package.json. */
export const version: string = (
  createRequire(import.meta.url)('../package.json') as { version: string }
).version;
