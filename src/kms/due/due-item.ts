/**
 * A piece of work with a date: a record of table `due`. Its primary key begins with the date, so the store keeps all of
 * them in the order in which they are to be done; what is due at the same moment goes by kind, Region, account, subject.
 */
import type { Mac } from '../../keystore/key-store.ts';
import { RecordIntegrityError, sealRecord, verifyRecord } from '../../keystore/record-mac.ts';
import type { Change, StoredRecord } from '../../store/metadata-store.ts';

export interface DueItem {
  /** domainClock, milliseconds since the epoch. */
  readonly dueAtMs: number;
  /** What is to be done: letters and digits. */
  readonly kind: string;
  readonly region: string;
  readonly accountId: string;
  /** What it is to be done to: a key id. */
  readonly subject: string;
}

const format = 1;
/** Decimal digits of the date: enough for every Date there is. */
const dateDigits = 16;
const keyPattern = /^(\d{16}) ([A-Za-z0-9]+) ([^/]+)\/([^/]+)\/(.+)$/;

export function dueKey({ dueAtMs, kind, region, accountId, subject }: DueItem): string {
  if (!Number.isSafeInteger(dueAtMs) || dueAtMs < 0)
    throw new RangeError(`dueAtMs must be an integer of at least 0, got ${dueAtMs}`);
  return `${String(dueAtMs).padStart(dateDigits, '0')} ${kind} ${region}/${accountId}/${subject}`;
}

/** Undefined for a primary key that no item has. */
export function parseDueKey(key: string): DueItem | undefined {
  const [, date, kind, region, accountId, subject] = keyPattern.exec(key) ?? [];
  if (!kind || !region || !accountId || !subject) return undefined;
  return { dueAtMs: Number(date), kind, region, accountId, subject };
}

/** The due work of one Region. */
export class DueRepository {
  readonly #mac: Mac;

  /** @param mac of the Region's domain */
  constructor(mac: Mac) {
    this.#mac = mac;
  }

  /** The change that puts an item on the list. There must not be the same one already. */
  async arm(item: DueItem): Promise<Change> {
    const body = Buffer.from(JSON.stringify({ format }));
    const record = { table: 'due', key: dueKey(item), version: 1, body } as const;
    return { kind: 'put', ...(await sealRecord(this.#mac, record)) };
  }

  /** The change that takes an item off the list: done, or called off. */
  disarm(item: DueItem): Change {
    return { kind: 'delete', table: 'due', key: dueKey(item), version: 1 };
  }

  /** @throws RecordIntegrityError */
  async verify(record: StoredRecord): Promise<void> {
    await verifyRecord(this.#mac, record);
    const { format: found } = JSON.parse(Buffer.from(record.body).toString('utf8'));
    if (found !== format) throw new RecordIntegrityError(record, `unknown body format ${found}`);
  }
}
