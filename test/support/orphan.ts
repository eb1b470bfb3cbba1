/** Starts a server, says its process id, and does what it is told with itself: test/e2e/testing.test.ts looks on. */
import { startServer } from '../../src/testing/index.ts';

const server = await startServer();
process.stdout.write(`${server.ready.pid}\n`);
if (process.argv[2] === 'exit') process.exit(0);
if (process.argv[2] === 'throw') throw new Error('a test that fails');
