/** The admin plane over real sockets: both commands, bad input, time limits, permissions. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { adminRequest } from '../../../src/admin/admin-client.ts';
import { AdminError } from '../../../src/admin/admin-protocol.ts';
import {
  AdminPlane,
  AdminServer,
  type AdminServerOptions,
} from '../../../src/admin/admin-server.ts';
import {
  type AdminCommand,
  clockCommand,
  statusCommand,
  stopCommand,
} from '../../../src/admin/commands.ts';
import { LineReader } from '../../../src/admin/line-reader.ts';
import { lockDataDirectory } from '../../../src/store/data-directory.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const echo: AdminCommand = { name: 'echo', run: (args) => args };
const slow: AdminCommand = {
  name: 'slow',
  async run({ ms }) {
    await sleep(Number(ms));
    return { waited: ms };
  },
};
const broken: AdminCommand = {
  name: 'broken',
  run() {
    throw new Error('out of luck');
  },
};
const circular: AdminCommand = {
  name: 'circular',
  run() {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    return loop;
  },
};

async function listen(
  {
    commands = [echo, slow, broken, circular],
    commandMs,
    ...options
  }: Partial<AdminServerOptions> & { commands?: AdminCommand[]; commandMs?: number } = {},
  directory = join(scratchDirectory(), 'data'),
) {
  const lock = lockDataDirectory(directory);
  closers.push(() => lock.release());
  const server = await AdminServer.listen({
    lock,
    plane: new AdminPlane(commands, commandMs),
    ...options,
  });
  closers.push(() => server.close());
  return { directory: lock.directory, socket: join(lock.directory, 'admin.sock'), server };
}

/** Writes bytes to the socket and returns all that comes back until the server closes. */
function converse(socket: string, bytes: string | Buffer, end = true): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const connection = createConnection({ path: socket, allowHalfOpen: true }, () => {
      connection.write(bytes);
      if (end) connection.end();
    });
    connection.on('data', (chunk) => {
      received += chunk;
    });
    connection.on('end', () => connection.end(() => resolve(received)));
    connection.on('error', reject);
  });
}

const replies = (text: string) =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

