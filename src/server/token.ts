/**
 * The service's token: the one slot it uses, its PINs, and the Regions made in it.
 */
import { randomInt } from 'node:crypto';
import type { Device, Slot } from '../hsm/index.ts';
import { provisionRegion } from '../keystore/provision.ts';
import { StartError } from './start-error.ts';

/** Slots of a device that the service makes. */
export const SLOT_COUNT = 1;
const TOKEN_LABEL = 'strongroom';
const PIN_DIGITS = 16;

export interface TokenPins {
  readonly soPin: string;
  readonly userPin: string;
}

/** The one slot the service uses. @throws StartError */
export async function onlySlot(device: Device): Promise<Slot> {
  const [slot] = await device.slots();
  if (slot === undefined) throw new StartError('the device has no slot', 'REFUSED');
  return slot;
}

/** Initialises the token with new PINs and makes its Regions. @throws CkrError */
export async function makeToken(slot: Slot, regions: readonly string[]): Promise<TokenPins> {
  const pins = { soPin: newPin(), userPin: newPin() };
  await slot.initToken(pins.soPin, TOKEN_LABEL);
  {
    await using session = await slot.openSession({ readWrite: true });
    await session.login('so', pins.soPin);
    await session.initPin(pins.userPin);
    await session.logout();
  }
  for (const region of regions) await provisionRegion({ slot, ...pins, region });
  return pins;
}

function newPin(): string {
  return Array.from({ length: PIN_DIGITS }, () => randomInt(10)).join('');
}
