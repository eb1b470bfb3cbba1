/**
 * Controls of the memory scan: 32 random-looking bytes that the host plants and the test expects to find. The host
 * has it nowhere but where it is planted: it works with two halves, whose exclusive or a control is.
 */
import { createHash } from 'node:crypto';

export const CONTROL_BYTES = 32;

export const PLANTED = {
  buffer: 'bytes in a Buffer',
  slab: 'bytes in a slab',
  hexString: 'a string of hexadecimal digits',
  base64String: 'a string of base64',
  wideString: 'a string of two bytes a character',
} as const;

export function controlHalves(seed: string, name: string): [Buffer, Buffer] {
  const half = (side: string): Buffer =>
    createHash('sha256').update(`${seed} ${name} ${side}`).digest();
  return [half('one'), half('other')];
}

export function control(seed: string, name: string): Buffer {
  const [one, other] = controlHalves(seed, name);
  return Buffer.from(one.map((byte, index) => byte ^ (other[index] as number)));
}