describe('admin plane', () => {
  it('answers status and begins to stop', async () => {
    let stopped = 0;
    const { directory } = await listen({
      commands: [statusCommand(() => ({ port: 8080 })), stopCommand(() => stopped++)],
    });
    expect(await adminRequest(directory, 'status')).toEqual({ port: 8080 });
    expect(await adminRequest(directory, 'stop')).toEqual({ stopping: true });
    expect(stopped).toBe(1);
    await expect(adminRequest(directory, 'stop', { now: true })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENTS',
    });
    expect(stopped).toBe(1);
  });

  it('lets stop close the server that answers it', async () => {
    let closed: Promise<void> | undefined;
    const started: { server?: AdminServer } = {};
    const { directory, server, socket } = await listen({
      commands: [stopCommand(() => (closed = started.server?.close()))],
    });
    started.server = server;
    expect(await adminRequest(directory, 'stop')).toEqual({ stopping: true });
    await closed;
    expect(existsSync(socket)).toBe(false);
  });

  it('is open to its user only', async () => {
    const { directory, socket } = await listen();
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(statSync(socket).isSocket()).toBe(true);
  });

  it('carries arguments and results of any JSON, in the order asked, over one connection', async () => {
    const { socket } = await listen();
    const args = [
      {},
      { text: 'é\u2028\u{1F600}', deep: [[null, 1.5, true]] },
      { big: 'x'.repeat(60_000) },
    ];
    const lines = args.map(
      (value, i) =>
        (i === 1 ? `{"command":"slow","args":{"ms":30}}\n` : '') +
        `${JSON.stringify({ command: 'echo', args: value })}\n`,
    );
    const answers = replies(await converse(socket, lines.join(''), true));
    expect(answers).toEqual([
      { ok: true, result: args[0] },
      { ok: true, result: { waited: 30 } },
      { ok: true, result: args[1] },
      { ok: true, result: args[2] },
    ]);
  });

  it('answers a request that comes byte by byte', async () => {
    const { socket } = await listen();
    const text = await new Promise<string>((resolve) => {
      const connection = createConnection(socket, async () => {
        for (const byte of Buffer.from('{"command":"echo"}\n')) {
          connection.write(Buffer.of(byte));
          await sleep(1);
        }
      });
      connection.on('data', (chunk) => {
        resolve(String(chunk));
        connection.destroy();
      });
    });
    expect(JSON.parse(text)).toEqual({ ok: true, result: {} });
  });

  it('says what is wrong with a request, and goes on', async () => {
    const { socket } = await listen();
    const bad: [string, string][] = [
      ['', 'MALFORMED_REQUEST'],
      ['{', 'MALFORMED_REQUEST'],
      ['null', 'MALFORMED_REQUEST'],
      ['[]', 'MALFORMED_REQUEST'],
      ['"status"', 'MALFORMED_REQUEST'],
      ['{}', 'MALFORMED_REQUEST'],
      ['{"command":1}', 'MALFORMED_REQUEST'],
      ['{"command":"echo","args":[]}', 'MALFORMED_REQUEST'],
      ['{"command":"echo","args":null}', 'MALFORMED_REQUEST'],
      ['\0\x01\xff', 'MALFORMED_REQUEST'],
      ['GET / HTTP/1.1', 'MALFORMED_REQUEST'],
      ['{"command":"fly"}', 'UNKNOWN_COMMAND'],
      ['{"command":"__proto__"}', 'UNKNOWN_COMMAND'],
      ['{"command":"broken"}', 'FAILED'],
      ['{"command":"circular"}', 'FAILED'],
    ];
    const answers = replies(
      await converse(
        socket,
        Buffer.from(`${bad.map(([line]) => line).join('\n')}\n{"command":"echo"}\n`, 'latin1'),
      ),
    );
    expect(answers.map((answer) => answer.error?.code ?? 'ok')).toEqual([
      ...bad.map(([, code]) => code),
      'ok',
    ]);
    expect(answers.at(-3).error.message).toBe('out of luck');
  });

  it('refuses a line that is too long once the earlier ones are answered, and hangs up', async () => {
    const { socket, directory } = await listen();
    const text = await converse(
      socket,
      `{"command":"slow","args":{"ms":20}}\n${'x'.repeat(300_000)}`,
      false,
    );
    expect(replies(text).map((answer) => answer.error?.code ?? 'ok')).toEqual([
      'ok',
      'LINE_TOO_LONG',
    ]);
    expect(await adminRequest(directory, 'echo')).toEqual({});
  });

  it('survives random bytes', async () => {
    const { socket, directory } = await listen();
    let seed = 20_261_123;
    for (let round = 0; round < 30; round++) {
      const bytes = Buffer.alloc(2_000);
      for (let i = 0; i < bytes.length; i++) {
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
        bytes[i] = seed >> 8;
      }
      for (const answer of replies(await converse(socket, bytes))) expect(answer.ok).toBe(false);
    }
    expect(await adminRequest(directory, 'echo')).toEqual({});
  });

  it('serves clients side by side', async () => {
    const { directory } = await listen();
    const started = performance.now();
    const slowOnes = Array.from({ length: 8 }, () => adminRequest(directory, 'slow', { ms: 500 }));
    expect(await adminRequest(directory, 'echo', { n: 1 })).toEqual({ n: 1 });
    expect(performance.now() - started).toBeLessThan(500);
    expect(await Promise.all(slowOnes)).toHaveLength(8);
    expect(performance.now() - started).toBeLessThan(8 * 500);
  });

  it('ends a silent connection, and answers a command that takes too long', async () => {
    const { socket, directory } = await listen({ idleMs: 300, commandMs: 600 });
    const silent = createConnection(socket);
    await new Promise((resolve) => silent.on('close', resolve));
    expect(await adminRequest(directory, 'slow', { ms: 400 })).toEqual({ waited: 400 });
    await expect(adminRequest(directory, 'slow', { ms: 1500 })).rejects.toMatchObject({
      code: 'TIMEOUT',
    });
  });

  it('takes so many connections and no more', async () => {
    const { socket, directory } = await listen({ connectionsMax: 2 });
    const held = [createConnection(socket), createConnection(socket)];
    await Promise.all(
      held.map((connection) => new Promise((resolve) => connection.on('connect', resolve))),
    );
    await expect(adminRequest(directory, 'echo')).rejects.toMatchObject({ code: 'BAD_REPLY' });
    for (const connection of held) connection.destroy();
    await sleep(20);
    expect(await adminRequest(directory, 'echo')).toEqual({});
  });

  it('answers what is under way when it closes, and frees the path', async () => {
    const { server, directory, socket } = await listen();
    const idle = createConnection(socket);
    const underWay = adminRequest(directory, 'slow', { ms: 80 });
    await sleep(30);
    await server.close();
    expect(await underWay).toEqual({ waited: 80 });
    expect(existsSync(socket)).toBe(false);
    await expect(adminRequest(directory, 'echo')).rejects.toMatchObject({ code: 'NOT_RUNNING' });
    idle.destroy();
  });

  it("takes the place of a dead server's socket", async () => {
    const directory = join(scratchDirectory(), 'data');
    mkdirSync(directory, { mode: 0o700 });
    const code = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', code, join(directory, 'admin.sock')]);
    expect(statSync(join(directory, 'admin.sock')).isSocket()).toBe(true);
    await expect(adminRequest(directory, 'echo')).rejects.toMatchObject({ code: 'NOT_RUNNING' });
    await listen({}, directory);
    expect(await adminRequest(directory, 'echo')).toEqual({});
  });

  it('works in a directory whose path no socket address holds', async () => {
    const directory = join(scratchDirectory(), 'd'.repeat(120), 'data');
    const { socket, server } = await listen({}, directory);
    expect(Buffer.byteLength(socket)).toBeGreaterThan(107);
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(await adminRequest(directory, 'echo', { a: 1 })).toEqual({ a: 1 });
    await server.close();
    expect(existsSync(socket)).toBe(false);
  });
});

