/**
 * A slot and the token in it (PKCS#11 v3.2 section 5.5).
 */
import { type MechanismName, mechanismName, mechanismNumber } from './attributes.ts';
import { CKF } from './constants.ts';
import type { Device } from './device.ts';
import { withPin } from './pin.ts';
import { Session } from './session.ts';
import { NO_SESSION, type Transport } from './transport.ts';

/** Texts come without their blank padding. Versions are major.minor. */
export interface SlotInfo {
  readonly description: string;
  readonly manufacturer: string;
  readonly flags: number;
  readonly hardwareVersion: string;
  readonly firmwareVersion: string;
}

/** Numbers that the token does not tell are undefined. Memory is in bytes. */
export interface TokenInfo {
  readonly label: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly serialNumber: string;
  readonly flags: number;
  /** CKF_TOKEN_INITIALIZED. */
  readonly initialized: boolean;
  /** CKF_USER_PIN_INITIALIZED. */
  readonly userPinInitialized: boolean;
  readonly maxSessionCount: number | undefined;
  readonly sessionCount: number | undefined;
  readonly maxRwSessionCount: number | undefined;
  readonly rwSessionCount: number | undefined;
  readonly maxPinLength: number | undefined;
  readonly minPinLength: number | undefined;
  readonly totalPublicMemory: number | undefined;
  readonly freePublicMemory: number | undefined;
  readonly totalPrivateMemory: number | undefined;
  readonly freePrivateMemory: number | undefined;
  readonly hardwareVersion: string;
  readonly firmwareVersion: string;
  readonly utcTime: string;
}

/** Key sizes are in the mechanism's own unit (bytes for AES, bits for RSA). */
export interface MechanismInfo {
  readonly minKeySize: number;
  readonly maxKeySize: number;
  readonly flags: number;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8').trimEnd();
const version = (word: number): string => `${word >>> 8}.${word & 0xff}`;
const known = (number: number): number | undefined => (number === -1 ? undefined : number);

export class Slot {
  readonly device: Device;
  /** CK_SLOT_ID. */
  readonly id: number;
  readonly #transport: Transport;

  constructor(device: Device, transport: Transport, id: number) {
    this.device = device;
    this.#transport = transport;
    this.id = id;
  }

  async info(): Promise<SlotInfo> {
    const info = await this.#transport.call('GetSlotInfo', NO_SESSION, { slot: this.id });
    return {
      description: text(info.description),
      manufacturer: text(info.manufacturer),
      flags: info.flags,
      hardwareVersion: version(info.hardwareVersion),
      firmwareVersion: version(info.firmwareVersion),
    };
  }

  async tokenInfo(): Promise<TokenInfo> {
    const info = await this.#transport.call('GetTokenInfo', NO_SESSION, { slot: this.id });
    return {
      label: text(info.label),
      manufacturer: text(info.manufacturer),
      model: text(info.model),
      serialNumber: text(info.serialNumber),
      flags: info.flags,
      initialized: (info.flags & CKF.CKF_TOKEN_INITIALIZED) !== 0,
      userPinInitialized: (info.flags & CKF.CKF_USER_PIN_INITIALIZED) !== 0,
      maxSessionCount: known(info.maxSessionCount),
      sessionCount: known(info.sessionCount),
      maxRwSessionCount: known(info.maxRwSessionCount),
      rwSessionCount: known(info.rwSessionCount),
      maxPinLength: known(info.maxPinLength),
      minPinLength: known(info.minPinLength),
      totalPublicMemory: known(info.totalPublicMemory),
      freePublicMemory: known(info.freePublicMemory),
      totalPrivateMemory: known(info.totalPrivateMemory),
      freePrivateMemory: known(info.freePrivateMemory),
      hardwareVersion: version(info.hardwareVersion),
      firmwareVersion: version(info.firmwareVersion),
      utcTime: text(info.utcTime),
    };
  }

  async mechanisms(): Promise<(MechanismName | number)[]> {
    const { mechanisms } = await this.#transport.call('GetMechanismList', NO_SESSION, {
      slot: this.id,
    });
    return mechanisms.map(mechanismName);
  }

  /** CKR_MECHANISM_INVALID for one the token lacks. */
  async mechanismInfo(mechanism: MechanismName | number): Promise<MechanismInfo> {
    return this.#transport.call('GetMechanismInfo', NO_SESSION, {
      slot: this.id,
      mechanism: mechanismNumber(mechanism),
    });
  }

  /** Makes the token empty, with this SO PIN and a label of up to 32 bytes. CKR_SESSION_EXISTS, CKR_PIN_INCORRECT, CKR_PIN_LOCKED. */
  async initToken(soPin: Uint8Array | string, label: string): Promise<void> {
    const name = Buffer.from(label, 'utf8');
    if (name.length > 32) throw new RangeError('a token label has at most 32 bytes');
    await withPin(soPin, (pin) =>
      this.#transport.call('InitToken', NO_SESSION, { slot: this.id, pin, label: name }),
    );
  }

  /** CKR_SESSION_COUNT, CKR_SESSION_READ_WRITE_SO_EXISTS. */
  async openSession(options: { readWrite?: boolean } = {}): Promise<Session> {
    const flags = CKF.CKF_SERIAL_SESSION | (options.readWrite ? CKF.CKF_RW_SESSION : 0);
    const { session } = await this.#transport.call('OpenSession', NO_SESSION, {
      slot: this.id,
      flags,
    });
    return new Session(this, this.#transport, this.#transport.opened(session));
  }

  /** Closes every session the application has with this token, also those that other threads opened. */
  async closeAllSessions(): Promise<void> {
    await this.#transport.call('CloseAllSessions', NO_SESSION, { slot: this.id });
  }
}
