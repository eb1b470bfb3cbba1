/**
 * `strongroom serve`: starts the service, says that it is ready, and ends it in order on SIGTERM, SIGINT,
 * `strongroom stop`, or when the process that started it over an IPC channel is gone.
 */
import { loadAddon } from '../../native/load.ts';
import { isObject } from '../../values/unknown.ts';
import type { CommandLine } from '../command.ts';
import { EXIT } from '../exit.ts';
import { parseServeOptions, SERVE_HELP } from './options.ts';
import { ReadyFile, readyLine } from './ready-file.ts';
import { startService } from './service.ts';

/** As many as Node has for one thread. */
const poolThreadsEach = 4;

export const serveCommand: CommandLine = { help: SERVE_HELP, run: serve };

/** Starts, waits for the end. @throws CommandError */
async function serve(argv: readonly string[]): Promise<void> {
  const options = parseServeOptions(argv);
  // Threads share one pool. Each may have a search for primes and two other slow calls in it, and stays quick only
  // while there is room for the rest. Read when the pool is first used: not yet.
  process.env.UV_THREADPOOL_SIZE ??= String(poolThreadsEach * options.threads);
  using readyFile = options.readyFile === undefined ? undefined : new ReadyFile(options.readyFile);
  if (!loadAddon().hardenProcess())
    process.stderr.write('this system does not let core dumps be forbidden\n');
  const service = await startService(options);
  // Before anybody is told that it is ready: the first thing a supervisor sends may be its end.
  let signals = 0;
  const onSignal = (): void => {
    signals += 1;
    if (signals > 1) process.exit(EXIT.failure);
    void service.stop();
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  try {
    readyFile?.publish(service.ready);
  } catch (error) {
    await service.stop();
    throw error;
  }
  if (readyFile !== undefined) process.once('exit', () => readyFile[Symbol.dispose]());
  process.stdout.write(`${readyLine(service.ready)}\n`);
  // A parent that opened a channel reads the credentials there, and takes this process along when it goes.
  process.once('disconnect', () => void service.stop());
  // The same parent may move the domain clock, also where there is no admin socket.
  process.on('message', async (message) => {
    if (!isObject(message) || typeof message.admin !== 'string') return;
    const reply = await service.admin.answer(message.admin);
    if (process.connected)
      process.send?.({ id: message.id, reply }, undefined, undefined, () => undefined);
  });
  if (process.connected) process.send?.(service.ready, undefined, undefined, () => undefined);
  else if (process.send !== undefined) void service.stop();
  await service.ended;
  if (process.connected) process.disconnect();
}
