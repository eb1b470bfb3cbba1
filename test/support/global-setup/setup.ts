/** As the README shows it: one server for a whole vitest run. */
import { startServer } from '../../../src/testing/index.ts';

export default async function setup(): Promise<() => Promise<unknown>> {
  const server = await startServer();
  Object.assign(process.env, server.environment);
  return () => server.stop();
}
