/**
 * First boot: makes the device with its PINs and Regions, and the root credential. Everything of the device is built
 * beside its final place and renamed there when complete, so a start that was cut off begins again.
 */
import { randomInt } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Device, Slot } from '../../hsm/index.ts';
import { provisionRegion } from '../../keystore/provision.ts';
import { openDevice } from '../../link/in-process.ts';
import { dataFiles, makeDirectory, syncDirectory } from '../../store/data-directory.ts';
import { CommandError, EXIT } from '../exit.ts';
import { type DataDirectory, type HsmDirectory, hsmDirectory } from './data-directory.ts';

const PIN_DIGITS = 16;
const TOKEN_LABEL = 'strongroom';
const SLOT_COUNT = 1;

export interface FirstBootOptions {
  readonly regions: readonly string[];
  /** Where the SO PIN goes: once, and never again. */
  readonly soPinFile: string;
}

/** Makes the device unless it is there. @returns whether it was made now. @throws CommandError, CkrError */
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
  const [soPin, userPin] = [newPin(), newPin()];
  {
    await using device = await openHsm(hsm, true);
    const slot = await onlySlot(device);
    await slot.initToken(soPin, TOKEN_LABEL);
    {
      await using session = await slot.openSession({ readWrite: true });
      await session.login('so', soPin);
      await session.initPin(userPin);
      await session.logout();
    }
    for (const region of options.regions) await provisionRegion({ slot, soPin, userPin, region });
  }
  writePrivateFile(hsm.userPin, userPin, 'wx');
  handOverSoPin(options.soPinFile, soPin);
  syncDirectory(directory.hsmPartial);
  renameSync(directory.hsmPartial, directory.hsm);
  syncDirectory(directory.root);
  return true;
}

/** Records are made after the device, so they tell of one that was here: another in its place opens none of them. */
function refuseLostDevice({ root, hsm }: DataDirectory): void {
  for (const name of [dataFiles.database, dataFiles.head]) {
    if (!existsSync(join(root, name))) continue;
    throw new CommandError(
      `${hsm} is missing, but ${name} of its keys is there. Restore the data directory from a copy`,
      EXIT.dataDirectoryRefused,
    );
  }
}

/** Makes Regions that the device does not have yet. Needs the SO PIN. @throws CommandError, CkrError */
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
    throw new CommandError(
      `${regions.join(', ')}: a new Region needs the security officer, whose PIN is not in ${soPinFile}; name its file with --so-pin-file`,
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

/** The one slot the service uses. */
export async function onlySlot(device: Device): Promise<Slot> {
  const [slot] = await device.slots();
  if (slot === undefined)
    throw new CommandError('the device has no slot', EXIT.dataDirectoryRefused);
  return slot;
}

/** A PIN file's content. @throws CommandError naming the file that has none: a try with it would count */
export function readPin(file: string): string {
  let pin: string;
  try {
    pin = readFileSync(file, 'utf8').trim();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`${file} cannot be read: ${reason}`, EXIT.dataDirectoryRefused, {
      cause,
    });
  }
  if (pin === '') throw new CommandError(`${file} holds no PIN`, EXIT.dataDirectoryRefused);
  return pin;
}

function newPin(): string {
  return Array.from({ length: PIN_DIGITS }, () => randomInt(10)).join('');
}

/** A PIN left by a first boot that was cut off opens nothing: this one takes its place. */
function handOverSoPin(file: string, soPin: string): void {
  try {
    makeDirectory(dirname(file));
    writePrivateFile(file, soPin, 'w');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(
      `the security officer's PIN cannot be written: ${reason}`,
      EXIT.failure,
      { cause },
    );
  }
}

function writePrivateFile(file: string, text: string, flags: 'w' | 'wx'): void {
  const descriptor = openSync(file, flags, 0o600);
  try {
    writeSync(descriptor, `${text}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
