/**
 * Hosts a service in this process for test/e2e/boundary.test.ts: plants controls, which the memory scan has to find, and
 * keeps a key at work while the parent scans. Talks with its parent over the IPC channel, so that stdout and stderr are
 * the service's alone.
 *
 *   argv: seed of the controls, flags of `strongroom serve`
 *   -> {kind: 'ready', ...}; <- {kind: 'load', keyId}; -> {kind: 'loaded'} once the key has worked; <- {kind: 'stop'}
 */
import {
  CreateKeyCommand,
  DecryptCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  KMSClient,
} from '@aws-sdk/client-kms';
import { parseServeOptions } from '../../src/cli/serve/options.ts';
import { readyLine } from '../../src/cli/serve/ready-file.ts';
import { startService } from '../../src/cli/serve/service.ts';
import { SLAB_BYTES } from '../../src/hsm/commands.ts';
import { loadAddon } from '../../src/native/load.ts';
import { CONTROL_BYTES, controlHalves, PLANTED } from './boundary-controls.ts';

export type FromBoundaryHost =
  | { readonly kind: 'ready'; readonly endpoint: string; readonly pid: number }
  | { readonly kind: 'loaded' }
  | { readonly kind: 'stopped'; readonly calls: number };
export type ToBoundaryHost =
  | { readonly kind: 'load'; readonly keyId: string }
  | { readonly kind: 'stop' };

const WARM_CALLS = 60;

const [seed = '', ...flags] = process.argv.slice(2);
const send = (message: FromBoundaryHost): void => void process.send?.(message);
const options = parseServeOptions(flags);
const service = await startService(options);
process.stdout.write(`${readyLine(service.ready)}\n`);

/** Puts a control together where it is to be found, and nowhere else. */
function assemble(name: string, into: Uint8Array): void {
  const [one, other] = controlHalves(seed, name);
  for (let index = 0; index < CONTROL_BYTES; index += 1)
    into[index] = (one[index] as number) ^ (other[index] as number);
}

/** The same as text. The bytes it is made of are wiped. */
function text(name: string, write: (bytes: Buffer) => string): string {
  const bytes = Buffer.allocUnsafeSlow(CONTROL_BYTES);
  assemble(name, bytes);
  const written = write(bytes);
  bytes.fill(0);
  return written;
}

const inBuffer = Buffer.allocUnsafeSlow(CONTROL_BYTES);
assemble(PLANTED.buffer, inBuffer);
// A slab of the device like those of the service's threads, with the control where long responses stand.
const { client } = loadAddon().attach(service.device.attachId);
if (client === undefined) throw new Error('the device takes no other client');
assemble(PLANTED.slab, client.slab.subarray(SLAB_BYTES + 1000));
const strings = [
  text(PLANTED.hexString, (bytes) => bytes.toString('hex')),
  text(PLANTED.base64String, (bytes) => bytes.toString('base64')),
  // V8 keeps a string in two bytes a character when one of them does not fit into one.
  text(PLANTED.wideString, (bytes) =>
    String.fromCharCode(...Buffer.from(bytes.toString('hex'), 'latin1'), 0x2603),
  ),
];

let running = true;
let calls = 0;

async function work(keyId: string): Promise<void> {
  const kms = new KMSClient({
    endpoint: service.endpoint,
    region: options.regions[0] ?? '',
    credentials: service.ready.credentials,
  });
  for (let round = 0; running; round += 1) {
    const Plaintext = Buffer.alloc(1 + (round % 4096), round);
    const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId: keyId, Plaintext }));
    await kms.send(new DecryptCommand({ CiphertextBlob }));
    await kms.send(new GenerateDataKeyCommand({ KeyId: keyId, KeySpec: 'AES_256' }));
    // Other keys, so that the cache and the arena move.
    if (round % 50 === 0) await kms.send(new CreateKeyCommand({}));
    calls += 3;
    if (calls === WARM_CALLS) send({ kind: 'loaded' });
  }
  kms.destroy();
}

let load: Promise<unknown> = Promise.resolve();
process.on('message', (message: ToBoundaryHost) => {
  if (message.kind === 'load') {
    load = Promise.all([1, 2, 3, 4].map(() => work(message.keyId)));
    return;
  }
  running = false;
  void load.then(async () => {
    // Their last use: until here the controls are alive.
    const alive = inBuffer.length + client.slab.length + strings.length;
    await client.close();
    await service.stop();
    send({ kind: 'stopped', calls: alive > 0 ? calls : 0 });
    process.disconnect();
  });
});
send({ kind: 'ready', endpoint: service.endpoint, pid: process.pid });
await service.ended;
