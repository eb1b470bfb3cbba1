/**
 * Taking a port: one server per port, also when several threads of it listen with SO_REUSEPORT.
 */
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { createServer } from 'node:net';

/** Somebody else listens there. */
export class PortInUseError extends Error {
  override readonly name = 'PortInUseError';
  /** Process id of the strongroom server that does, if it is one and answered. */
  readonly holderPid: number | undefined;

  constructor(host: string, port: number, holderPid: number | undefined) {
    super(
      holderPid === undefined
        ? `${host}:${port} is in use by another program`
        : `${host}:${port} is in use by the strongroom server with process id ${holderPid}`,
    );
    this.holderPid = holderPid;
  }
}

const holderTimeoutMs = 500;

/** What `GET /health` answers, on any thread. */
export function healthBody(): string {
  return JSON.stringify({ service: 'strongroom', status: 'ok', pid: process.pid });
}

/** Asks whoever listens for its process id; undefined for anything but a strongroom server. */
async function holderOf(host: string, port: number): Promise<number | undefined> {
  const [plain, tls] = await Promise.all([getHttp, getHttps].map((get) => ask(get, host, port)));
  return plain ?? tls;
}

function ask(
  get: typeof getHttp | typeof getHttps,
  host: string,
  port: number,
): Promise<number | undefined> {
  return new Promise((resolve) => {
    // Whose certificate it shows does not matter: nothing is told to it, and little believed.
    const options = { host, port, path: '/health', agent: false, rejectUnauthorized: false };
    const request = get(options, (response) => {
      let body = '';
      response.setEncoding('latin1');
      response.on('data', (text: string) => {
        body += text;
        if (body.length > 1024) request.destroy();
      });
      response.on('close', () => {
        try {
          const { service, pid } = JSON.parse(body) as { service?: unknown; pid?: unknown };
          resolve(service === 'strongroom' && typeof pid === 'number' ? pid : undefined);
        } catch {
          resolve(undefined);
        }
      });
    });
    // A deadline, not an idle time: a holder that trickles must not keep us.
    const deadline = setTimeout(() => request.destroy(), holderTimeoutMs);
    request.on('close', () => {
      clearTimeout(deadline);
      resolve(undefined);
    });
    request.on('error', () => resolve(undefined));
  });
}

/** The error to show for a failed listen: EADDRINUSE becomes PortInUseError, others stay. */
export async function listenError(error: Error, host: string, port: number): Promise<Error> {
  if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') return error;
  // Nothing to connect to where the holder listens on all addresses of the other family; then it stays unnamed.
  return new PortInUseError(host, port, await holderOf(host, port));
}

/**
 * Finds out that a port is free by binding it alone, and lets go of it: listeners with SO_REUSEPORT would share
 * it with a second server without an error. Also turns port 0 into a real one.
 * @returns the port
 * @throws PortInUseError, or the error of bind (EACCES, EADDRNOTAVAIL...)
 */
export async function probeBind(host: string, port: number): Promise<number> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
  } catch (error) {
    throw await listenError(error as Error, host, port);
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  return address.port;
}
