/**
 * What every `hsm` command that opens a device does: find it, open it, find the slot, log in, and say what went wrong.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CkrError, type Device, type Session, type Slot, type TokenInfo } from '../../hsm/index.ts';
import { openDevice } from '../../link/in-process.ts';
import { errorText } from '../../values/unknown.ts';
import { integer } from '../arguments.ts';
import { CommandError, EXIT, UsageError } from '../exit.ts';
import { withProgress } from '../progress.ts';
import { DEVICE_TROUBLE } from '../serve/command-error.ts';
import { PIN_HELP, PINS, type PinValues, readPin } from './pin-source.ts';
import { findPlace, type Place } from './place.ts';

export const DEVICE_FLAGS = { directory: { type: 'string' } } as const;

export const DEVICE_HELP: string = `\
  --directory DIR     the device's directory: it holds flash/ and root/
                      (STRONGROOM_TOKEN_DIR, the library's configuration, ~/.local/share/strongroom/token)
`;

export const SLOT_FLAGS = {
  directory: { type: 'string' },
  slot: { type: 'string' },
  token: { type: 'string' },
} as const;

export const SLOT_HELP: string = `${DEVICE_HELP}\
  --slot N            the slot, as PKCS#11 programs number it    (the one with an initialized token)
  --token LABEL       the slot whose token has this label
`;

/** Of commands that log in as the user. */
export const USER_FLAGS = {
  directory: { type: 'string' },
  slot: { type: 'string' },
  token: { type: 'string' },
  'pin-file': { type: 'string' },
} as const;
export const USER_HELP: string = `${SLOT_HELP}${PIN_HELP.user}`;

export interface SlotValues {
  readonly directory?: string | undefined;
  readonly slot?: string | undefined;
  readonly token?: string | undefined;
}

/** A slot, its place in the list (what PKCS#11 programs call its id), and what its token says of itself. */
export interface NumberedSlot {
  readonly slot: Slot;
  readonly number: number;
  readonly token: TokenInfo;
}

/**
 * Opens the device for as long as `use` takes.
 * @param create make an empty one where there is none
 * @throws CommandError where the trouble is one that people can mend
 */
export async function withDevice<T>(
  values: SlotValues,
  create: boolean,
  use: (device: Device, place: Place) => Promise<T>,
): Promise<T> {
  const place = findPlace(values.directory);
  try {
    if (create) mkdirSync(place.directory, { recursive: true, mode: 0o700 });
    await using device = await openDevice({
      flashDirectory: join(place.directory, 'flash'),
      rootDirectory: join(place.directory, 'root'),
      slotCount: place.slotCount,
      create,
      // As libstrongroom-pkcs11.so does: programs may have it open meanwhile.
      shared: true,
    });
    return await use(device, place);
  } catch (error) {
    throw hsmError(error, place);
  }
}

export async function numberedSlots(device: Device): Promise<NumberedSlot[]> {
  const slots = await device.slots();
  return Promise.all(
    slots.map(async (slot, number) => ({ slot, number, token: await slot.tokenInfo() })),
  );
}

/** Which slot is meant. @throws UsageError */
export function chooseSlot(
  slots: readonly NumberedSlot[],
  { slot, token }: Pick<SlotValues, 'slot' | 'token'>,
): NumberedSlot {
  if (slot !== undefined && token !== undefined)
    throw new UsageError('--slot and --token say the same thing: one of them');
  if (slot !== undefined) {
    const found = slots[integer('--slot', slot, 0, slots.length - 1)];
    if (found !== undefined) return found;
  }
  const matching = slots.filter((each) =>
    token === undefined ? each.token.initialized : each.token.label === token,
  );
  const [first] = matching;
  const what = token === undefined ? 'initialized token' : `token labelled ${token}`;
  if (first === undefined)
    throw new CommandError(`the device has no ${what}; strongroom hsm init makes one`);
  if (matching.length > 1)
    throw new UsageError(`${matching.length} slots have such a token (${what}): --slot says which`);
  return first;
}

/** Runs `use` with the slot that was chosen. */
export function withSlot<T>(
  values: SlotValues,
  use: (chosen: NumberedSlot) => Promise<T>,
): Promise<T> {
  return withDevice(values, false, async (device) =>
    use(chooseSlot(await numberedSlots(device), values)),
  );
}

/** Runs `use` in a session of the user. The PIN is asked for before the session opens, and wiped after the login. */
export function withUser<T>(
  values: SlotValues & PinValues,
  readWrite: boolean,
  use: (session: Session, chosen: NumberedSlot) => Promise<T>,
): Promise<T> {
  return withSlot(values, async (chosen) => {
    using pin = await readPin(PINS.user, values);
    await using session = await chosen.slot.openSession({ readWrite });
    await withProgress('logging in', () => session.login('user', pin.bytes));
    return await use(session, chosen);
  });
}

const TROUBLE: Readonly<Record<string, string>> = {
  ...DEVICE_TROUBLE,
  CKR_TOKEN_NOT_PRESENT: 'there is no device; strongroom hsm init makes one',
  CKR_TOKEN_NOT_RECOGNIZED: 'the token is not initialized; strongroom hsm init does that',
  CKR_PIN_INCORRECT: 'the PIN is wrong; each wrong one counts',
  CKR_PIN_LOCKED: 'the PIN is locked; strongroom hsm pin unlock gives the user a new one',
  CKR_PIN_LEN_RANGE: 'a PIN has 4 to 255 bytes',
  CKR_PIN_INVALID: 'a PIN is UTF-8 text',
  CKR_USER_PIN_NOT_INITIALIZED: 'the user has no PIN yet; strongroom hsm pin set gives one',
  CKR_SESSION_COUNT: 'the token has as many sessions open as it may',
  CKR_SESSION_EXISTS: 'another program has a session with the token',
  CKR_ACTION_PROHIBITED: 'the object says that this may not be done to it',
};

/** @returns a CommandError where the trouble is one that people can mend; else the error itself */
export function hsmError(error: unknown, { directory }: Place): unknown {
  const { syscall } = error as NodeJS.ErrnoException;
  if (syscall !== undefined) return new CommandError(errorText(error), undefined, { cause: error });
  if (!(error instanceof CkrError)) return error;
  const trouble = TROUBLE[error.ckr] ?? error.message;
  const code = error.ckr === 'CKR_STRONGROOM_FLASH_IN_USE' ? EXIT.dataDirectoryInUse : EXIT.failure;
  return new CommandError(`the device in ${directory}: ${trouble}`, code, { cause: error });
}
