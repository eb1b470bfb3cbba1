/**
 * `strongroom/testing`: a server of one's own for a test run, in a process of its own.
 *
 *   const server = await startServer();
 *   const kms = new KMSClient({ endpoint: server.endpoint, region: server.region, credentials: server.credentials });
 *   await server.stop();
 */
/// <reference lib="esnext.disposable" preserve="true" />
export {
  type AccessKey,
  type ClockMove,
  type ClockReport,
  type Duration,
  type ReadyInfo,
  type ServerClock,
  type StartedServer,
  type StartServerOptions,
  startServer,
} from './start-server.ts';
