/** HTTP/1.1 as bytes on a socket: what the load client and the proofs need of it, and no more. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  /** Status line and headers. */
  readonly head: string;
  readonly body: Buffer;
  /** Bytes of head and body on the wire. */
  readonly length: number;
}

/** The first answer in `data`, which has a Content-Length; undefined while it is incomplete. */
export function parseAnswer(data: Buffer): Answer | undefined {
  const headEnd = data.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = data.toString('latin1', 0, headEnd);
  const length = headEnd + 4 + Number(header(head, 'content-length') ?? 0);
  if (data.length < length) return undefined;
  const body = data.subarray(headEnd + 4, length);
  return { status: Number(head.slice(9, 12)), head, body, length };
}

export function header(head: string, name: string): string | undefined {
  return new RegExp(`^${name}: *(.*?) *$`, 'im').exec(head)?.[1];
}

/** Sends requests one after the other over one connection. @throws Error when an answer is not 200 */
export async function exchange(port: number, requests: readonly Buffer[]): Promise<Answer[]> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const answers: Answer[] = [];
  for (const request of requests) {
    socket.write(request);
    const answer = await nextAnswer(socket);
    if (answer.status !== 200) throw new Error(`answered ${answer.head}\n\n${answer.body}`);
    answers.push(answer);
  }
  socket.destroy();
  return answers;
}

async function nextAnswer(socket: Socket): Promise<Answer> {
  let received = Buffer.alloc(0);
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    received = Buffer.concat([received, chunk]);
    const answer = parseAnswer(received);
    if (answer !== undefined) return answer;
  }
}
