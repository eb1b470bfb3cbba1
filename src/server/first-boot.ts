/**
 * First boot of a data directory: makes the device with its PINs and Regions, beside its final place, and renames it
 * there when complete, so a start that was cut off begins again.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Device, Slot } from '../hsm/index.ts';
import { provisionRegion } from '../keystore/provision.ts';
import { openDevice } from '../link/in-process.ts';
import { dataFiles, makeDirectory, syncDirectory } from '../store/data-directory.ts';
import { errorText } from '../values/unknown.ts';
import { type DataDirectory, type HsmDirectory, hsmDirectory } from './data-directory.ts';
import { StartError } from './start-error.ts';
import { makeToken, onlySlot, SLOT_COUNT, type TokenPins } from './token.ts';

export interface FirstBootOptions {
  readonly regions: readonly string[];
  /** Where the SO PIN goes: once, and never again. */
  readonly soPinFile: string;
}

/** Makes the device unless it is there. @returns whether it was made now. @throws StartError, CkrError */
export async function makeDevice(
  directory: DataDirectory,
  options: FirstBootOptions,
): Promise<boolean> {
  if (existsSync(directory.hsm)) {
    rmSync(directory.hsmPartial, { recursive: true, force: true });
    return false;
  }
  refuseLostDevice(directory);
  rmSync(directory.hsmPartial, { recursive: true, force: true });
  mkdirSync(directory.hsmPartial, { mode: 0o700 });
  const hsm = hsmDirectory(directory.hsmPartial);
  let pins: TokenPins;
  {
    await using device = await openHsm(hsm, true);
    pins = await makeToken(await onlySlot(device), options.regions);
  }
  writePrivateFile(hsm.userPin, pins.userPin, 'wx');
  handOverSoPin(options.soPinFile, pins.soPin);
  syncDirectory(directory.hsmPartial);
  renameSync(directory.hsmPartial, directory.hsm);
  syncDirectory(directory.root);
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
  let soPin: string;
  try {
    soPin = readPin(soPinFile);
  } catch {
    throw new StartError(
      `${regions.join(', ')}: a Region that is new, or that an older version made, needs the security officer, whose PIN is not in ${soPinFile}; name its file with --so-pin-file`,
      'FAILED',
    );
  }
  for (const region of regions) await provisionRegion({ slot, soPin, userPin, region });
}

/** Opens the device of a data directory. @throws CkrError */
export function openHsm(hsm: HsmDirectory, create: boolean): Promise<Device> {
  return openDevice({
    flashDirectory: hsm.flash,
    rootDirectory: hsm.root,
    slotCount: SLOT_COUNT,
    create,
  });
}

/** A PIN file's content. @throws StartError naming the file that has none: a try with it would count */
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

/** A PIN left by a first boot that was cut off opens nothing: this one takes its place. */
function handOverSoPin(file: string, soPin: string): void {
  try {
    makeDirectory(dirname(file));
    writePrivateFile(file, soPin, 'w');
  } catch (cause) {
    throw new StartError(
      `the security officer's PIN cannot be written: ${errorText(cause)}`,
      'FAILED',
      {
        cause,
      },
    );
  }
}

function writePrivateFile(file: string, text: string, flags: 'w' | 'wx'): void {
  writeFileSync(file, `${text}\n`, { mode: 0o600, flag: flags, flush: true });
}
