/**
 * First boot of a data directory: makes the device with its PINs and Regions, beside its final place, and renames it
 * there when complete, so a start that was cut off begins again.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CkrError, type Device, type Slot } from '../hsm/index.ts';
import { provisionRegion } from '../keystore/provision.ts';
import { openDevice } from '../link/in-process.ts';
import { dataFiles, syncDirectory } from '../store/data-directory.ts';
import { errorText } from '../values/unknown.ts';
import { type DataDirectory, type HsmDirectory, hsmDirectory } from './data-directory.ts';
import { withRootPassphrase } from './root-passphrase.ts';
import { SoPinHandOver, withSoPin } from './so-pin.ts';
import { StartError } from './start-error.ts';
import { makeToken, onlySlot, SLOT_COUNT } from './token.ts';

export interface FirstBootOptions {
  readonly regions: readonly string[];
  /** Where the SO PIN goes: once, and never again. */
  readonly soPinFile: string;
  /** Holds the passphrase of the root secret; absent: it has none. */
  readonly rootPassphraseFile?: string | undefined;
}

/** Makes the device unless it is there. @returns whether it was made now. @throws StartError, CkrError */
export async function makeDevice(
  directory: DataDirectory,
  options: FirstBootOptions,
): Promise<boolean> {
  if (existsSync(directory.hsm)) {
    rmSync(directory.hsmPartial, { recursive: true, force: true });
    rmSync(directory.soPinMark, { force: true });
    return false;
  }
  refuseLostDevice(directory);
  const handOver = new SoPinHandOver(options.soPinFile, directory.soPinMark);
  rmSync(directory.hsmPartial, { recursive: true, force: true });
  mkdirSync(directory.hsmPartial, { mode: 0o700 });
  const hsm = hsmDirectory(directory.hsmPartial);
  await using device = await openHsm(hsm, true, options.rootPassphraseFile);
  const { soPin, userPin } = await makeToken(await onlySlot(device), options.regions);
  try {
    writeFileSync(hsm.userPin, `${userPin}\n`, { mode: 0o600, flag: 'wx', flush: true });
    handOver.write(soPin);
  } finally {
    soPin.fill(0);
  }
  await device.close();
  syncDirectory(directory.hsmPartial);
  renameSync(directory.hsmPartial, directory.hsm);
  syncDirectory(directory.root);
  handOver.done();
  return true;
}

/** Records are made after the device, so they tell of one that was here: another in its place opens none of them. */
function refuseLostDevice({ root, hsm }: DataDirectory): void {
  for (const name of [dataFiles.database, dataFiles.head]) {
    if (!existsSync(join(root, name))) continue;
    throw new StartError(
      `${hsm} is missing, but ${name} of its keys is there. Restore the data directory from a copy`,
      'REFUSED',
    );
  }
}

/** Makes Regions that the device does not have yet. Needs the SO PIN. @throws StartError, CkrError */
export async function addRegions(
  slot: Slot,
  regions: readonly string[],
  userPin: string,
  soPinFile: string,
): Promise<void> {
  const what = `${regions.join(', ')}: a Region that is new, or that an older version made,`;
  await withSoPin(soPinFile, what, async (soPin) => {
    for (const region of regions) await provisionRegion({ slot, soPin, userPin, region });
  });
}

/** Opens the device of a data directory. @throws StartError (the passphrase), CkrError */
export async function openHsm(
  hsm: HsmDirectory,
  create: boolean,
  rootPassphraseFile?: string,
): Promise<Device> {
  return withRootPassphrase(rootPassphraseFile, async (rootPassphrase) => {
    try {
      return await openDevice({
        flashDirectory: hsm.flash,
        rootDirectory: hsm.root,
        slotCount: SLOT_COUNT,
        create,
        rootPassphrase,
      });
    } catch (cause) {
      if (!(cause instanceof CkrError) || cause.ckr !== 'CKR_PIN_INVALID') throw cause;
      const why =
        rootPassphraseFile === undefined
          ? 'is under a passphrase: name its file with --root-passphrase-file'
          : `does not open with the passphrase in ${rootPassphraseFile}: it has another one, or none`;
      throw new StartError(
        `the root secret in ${hsm.root} ${why}. Nothing was changed`,
        'REFUSED',
        {
          cause,
        },
      );
    }
  });
}

/** The user PIN in its file. @throws StartError naming the file that has none: a try with it would count */
export function readPin(file: string): string {
  let pin: string;
  try {
    pin = readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new StartError(`${file} cannot be read: ${errorText(cause)}`, 'REFUSED', {
      cause,
    });
  }
  if (pin === '') throw new StartError(`${file} holds no PIN`, 'REFUSED');
  return pin;
}
