/**
 * Opens a device's files from outside: root secret, anchor, sealed journal, token and object records. Written from
 * docs/formats/flash.md and docs/formats/token-objects.md over node:crypto, and shares nothing with src/ or native/: what
 * it can open is what those pages say, and whoever holds the directory and the PIN can open it too.
 */
import { createDecipheriv, createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FORMAT_VERSION = 1;
const ANCHOR_SLOT_BYTES = 4096;
const JOURNAL_HEADER_BYTES = 112;
const BATCH_FRAME_BYTES = 60;
const CHANGE_HEADER_BYTES = 24;
const TAG_BYTES = 16;

/** CKA_* numbers that the readers of objects use. */
export const ATTRIBUTE = { label: 0x3, uniqueId: 0x4, value: 0x11, id: 0x102 } as const;

export interface FlashRecord {
  readonly id: bigint;
  readonly slot: number;
  readonly type: number;
  readonly value: Buffer;
}

export interface OpenedFlash {
  readonly rootSecret: Buffer;
  readonly deviceId: Buffer;
  /** Keys that flash itself derives and keeps in use. */
  readonly anchorKey: Buffer;
  readonly journalKey: Buffer;
  /** Batches read, over which the records are what is left. */
  readonly batchCount: number;
  readonly records: readonly FlashRecord[];
}

export interface TokenObject {
  readonly recordId: bigint;
  readonly isPrivate: boolean;
  readonly attributes: ReadonlyMap<number, Buffer>;
  /** CKA_VALUE: for a key, its bytes. */
  readonly value: Buffer;
}

export interface OpenedToken {
  readonly label: string;
  readonly objectKey: Buffer;
  readonly objects: readonly TokenObject[];
}

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`docs/formats: ${what}`);
}

/** HMAC-SHA-256 over the parts, one after the other. */
export function hmac(key: Uint8Array, ...parts: readonly (Uint8Array | string)[]): Buffer {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** SP 800-108r1 counter mode with HMAC-SHA-256, one block of 256 bits; counter and length are 32 bits, big-endian. */
export function derive(key: Uint8Array, label: string, context: Uint8Array): Buffer {
  return hmac(
    key,
    Buffer.from('00000001', 'hex'),
    label,
    Buffer.of(0),
    context,
    Buffer.from('00000100', 'hex'),
  );
}

/** @throws Error when the tag does not fit */
export function openGcm(
  key: Uint8Array,
  iv: Uint8Array,
  additionalData: Uint8Array,
  ciphertext: Uint8Array,
  tag: Uint8Array,
): Buffer {
  const cipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(additionalData).setAuthTag(tag);
  return Buffer.concat([cipher.update(ciphertext), cipher.final()]);
}

/**
 * CKM_STRONGROOM_DERIVE_AES_GCM, opening (docs/formats/blob.md): the message key comes from the first 16 bytes of the
 * nonce, the IV is the other 12.
 */
export function deriveAndOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  additionalData: Uint8Array,
  ciphertext: Uint8Array,
  tag: Uint8Array,
): Buffer {
  const messageKey = derive(key, 'SR message key', nonce.subarray(0, 16));
  return openGcm(messageKey, nonce.subarray(16), additionalData, ciphertext, tag);
}

/** @param hsmDirectory `hsm` in a data directory. @throws Error naming what does not fit */
export function openFlash(hsmDirectory: string): OpenedFlash {
  const rootSecret = readRootSecret(join(hsmDirectory, 'root', 'root-secret'));
  const anchorKey = derive(rootSecret, 'Strongroom flash anchor', Buffer.alloc(0));
  const anchor = readAnchor(join(hsmDirectory, 'root', 'anchor'), anchorKey);
  const journal = readFileSync(join(hsmDirectory, 'flash', `journal-${anchor.generation}`));
  return {
    rootSecret,
    anchorKey,
    deviceId: anchor.deviceId,
    ...readJournal(journal, rootSecret, anchor),
  };
}

function readRootSecret(file: string): Buffer {
  const bytes = readFileSync(file);
  check(
    bytes.length === 80 && bytes.toString('latin1', 0, 8) === 'SRSECRET',
    'no root-secret file',
  );
  check(bytes.readUInt32LE(8) === FORMAT_VERSION, 'version of the root secret');
  check(bytes.readUInt32LE(12) === 32, 'length of the root secret');
  const digest = createHash('sha256').update(bytes.subarray(0, 48)).digest();
  check(digest.equals(bytes.subarray(48)), 'checksum of the root secret');
  return bytes.subarray(16, 48);
}

