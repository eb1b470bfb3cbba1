/**
 * The backing keys of a data directory, opened from outside by its published formats: what a program without any of src/ or
 * native/ needs to sign, decrypt or authenticate as the service's keys do.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { objectNamed, openFlash, openToken } from './open-flash.ts';
import { currentMaterial, openKeyToken, readRecord } from './open-store.ts';

/** Kinds of domain keys by their labels: docs/formats/key-token.md. */
const labels = {
  seal: 'domain key',
  mac: 'domain key for MACs',
  sign: 'domain key for signing',
  decrypt: 'domain key for decryption',
} as const;

/** @returns what opens the key with an ARN: a secret's bytes or a private key's PKCS#8 */
export function openBackingKeys(
  dataDirectory: string,
): (arn: string, kind: keyof typeof labels) => Buffer {
  const hsm = join(dataDirectory, 'hsm');
  const token = openToken(openFlash(hsm), 0, readFileSync(join(hsm, 'user-pin'), 'utf8').trim());
  return (arn, kind) => {
    const [, , , region, accountId, resource] = arn.split(':');
    const keyId = resource?.replace('key/', '');
    const material = currentMaterial(
      readRecord(dataDirectory, 'keys', `${region}/${accountId}/${keyId}`),
    );
    return openKeyToken(objectNamed(token, `strongroom ${region} ${labels[kind]}`).value, material);
  };
}