describe('adminRequest', () => {
  it('says when no server is there', async () => {
    const scratch = scratchDirectory();
    for (const directory of [scratch, join(scratch, 'absent'), join(scratch, 'x'.repeat(120))]) {
      await expect(adminRequest(directory, 'status')).rejects.toMatchObject({
        code: 'NOT_RUNNING',
      });
    }
  });

  it('takes no nonsense for an answer', async () => {
    const answers: [string | undefined, string][] = [
      ['not json\n', 'BAD_REPLY'],
      ['null\n', 'BAD_REPLY'],
      ['{"ok":"yes"}\n', 'BAD_REPLY'],
      ['{"ok":false}\n', 'BAD_REPLY'],
      ['{"ok":true', 'BAD_REPLY'],
      [undefined, 'TIMEOUT'],
    ];
    for (const [answer, code] of answers) {
      const directory = scratchDirectory();
      const server = createServer((socket) => {
        socket.on('error', () => {});
        if (answer !== undefined) socket.end(answer);
      });
      await new Promise<void>((resolve) => server.listen(join(directory, 'admin.sock'), resolve));
      const error = await adminRequest(directory, 'status', {}, { timeoutMs: 200 }).catch(
        (thrown) => thrown,
      );
      expect(error).toBeInstanceOf(AdminError);
      expect(error).toMatchObject({ code });
      server.close();
    }
  });
});

describe('LineReader', () => {
  it('cuts lines wherever the chunks end, with the limit met exactly', () => {
    const text = Buffer.from(`a\n\n${'é'.repeat(5)}\nrest`);
    for (let cut = 0; cut <= text.length; cut++) {
      const reader = new LineReader(10);
      const lines = [...reader.push(text.subarray(0, cut)), ...reader.push(text.subarray(cut))];
      expect(lines).toEqual(['a', '', 'é'.repeat(5)]);
      expect(reader.overflowed).toBe(false);
    }
    const reader = new LineReader(10);
    expect(reader.push(Buffer.from(`a\n${'x'.repeat(11)}\nb\n`))).toEqual(['a']);
    expect(reader.overflowed).toBe(true);
    expect(reader.push(Buffer.from('c\n'))).toEqual([]);
  });
});

describe('clock', () => {
  const moves: unknown[] = [];
  const move = (what: string) => async (ms?: number) => {
    if (ms === 13) throw new RangeError('not back');
    moves.push([what, ms]);
    return what;
  };
  const clock = clockCommand({
    show: move('show'),
    advance: move('advance'),
    set: move('set'),
    freeze: move('freeze'),
    resume: move('resume'),
  });

  it('shows and moves it', async () => {
    for (const args of [
      { action: 'show' },
      { action: 'advance', ms: 5 },
      { action: 'set', toMs: 6 },
      { action: 'freeze' },
      { action: 'resume' },
    ])
      expect(await clock.run(args)).toBe(args.action);
    expect(moves).toEqual([
      ['show', undefined],
      ['advance', 5],
      ['set', 6],
      ['freeze', undefined],
      ['resume', undefined],
    ]);
  });

  it.each([
    [{}, 'action is one of: show, advance, set, freeze, resume'],
    [{ action: 'back' }, 'action is one of'],
    [{ action: 'show', ms: 1 }, 'no argument "ms"'],
    [{ action: 'advance' }, 'ms is a number of milliseconds'],
    [{ action: 'advance', ms: '1' }, 'ms is a number of milliseconds'],
    [{ action: 'advance', ms: 1, toMs: 1 }, 'no argument "toMs"'],
    [{ action: 'set', ms: 1 }, 'no argument "ms"'],
    [{ action: 'set', toMs: 13 }, 'not back'],
  ])('refuses %j', async (args, message) => {
    const refused = Promise.resolve(clock.run(args));
    await expect(refused).rejects.toThrow(AdminError);
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENTS' });
    await expect(refused).rejects.toThrow(message);
  });
});
