/**
 * The boundary: no key of the device is anywhere in the service's process but in the token's arena and OpenSSL's secure heap,
 * nor in what the service writes. The test knows the keys because it opens the device's files itself, from docs/formats.
 * docs/threat-model.md says what is claimed and what is not; what is not is printed.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CreateKeyCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readAccessKey } from '../../src/access/credentials-file.ts';
import { adminRequest } from '../../src/admin/admin-client.ts';
import { control, PLANTED } from '../support/boundary-controls.ts';
import type { FromBoundaryHost, ToBoundaryHost } from '../support/boundary-host.ts';
import {
  formsOf,
  hmacFormsOf,
  hmacStatesOf,
  type Needle,
  Search,
  scheduleOf,
  textForms,
} from '../support/needles.ts';
import { objectNamed, openFlash, openToken } from '../support/open-flash.ts';
import {
  currentMaterial,
  domainKeyIdOf,
  type OpenedRecord,
  openBlob,
  openKeyToken,
  readRecord,
  recordMac,
} from '../support/open-store.ts';
import {
  type Hit,
  memoryUnavailable,
  type Range,
  readableMappings,
  type Scan,
  scanProcess,
  scanRanges,
  stackPointers,
  summary,
  whileStopped,
} from '../support/process-memory.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { describeUnless } from '../support/tools.ts';

const HOST = fileURLToPath(new URL('../support/boundary-host.ts', import.meta.url));
const region = 'us-east-1';
const accountId = '000000000000';
/** Keys that AES works with here: a cipher context holds the schedule, which begins with the key. */
const aesKeys = ['domain key', 'token object key'];
const statesOfBackingKey = 'backing key at work';
const context = { purpose: 'boundary', ß: 'Straße' };
const plaintext = Buffer.from('what only the backing key opens');
/** Scans of the stopped process under load go on until the deadline, and there are at least so many. */
const stoppedScanCountMin = 2;
const stoppedScansMs = 8_000;
/** RLIMIT_MEMLOCK of most systems: what is left out of the search is small. */
const leftOutBytesMax = 8 << 20;

const of = (hits: readonly Hit[], ...secrets: readonly string[]): Hit[] =>
  hits.filter(({ needle }) => secrets.includes(needle.secret));

