/**
 * The domain clock of a service: kept in the file `clock.json` of its data directory, moved by its operator alone, and each
 * move in the audit log before it is made.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { encodeAuditEvent } from '../audit/audit-log.ts';
import { type Clock, type ClockSetting, DomainClock, wallClock } from '../clock/clock.ts';
import type { DueReport } from '../kms/due/due-work.ts';
import { syncDirectory } from '../store/data-directory.ts';
import type { MetadataStore } from '../store/metadata-store.ts';
import { errorText, isObject } from '../values/unknown.ts';
import { StartError } from './start-error.ts';

/** What the clock shows. */
export interface ClockReport {
  /** ISO 8601. */
  readonly now: string;
  /** What the machine's clock shows. */
  readonly wall: string;
  /** `now` less `wall`, ms. */
  readonly offsetMs: number;
  readonly isFrozen: boolean;
}

/** What the clock shows after a move, and what the move made due. */
export interface ClockMove extends ClockReport {
  readonly dueWork: DueReport;
}

export interface ClockControlOptions {
  readonly clock: DomainClock;
  /** Where it is kept; undefined: nowhere. */
  readonly file: string | undefined;
  /** Takes the audit events: durable before the move. */
  readonly store: Pick<MetadataStore, 'commit'>;
  /** Named by the audit events. */
  readonly region: string;
  /** Does what is due. */
  readonly settle: () => Promise<DueReport>;
  readonly wall?: Clock;
}

/**
 * Opens the clock as it was left. @param file undefined: nothing is kept
 * @throws StartError for a file that is none of ours
 */
export function openDomainClock(file: string | undefined, wall: Clock = wallClock): DomainClock {
  const clock = new DomainClock(wall);
  const setting = file === undefined ? undefined : readSetting(file);
  if (setting !== undefined) clock.apply(setting);
  return clock;
}

/** Moves made one after the other. Never back: a moment that is past is a RangeError. */
export class ClockControl {
  readonly #options: ClockControlOptions;
  readonly #wall: Clock;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ClockControlOptions) {
    this.#options = options;
    this.#wall = options.wall ?? wallClock;
  }

  show(): ClockReport {
    const { clock } = this.#options;
    const wallMs = this.#wall.nowMs();
    const nowMs = clock.nowMs();
    return {
      now: new Date(nowMs).toISOString(),
      wall: new Date(wallMs).toISOString(),
      offsetMs: nowMs - wallMs,
      isFrozen: clock.setting.frozenAtMs !== undefined,
    };
  }

  /** Resolves when what became due is done, or failed. @throws RangeError unless ms is a whole number of at least 0 */
  advance(ms: number): Promise<ClockMove> {
    return this.#move('AdvanceClock', () => this.#options.clock.advanced(ms));
  }

  /** @throws RangeError for a moment that is past */
  set(toMs: number): Promise<ClockMove> {
    const { clock } = this.#options;
    return this.#move('SetClock', () => {
      const aheadMs = toMs - Math.trunc(clock.nowMs());
      if (!Number.isSafeInteger(toMs)) throw new RangeError('not a moment');
      if (aheadMs < 0)
        throw new RangeError(`the clock is never set back: it shows ${this.show().now}`);
      return clock.advanced(aheadMs);
    });
  }

  /** The clock stands still. */
  freeze(): Promise<ClockMove> {
    return this.#move('FreezeClock', () => this.#options.clock.frozen());
  }

  /** It goes on from where it stands. */
  resume(): Promise<ClockMove> {
    return this.#move('ResumeClock', () => this.#options.clock.resumed());
  }

  #move(operation: string, next: () => ClockSetting): Promise<ClockMove> {
    const move = async (): Promise<ClockMove> => {
      const { clock, file, store, region, settle } = this.#options;
      const setting = next();
      const from = new Date(clock.nowMs()).toISOString();
      const toMs = setting.frozenAtMs ?? this.#wall.nowMs() + setting.offsetMs;
      const event = {
        eventType: 'OperatorEvent',
        eventId: randomUUID(),
        timeMs: this.#wall.nowMs(),
        region,
        operation,
        readOnly: false,
        parameters: { from, to: new Date(toMs).toISOString() },
      } as const;
      await store.commit({ changes: [], audit: encodeAuditEvent(event) });
      if (file !== undefined) writeSetting(file, setting);
      clock.apply(setting);
      return { ...this.show(), dueWork: await settle() };
    };
    const done = this.#last.then(move);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

function readSetting(file: string): ClockSetting | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new StartError(`${file} cannot be read: ${errorText(cause)}`, 'REFUSED', { cause });
  }
  const setting = parseSetting(text);
  if (setting === undefined)
    throw new StartError(
      `${file} is not the setting of a clock; without it the domain clock shows the machine's time`,
      'REFUSED',
    );
  return setting;
}

function parseSetting(text: string): ClockSetting | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { format, offsetMs, frozenAtMs } = value;
  const isWhole = (number: unknown): number is number => Number.isSafeInteger(number);
  if (format !== 1 || !isWhole(offsetMs)) return undefined;
  if (frozenAtMs === undefined) return { offsetMs };
  return isWhole(frozenAtMs) && frozenAtMs >= 0 ? { offsetMs, frozenAtMs } : undefined;
}

/** Durable when it returns. */
function writeSetting(file: string, setting: ClockSetting): void {
  const next = `${file}.next`;
  const fd = openSync(next, 'w', 0o600);
  try {
    writeSync(fd, `${JSON.stringify({ format: 1, ...setting })}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(next, file);
  syncDirectory(dirname(file));
}
