/**
 * What a service stands on: a device whose Regions are made, a store, and who its account's root is. Either kept in a
 * data directory, or in memory and gone when closed.
 */
import { generateAccessKey, type RootCredential } from '../access/credentials-file.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Device } from '../hsm/index.ts';
import { missingRegions } from '../keystore/provision.ts';
import { openDevice } from '../link/in-process.ts';
import { type DataDirectoryLock, lockDataDirectory } from '../store/data-directory.ts';
import { startMemoryStore } from '../store/memory-store.ts';
import type { MetadataStore } from '../store/metadata-store.ts';
import type { StoreDescriptor } from '../store/protocol.ts';
import { openStoreClient } from '../store/store-client.ts';
import { type StoreWriter, startStoreWriter } from '../store/store-writer.ts';
import { type DataDirectory, dataDirectory, hsmDirectory } from './data-directory.ts';
import type { Durability } from './durability.ts';
import { addRegions, makeDevice, openHsm, readPin } from './first-boot.ts';
import { DEFAULT_ACCOUNT_ID } from './names.ts';
import { rootCredential } from './root-credential.ts';
import { keptSessionKey, newSessionKey } from './session-key.ts';
import { refuseKeptSoPin } from './so-pin.ts';
import { makeToken, onlySlot, SLOT_COUNT } from './token.ts';

export interface FoundationOptions {
  /** At least one. */
  readonly regions: readonly string[];
  /** 12 digits; undefined: the account there is, 000000000000 in a new place. */
  readonly accountId: string | undefined;
  /** Callers are not checked, so no credentials file is made or read. */
  readonly dev: boolean;
}

/** Audit records of cryptographic operations wait so long for the disk at most, unless they are to survive a power cut. */
const AUDIT_SYNC_MS = 100;

export interface DataOptions {
  readonly directory: string;
  /** Default: process-crash. */
  readonly durability?: Durability | undefined;
  /** Where the security officer's PIN is handed to the operator at first boot, and read when a Region is added. */
  readonly soPinFile: string;
  /** Holds the passphrase of the device's root secret; absent: it has none. */
  readonly rootPassphraseFile?: string | undefined;
}

export interface Foundation extends AsyncDisposable {
  readonly device: Device;
  readonly userPin: string;
  /** With `dev` one for this time only, as good as any other. */
  readonly credential: RootCredential;
  /** What session tokens are sealed under. */
  readonly sessionKey: Uint8Array;
  /** A view of the store for the calling thread. */
  openStore(): MetadataStore & AuditLog;
  /** One for another thread. */
  connect(): StoreDescriptor;
  /** Undefined: all in memory. */
  readonly data: KeptFoundation | undefined;
}

/** What only a foundation in a data directory has. */
export interface KeptFoundation {
  readonly lock: DataDirectoryLock;
  readonly directory: DataDirectory;
  readonly writer: StoreWriter;
  /** The device was made now. */
  readonly isNew: boolean;
  /** The root credential was made now. */
  readonly isNewCredential: boolean;
}

/**
 * Takes a data directory and opens, or makes, what is in it.
 * @throws StartError, DataDirectoryError, CkrError, errors of the file system
 */
export async function openKept(
  { directory: root, soPinFile, durability, rootPassphraseFile }: DataOptions,
  { regions, accountId, dev }: FoundationOptions,
): Promise<Foundation & { readonly data: KeptFoundation }> {
  refuseKeptSoPin(root, soPinFile);
  // In the order of opening; closed in reverse, also when a later part cannot start.
  await using opened = new AsyncDisposableStack();
  const lock = opened.use(lockDataDirectory(root));
  const directory = dataDirectory(lock.directory);
  const isNew = await makeDevice(directory, { regions, soPinFile, rootPassphraseFile });
  const hsm = hsmDirectory(directory.hsm);
  const userPin = readPin(hsm.userPin);
  const device = opened.use(await openHsm(hsm, false, rootPassphraseFile));
  const slot = await onlySlot(device);
  const missing = isNew ? [] : await missingRegions({ slot, userPin, regions });
  if (missing.length > 0) await addRegions(slot, missing, userPin, soPinFile);
  const owner = dev
    ? { credential: newCredential(accountId), isNew: false }
    : rootCredential(directory.credentials, accountId, DEFAULT_ACCOUNT_ID);
  const { serialNumber } = await slot.tokenInfo();
  const auditSyncMs = durability === 'power-loss' ? 0 : AUDIT_SYNC_MS;
  const writer = opened.use(await startStoreWriter({ lock, deviceId: serialNumber, auditSyncMs }));
  const parts = opened.move();
  return {
    device,
    userPin,
    credential: owner.credential,
    sessionKey: keptSessionKey(directory.sessionKey),
    openStore: () => openStoreClient(writer.connect()),
    connect: () => writer.connect(),
    data: { lock, directory, writer, isNew, isNewCredential: owner.isNew },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** Makes everything new in memory. PINs are random and of no use to anybody, so they are not stretched. @throws CkrError */
export async function openEphemeral({
  regions,
  accountId,
}: FoundationOptions): Promise<Foundation & { readonly data: undefined }> {
  await using opened = new AsyncDisposableStack();
  const device = opened.use(
    await openDevice({
      flashDirectory: null,
      slotCount: SLOT_COUNT,
      create: true,
      pinIterations: 1,
    }),
  );
  const { soPin, userPin } = await makeToken(await onlySlot(device), regions);
  // Nobody will be this device's security officer again: it keeps the Regions and domain keys that it has.
  soPin.fill(0);
  const store = opened.use(startMemoryStore());
  const parts = opened.move();
  return {
    device,
    userPin,
    credential: newCredential(accountId),
    sessionKey: newSessionKey(),
    openStore: () => store.open(),
    connect: () => store.connect(),
    data: undefined,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

function newCredential(accountId: string = DEFAULT_ACCOUNT_ID): RootCredential {
  return { ...generateAccessKey(), accountId };
}