describeUnless(await memoryUnavailable(), 'the boundary of a running service', () => {
  const scratch = scratchDirectory();
  const dataDirectory = join(scratch, 'data');
  const seed = randomBytes(8).toString('hex');
  const output = { stdout: '', stderr: '' };
  const secrets = new Map<string, Buffer>();
  /** In the file whose secret it is. */
  const homes = new Map<string, string>();
  const scans: { readonly when: string; readonly isStopped: boolean; readonly scan: Scan }[] = [];
  const stacks: { readonly pointers: readonly bigint[]; readonly scan: Scan }[] = [];
  let host: ChildProcess | undefined;
  let record: OpenedRecord;
  let blob: Uint8Array;
  let search: Search;
  let arena: Range;
  let secureHeap: Range;
  let inArena: Scan;
  let callsWhileScanned = 0;

  const heard = async (kind: FromBoundaryHost['kind']): Promise<FromBoundaryHost> => {
    const [message] = (await once(host as ChildProcess, 'message')) as [FromBoundaryHost];
    expect(message.kind).toBe(kind);
    return message;
  };
  const tell = (message: ToBoundaryHost): void => void host?.send(message);
  const auditLength = (): number => statSync(join(dataDirectory, 'audit.jsonl')).size;
  const everywhere = (): Hit[] => scans.flatMap(({ scan }) => scan.hits);

  async function startHost(): Promise<KMSClient> {
    const flags = ['--port', '0', '--data-dir', dataDirectory, '--threads', '2'];
    const child = fork(HOST, [seed, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: [],
    });
    host = child;
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        output[stream] += text;
      });
    const ended = once(child, 'exit').then(() => {
      throw new Error(`the host ended; it wrote: ${output.stderr}`);
    });
    ended.catch(() => undefined);
    const ready = await Promise.race([heard('ready'), ended]);
    if (ready.kind !== 'ready') throw new Error('the host is not ready');
    const credentials = readAccessKey(join(dataDirectory, 'credentials'));
    return new KMSClient({ endpoint: ready.endpoint, region, credentials });
  }

  /** Learns every secret of the device and the one key, from files and PIN alone. */
  function openEverything(keyId: string): void {
    const hsm = join(dataDirectory, 'hsm');
    const userPin = readFileSync(join(hsm, 'user-pin'), 'utf8').trim();
    const flash = openFlash(hsm);
    const token = openToken(flash, 0, userPin);
    const domainKey = objectNamed(token, `strongroom ${region} domain key`);
    record = readRecord(dataDirectory, 'keys', `${region}/${accountId}/${keyId}`);
    const material = currentMaterial(record);
    expect(domainKey.attributes.get(0x102)?.equals(domainKeyIdOf(material))).toBe(true);
    for (const [name, value] of [
      ['backing key', openKeyToken(domainKey.value, material)],
      ['record MAC key', objectNamed(token, `strongroom ${region} record MAC key`).value],
      ['root secret', flash.rootSecret],
      ['anchor key', flash.anchorKey],
      ['journal key', flash.journalKey],
      ['domain key', domainKey.value],
      ['token object key', token.objectKey],
      ['user PIN', Buffer.from(userPin)],
      ['SO PIN', Buffer.from(readFileSync(`${dataDirectory}.so-pin`, 'utf8').trim())],
    ] as const)
      secrets.set(name, value);
    homes
      .set('root secret', join(hsm, 'root', 'root-secret'))
      .set('user PIN', join(hsm, 'user-pin'));
  }

  function needles(): Needle[] {
    const all = [...secrets].flatMap(([name, value]) => [
      ...formsOf(name, value),
      ...(name.endsWith('PIN') ? [] : hmacFormsOf(name, value)),
    ]);
    for (const name of aesKeys) all.push(scheduleOf(name, secrets.get(name) as Buffer));
    all.push(...hmacStatesOf(statesOfBackingKey, secrets.get('backing key') as Buffer));
    for (const name of Object.values(PLANTED)) all.push(...formsOf(name, control(seed, name)));
    return all;
  }

  function scanStopped(when: string): void {
    const pid = host?.pid as number;
    whileStopped(pid, () => {
      const scan = scanProcess(pid, search, [arena, secureHeap]);
      scans.push({ when, isStopped: true, scan });
      stacks.push({ pointers: stackPointers(pid), scan });
      // In the same moment, so that a key in use cannot have moved.
      inArena = scanRanges(pid, search, [arena]);
    });
  }

  beforeAll(async () => {
    // Its first boot: what it made and handed over, the SO PIN above all, it must not have kept.
    const kms = await startHost();
    const { KeyMetadata } = await kms.send(
      new CreateKeyCommand({ Description: 'the key that is looked for' }),
    );
    const keyId = KeyMetadata?.KeyId ?? '';
    const encrypted = await kms.send(
      new EncryptCommand({ KeyId: keyId, Plaintext: plaintext, EncryptionContext: context }),
    );
    blob = encrypted.CiphertextBlob ?? new Uint8Array(0);
    kms.destroy();
    openEverything(keyId);
    search = new Search(needles());
    const { memory } = (await adminRequest(dataDirectory, 'status')) as {
      memory: Record<'arena' | 'secureHeap', { start: string; length: number }>;
    };
    const range = ({ start, length }: { start: string; length: number }): Range => ({
      start: BigInt(start),
      end: BigInt(start) + BigInt(length),
    });
    [arena, secureHeap] = [range(memory.arena), range(memory.secureHeap)];

    // What making, wrapping, unwrapping and the first use left behind, before anything can overwrite it.
    scanStopped('after the first use');
    tell({ kind: 'load', keyId });
    await heard('loaded');
    const before = auditLength();
    scans.push({
      when: 'running',
      isStopped: false,
      scan: scanProcess(host?.pid as number, search, [arena, secureHeap]),
    });
    callsWhileScanned = auditLength() - before;
    const deadline = performance.now() + stoppedScansMs;
    for (let count = 0; count < stoppedScanCountMin || performance.now() < deadline; count += 1) {
      await sleep(20 + 30 * Math.random());
      scanStopped('stopped under load');
    }
  }, 60_000);

  afterAll(async () => {
    host?.kill('SIGKILL');
  });

  it('opens device, record, key token and blob from docs/formats alone', () => {
    expect(recordMac(secrets.get('record MAC key') as Buffer, record)).toEqual(record.mac);
    const backingKey = secrets.get('backing key') as Buffer;
    expect(backingKey.length).toBe(32);
    expect(openBlob(backingKey, blob, context)).toEqual(plaintext);
    expect(() => openBlob(backingKey, blob, { ...context, purpose: 'another' })).toThrow();
    expect(() => openBlob(randomBytes(32), blob, context)).toThrow();
  });

  it('finds the keys inside the arena, so that the ranges are where keys are', () => {
    expect(Number(arena.end - arena.start + (secureHeap.end - secureHeap.start))).toBeLessThan(
      leftOutBytesMax,
    );
    const raw = new Set(
      inArena.hits.filter(({ needle }) => needle.form === 'raw').map(({ needle }) => needle.secret),
    );
    for (const name of secrets.keys()) if (!name.endsWith('PIN')) expect(raw, name).toContain(name);
    const mappings = readableMappings(host?.pid as number);
    for (const { start, end } of [arena, secureHeap])
      expect(
        mappings.some((mapping) => !mapping.isFile && mapping.start <= start && end <= mapping.end),
      ).toBe(true);
  });

  it('finds what was planted: in a Buffer, in a slab, in strings', () => {
    const forms = new Map([
      [PLANTED.buffer, 'raw'],
      [PLANTED.slab, 'raw'],
      [PLANTED.hexString, 'hex'],
      [PLANTED.base64String, 'base64+0'],
      [PLANTED.wideString, 'hex UTF-16'],
    ]);
    // Not in the scan of the running process: there the garbage collector carries things from where the scan will be to where
    // it has been.
    for (const { when, scan } of scans.filter(({ isStopped }) => isStopped))
      for (const [secret, form] of forms) {
        const found = scan.hits.filter(
          ({ needle }) => needle.secret === secret && needle.form === form,
        );
        expect(found.length, `${secret}, ${when}`).toBeGreaterThan(0);
      }
  });

  it('looked at every page, also of the stacks of all threads, while the key was at work', () => {
    expect(callsWhileScanned).toBeGreaterThan(0);
    for (const { pointers, scan } of stacks) {
      expect(scan.unread).toEqual([]);
      expect(pointers.length).toBeGreaterThan(4);
      for (const pointer of pointers)
        expect(scan.mappings.some(({ start, end }) => start <= pointer && pointer < end)).toBe(
          true,
        );
    }
  });

  it('finds the backing key nowhere outside, nor what HMAC makes of it on the way', () => {
    expect(summary(of(everywhere(), 'backing key'))).toEqual([]);
  });

  it('finds root secret, record MAC key and keys of the flash nowhere outside', () => {
    const names = ['root secret', 'record MAC key', 'anchor key', 'journal key'];
    expect(summary(of(everywhere(), ...names))).toEqual([]);
  });

  it('finds the keys of AES outside as schedules in cipher contexts, and in no other way', () => {
    for (const { scan } of scans) {
      const hits = of(scan.hits, ...aesKeys);
      const schedules = new Set(
        hits.filter(({ needle }) => needle.form === 'schedule').map(({ address }) => address),
      );
      expect(summary(hits.filter(({ address }) => !schedules.has(address)))).toEqual([]);
    }
  });

  it("finds the security officer's PIN nowhere", () => {
    expect(summary(of([...everywhere(), ...inArena.hits], 'SO PIN'))).toEqual([]);
  });

  it('says what is found outside, and not claimed to be absent', () => {
    const { hits, bytes, mappings } = (scans.at(-1) as (typeof scans)[0]).scan;
    const lines = summary(of(hits, ...aesKeys, 'user PIN', statesOfBackingKey));
    const size = `${(bytes / 1e6).toFixed(0)} MB in ${mappings.length} mappings, ${scans.length} times`;
    process.stdout.write(
      `searched ${size}; not claimed, and found:\n${lines.map((line) => `  ${line}\n`).join('')}`,
    );
    // A scan that sees these is one that would see the others.
    expect(lines.length).toBeGreaterThan(0);
  });

  it('finds no secret in files and output but at its home, and does find what is there', async () => {
    tell({ kind: 'stop' });
    const stopped = await heard('stopped');
    expect(stopped.kind === 'stopped' && stopped.calls).toBeGreaterThan(0);
    const material = currentMaterial(record);
    const there = [
      ...formsOf('key token', material.keyToken),
      ...textForms('key id', 'text', material.keyId),
      ...textForms('account', 'text', accountId),
    ];
    const inFiles = new Search([...needles(), ...there]);
    const found = new Map<string, Set<string>>();
    const look = (place: string, bytes: Buffer): void => {
      for (const { needle } of inFiles.in(Buffer.from(new Uint8Array(bytes).buffer)))
        found.set(needle.secret, (found.get(needle.secret) ?? new Set()).add(place));
    };
    const files = readdirSync(dataDirectory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    for (const file of files) look(file, readFileSync(file));
    look('stdout', Buffer.from(output.stdout));
    look('stderr', Buffer.from(output.stderr));

    for (const name of secrets.keys()) {
      const home = homes.get(name);
      expect([...(found.get(name) ?? [])], name).toEqual(home === undefined ? [] : [home]);
    }
    const database = [...(found.get('key token') ?? [])];
    expect(database.some((file) => file.startsWith(join(dataDirectory, 'store.sqlite')))).toBe(
      true,
    );
    expect(found.get('key id')).toContain(join(dataDirectory, 'audit.jsonl'));
    expect(found.get('account')).toContain('stdout');
  });
});