interface Anchor {
  readonly deviceId: Buffer;
  readonly generation: bigint;
  readonly sequence: bigint;
  readonly chain: Buffer;
  readonly journalLength: bigint;
}

function readAnchor(file: string, anchorKey: Buffer): Anchor {
  const bytes = readFileSync(file);
  let newest: Buffer | undefined;
  let highest = 0n;
  for (const index of [0, 1]) {
    const slot = bytes.subarray(index * ANCHOR_SLOT_BYTES, (index + 1) * ANCHOR_SLOT_BYTES);
    if (slot.length < ANCHOR_SLOT_BYTES) continue;
    const counter = slot.readBigUInt64LE(0);
    const end = 16 + slot.readUInt32LE(8);
    if (end + 32 > slot.length || counter % 2n !== BigInt(index) || counter <= highest) continue;
    const digest = createHash('sha256').update(slot.subarray(0, end)).digest();
    if (!digest.equals(slot.subarray(end, end + 32))) continue;
    newest = slot.subarray(16, end);
    highest = counter;
  }
  check(newest !== undefined && newest.length === 624, 'no whole slot in the anchor file');
  check(newest.toString('latin1', 0, 8) === 'SRANCHOR', 'no anchor');
  check(
    newest.readUInt32LE(8) === FORMAT_VERSION && newest.readUInt32LE(12) === 624,
    'version of the anchor',
  );
  check(
    timingSafeEqual(hmac(anchorKey, newest.subarray(0, 592)), newest.subarray(592)),
    'MAC of the anchor',
  );
  return {
    deviceId: newest.subarray(16, 32),
    generation: newest.readBigUInt64LE(32),
    sequence: newest.readBigUInt64LE(40),
    chain: newest.subarray(48, 64),
    journalLength: newest.readBigUInt64LE(64),
  };
}

/** Up to the end that the anchor names: what a crash left behind it is not ours to judge. */
function readJournal(journal: Buffer, rootSecret: Buffer, anchor: Anchor) {
  const header = journal.subarray(0, JOURNAL_HEADER_BYTES);
  check(header.toString('latin1', 0, 8) === 'SRJOURNL', 'no journal');
  check(
    header.readUInt32LE(8) === FORMAT_VERSION && header.readUInt32LE(12) === JOURNAL_HEADER_BYTES,
    'version of the journal',
  );
  check(header.subarray(16, 32).equals(anchor.deviceId), 'journal of another device');
  check(header.readBigUInt64LE(32) === anchor.generation, 'generation of the journal');
  const headerMac = hmac(
    derive(rootSecret, 'Strongroom flash header', anchor.deviceId),
    header.subarray(0, 80),
  );
  check(timingSafeEqual(headerMac, header.subarray(80)), "MAC of the journal's header");
  const context = Buffer.concat([header.subarray(16, 40), header.subarray(48, 80)]);
  const journalKey = derive(rootSecret, 'Strongroom flash journal', context);

  const records = new Map<bigint, FlashRecord>();
  let sequence = header.readBigUInt64LE(40);
  let chain = headerMac.subarray(0, TAG_BYTES);
  let at = JOURNAL_HEADER_BYTES;
  let batchCount = 0;
  while (sequence < anchor.sequence) {
    const frame = journal.subarray(at, at + BATCH_FRAME_BYTES);
    const end = at + BATCH_FRAME_BYTES + frame.readUInt32LE(0);
    sequence += 1n;
    check(frame.readUInt32LE(4) === 0 && frame.readBigUInt64LE(8) === sequence, 'frame of a batch');
    const [nonce, tag] = [frame.subarray(16, 44), frame.subarray(44)];
    const additionalData = Buffer.concat([chain, frame.subarray(0, 16)]);
    const ciphertext = journal.subarray(at + BATCH_FRAME_BYTES, end);
    applyChanges(deriveAndOpen(journalKey, nonce, additionalData, ciphertext, tag), records);
    chain = tag;
    at = end;
    batchCount += 1;
  }
  check(chain.equals(anchor.chain) && BigInt(at) === anchor.journalLength, 'end of the journal');
  return { journalKey, batchCount, records: [...records.values()] };
}

