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
  /** For the operator alone: whoever is given it wipes it. */
  readonly soPin: Uint8Array;
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
  const pins = { soPin: newPin(), userPin: Buffer.from(newPin()).toString('latin1') };
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

/** Decimal digits, ASCII. In memory of its own: what is short and on V8's heap is moved, and leaves copies behind. */
function newPin(): Uint8Array {
  const pin = new Uint8Array(new ArrayBuffer(PIN_DIGITS));
  for (const at of pin.keys()) pin[at] = 0x30 + randomInt(10);
  return pin;
}
