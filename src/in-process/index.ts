/**
 * `strongroom/in-process`: a KMS in the calling process, behind the `requestHandler` of an AWS SDK client.
 *
 *   await using kms = await createInProcessKms({ ephemeral: true });
 *   const client = new KMSClient({ ...kms.clientConfig });
 */
/// <reference lib="esnext.disposable" preserve="true" />
export { type Clock, DomainClock } from '../clock/clock.ts';
export {
  InProcessClosedError,
  InProcessHandler,
  type SdkAbortSignal,
  type SdkHandlerOptions,
} from './handler.ts';
export {
  createInProcessKms,
  type Duration,
  type InProcessClientConfig,
  type InProcessClock,
  type InProcessFault,
  type InProcessKms,
  type InProcessOptions,
} from './kms.ts';
export type { SdkRequest, SdkResponse } from './request.ts';