function applyChanges(batch: Buffer, records: Map<bigint, FlashRecord>): void {
  let at = 4;
  for (let left = batch.readUInt32LE(0); left > 0; left -= 1) {
    const id = batch.readBigUInt64LE(at);
    const [slot, type] = [batch.readUInt32LE(at + 8), batch.readUInt32LE(at + 12)];
    const [operation, length] = [batch.readUInt32LE(at + 16), batch.readUInt32LE(at + 20)];
    at += CHANGE_HEADER_BYTES;
    if (operation === 1)
      records.set(id, { id, slot, type, value: batch.subarray(at, at + length) });
    else {
      check(operation === 2 && length === 0, 'operation of a change');
      records.delete(id);
    }
    at += length;
  }
  check(at === batch.length, 'length of a batch');
}

/** Opens a slot's token with the user PIN. @throws Error for a wrong PIN */
export function openToken(flash: OpenedFlash, slot: number, userPin: string): OpenedToken {
  const records = flash.records.filter((record) => record.slot === slot);
  const [token] = records.filter(({ type }) => type === 1);
  check(token !== undefined && token.value.length === 196, 'no token record');
  check(token.value.readUInt16LE(0) === FORMAT_VERSION, 'version of the token record');
  const objectKey = openPinBlock(flash, slot, token.value.subarray(116), userPin);
  const objects = records
    .filter(({ type }) => type === 2)
    .map((record) => openObject(flash, record, objectKey));
  return { label: token.value.toString('utf8', 4, 36).trimEnd(), objectKey, objects };
}

function openPinBlock(flash: OpenedFlash, slot: number, block: Buffer, userPin: string): Buffer {
  const context = Buffer.concat([u32(slot), Buffer.of(1)]);
  const rootKey = derive(flash.rootSecret, 'Strongroom above flash: strongroom pin', context);
  const salt = block.subarray(0, 16);
  const stretched = pbkdf2Sync(userPin, salt, block.readUInt32LE(16), 32, 'sha256');
  const pinKey = hmac(rootKey, 'strongroom pin', stretched);
  const additionalData = Buffer.concat([
    Buffer.from('strongroom token object key'),
    flash.deviceId,
    context,
    block.subarray(0, 20),
  ]);
  return openGcm(
    pinKey,
    block.subarray(20, 32),
    additionalData,
    block.subarray(32, 64),
    block.subarray(64, 80),
  );
}

function openObject(flash: OpenedFlash, record: FlashRecord, objectKey: Buffer): TokenObject {
  const { id: recordId, value } = record;
  check(value.readUInt16LE(0) === FORMAT_VERSION, 'version of an object record');
  const isPrivate = value.readUInt16LE(2) === 1;
  let body = value.subarray(4);
  if (isPrivate) {
    const id = Buffer.alloc(8);
    id.writeBigUInt64LE(recordId);
    const additionalData = Buffer.concat([
      Buffer.from('strongroom private object'),
      flash.deviceId,
      u32(record.slot),
      id,
      value.subarray(0, 4),
    ]);
    body = openGcm(
      objectKey,
      value.subarray(4, 16),
      additionalData,
      value.subarray(16, -TAG_BYTES),
      value.subarray(-TAG_BYTES),
    );
  }
  const attributes = readAttributes(body);
  return {
    recordId,
    isPrivate,
    attributes,
    value: attributes.get(ATTRIBUTE.value) ?? Buffer.alloc(0),
  };
}

function readAttributes(body: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = 0; at < body.length; ) {
    const end = at + 8 + body.readUInt32LE(at + 4);
    attributes.set(body.readUInt32LE(at), body.subarray(at + 8, end));
    at = end;
  }
  return attributes;
}

/** The one object with this CKA_LABEL. */
export function objectNamed(token: OpenedToken, label: string): TokenObject {
  const found = token.objects.filter(
    ({ attributes }) => attributes.get(ATTRIBUTE.label)?.toString('utf8') === label,
  );
  check(found.length === 1, `${found.length} objects named ${label}`);
  return found[0] as TokenObject;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
