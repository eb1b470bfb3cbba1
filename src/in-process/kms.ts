/**
 * A KMS of one's own inside a process: for tests, and for programs that want no server beside them.
 */
import { type AccessKey, isAccountId } from '../access/principal.ts';
import type { Clock } from '../clock/clock.ts';
import { ClockControl, openDomainClock } from '../server/domain-clock.ts';
import { dueFailureText, openDueWork } from '../server/due-work.ts';
import type { Durability } from '../server/durability.ts';
import { type FoundationOptions, openEphemeral, openKept } from '../server/foundation.ts';
import { faultText, openKms } from '../server/kms.ts';
import { DEFAULT_REGION, isRegionName } from '../server/names.ts';
import { soPinFileDefault } from '../server/so-pin.ts';
import { InProcessHandler } from './handler.ts';

/** A fault of the KMS's own. Never holds plaintext, ciphertext or key material. */
export interface InProcessFault {
  readonly requestId: string;
  readonly operation: string | undefined;
  readonly error: unknown;
}

export interface InProcessOptions {
  /** Keep nothing: store and device live in memory. Either this or `dataDirectory`. */
  readonly ephemeral?: boolean;
  /** Keep everything here, as `strongroom serve --data-dir` does; one owner at a time. */
  readonly dataDirectory?: string;
  /** Where the security officer's PIN is written at first boot, and read when a Region is added. Default `<dataDirectory>.so-pin`. */
  readonly soPinFile?: string;
  /** What survives a power cut; with dataDirectory. Default: process-crash. */
  readonly durability?: Durability;
  /** Default us-east-1; the first is the one of clientConfig. */
  readonly regions?: readonly string[];
  /** 12 digits. Default: the account of the data directory, 000000000000 in a new one. */
  readonly account?: string;
  /** What the domain clock follows; `clock` moves it from there. Default: the machine's clock. */
  readonly domainClock?: Clock;
  /** Told of what would be a server's log of its own faults. Default: a process warning. */
  readonly onFault?: (fault: InProcessFault) => void;
}

/** What an SDK client is made with. */
export interface InProcessClientConfig {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: AccessKey;
  readonly requestHandler: InProcessHandler;
}

export interface InProcessKms extends AsyncDisposable {
  readonly requestHandler: InProcessHandler;
  /** A name that never resolves (RFC 6761): a client without the handler goes nowhere. */
  readonly endpoint: string;
  readonly region: string;
  readonly regions: readonly string[];
  readonly accountId: string;
  /** The account root's. */
  readonly credentials: AccessKey;
  /** Dates keys, and what becomes due: `await kms.clock.advance({ days: 30 })`. Never set back. */
  readonly clock: InProcessClock;
  /** `new KMSClient({ ...kms.clientConfig })` */
  readonly clientConfig: InProcessClientConfig;
  /** Waits for what is under way, then closes everything. Calls after it are refused. Idempotent. */
  close(): Promise<void>;
}

/** A time; its members add up. */
export interface Duration {
  readonly days?: number;
  readonly hours?: number;
  readonly minutes?: number;
  readonly seconds?: number;
  readonly milliseconds?: number;
}

/** Each move resolves when what it made due is done, to what the clock shows then. */
export interface InProcessClock {
  now(): Date;
  /** @throws RangeError for a negative time, and beyond the year 9999 */
  advance(time: Duration): Promise<Date>;
  /** @throws RangeError for a moment that is past */
  set(moment: Date): Promise<Date>;
  /** It stands still. */
  freeze(): Promise<Date>;
  /** It goes on from where it stands. */
  resume(): Promise<Date>;
}

const ENDPOINT = 'http://in-process.invalid';

/**
 * Opens a KMS. In memory it takes a few milliseconds; any number stand side by side and know nothing of each other.
 * @throws TypeError for options that make no sense; StartError, DataDirectoryError, CkrError
 */
export async function createInProcessKms(options: InProcessOptions): Promise<InProcessKms> {
  const { ephemeral = false, dataDirectory, soPinFile, durability, account, domainClock } = options;
  const { onFault = (fault) => process.emitWarning(faultText(fault), 'StrongroomFault') } = options;
  const regions = [...new Set(options.regions ?? [DEFAULT_REGION])];
  const [region] = regions;
  if (region === undefined || !regions.every(isRegionName))
    throw new TypeError('regions takes at least one Region such as us-east-1, and nothing else');
  if (account !== undefined && !isAccountId(account))
    throw new TypeError('account takes 12 digits');
  const kept = soPinFile ?? durability;
  if (ephemeral === (dataDirectory !== undefined) || (ephemeral && kept !== undefined))
    throw new TypeError('an in-process KMS is either ephemeral or has a dataDirectory');

  await using opened = new AsyncDisposableStack();
  const wanted: FoundationOptions = { regions, accountId: account, dev: false };
  const foundation = opened.use(
    dataDirectory === undefined
      ? await openEphemeral(wanted)
      : await openKept(
          {
            directory: dataDirectory,
            durability,
            soPinFile: soPinFile ?? soPinFileDefault(dataDirectory),
          },
          wanted,
        ),
  );
  const { device, userPin, credential, sessionKey } = foundation;
  const file = foundation.data?.directory.clock;
  const clock = openDomainClock(file, domainClock);
  const store = foundation.openStore();
  const kms = opened.use(
    await openKms(
      { regions, credential, dev: false, userPin, sessionKey, serverTiming: false },
      { device, store, domainClock: clock, onFault },
    ),
  );
  const dueWork = opened.use(
    await openDueWork({
      regions: kms.regions,
      store,
      domainClock: clock,
      onDestroyed: (key) => kms.forget(key),
      onFailure: (failure) => process.emitWarning(dueFailureText(failure), 'StrongroomFault'),
    }),
  );
  const settle = () => dueWork.settle();
  const control = new ClockControl({
    ...{ clock, file, store, region, settle },
    ...(domainClock && { wall: domainClock }),
  });
  dueWork.start();
  const requestHandler = new InProcessHandler(kms.handler);
  opened.defer(() => requestHandler.close());
  const parts = opened.move();
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= parts.disposeAsync();
    return closing;
  };
  const { accessKeyId, secretAccessKey, accountId } = credential;
  const credentials = { accessKeyId, secretAccessKey };
  return {
    requestHandler,
    endpoint: ENDPOINT,
    region,
    regions,
    accountId,
    credentials,
    clock: inProcessClock(clock, control),
    clientConfig: { endpoint: ENDPOINT, region, credentials, requestHandler },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function inProcessClock(clock: Clock, control: ClockControl): InProcessClock {
  const now = (): Date => new Date(clock.nowMs());
  return {
    now,
    advance: (time) => control.advance(milliseconds(time)).then(now),
    set: (moment) => control.set(moment.getTime()).then(now),
    freeze: () => control.freeze().then(now),
    resume: () => control.resume().then(now),
  };
}

function milliseconds(time: Duration): number {
  const { days = 0, hours = 0, minutes = 0, seconds = 0, milliseconds: rest = 0 } = time;
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + rest;
}
