/**
 * Kinds of keys that `strongroom hsm generate` makes: one row each.
 */
import type { KeyPairMechanism, Template } from '../../hsm/index.ts';
import { oneOf } from '../arguments.ts';
import { UsageError } from '../exit.ts';

/** CKA_EC_PARAMS: the curve's name, DER (v3.2, 6.3.3). */
const CURVES = {
  'P-256': '06082a8648ce3d030107',
  'P-384': '06052b81040022',
  'P-521': '06052b81040023',
  secp256k1: '06052b8104000a',
} as const;
const CURVE_NAMES = Object.keys(CURVES) as (keyof typeof CURVES)[];

/** The curve's name where it is one of ours; else its object identifier, DER in hexadecimal. */
export function curveName(parameters: Uint8Array): string {
  const der = Buffer.from(parameters).toString('hex');
  return CURVE_NAMES.find((name) => CURVES[name] === der) ?? der;
}

/** How large, from the command line. */
export interface SizeValues {
  readonly bits?: string | undefined;
  readonly curve?: string | undefined;
}

/** What a key of this kind is made with. */
export type KeyMaking =
  | {
      readonly mechanism: 'CKM_AES_KEY_GEN' | 'CKM_GENERIC_SECRET_KEY_GEN';
      readonly template: Template;
    }
  | { readonly mechanism: KeyPairMechanism; readonly publicTemplate: Template };

interface KeyKind {
  /** For the help: what it is, and its sizes. */
  readonly summary: string;
  /** @throws UsageError */
  making(size: SizeValues): KeyMaking;
}

function bits(values: SizeValues, allowed: readonly number[], usual: number): number {
  if (values.curve !== undefined) throw new UsageError('--curve is for ec');
  return Number(oneOf('--bits', allowed.map(String), values.bits ?? String(usual)));
}

export type KeyKindName = 'aes' | 'generic' | 'rsa' | 'ec';

export const KEY_KINDS: Readonly<Record<KeyKindName, KeyKind>> = {
  aes: {
    summary: 'AES, --bits 128, 192 or 256 (256)',
    making: (size) => ({
      mechanism: 'CKM_AES_KEY_GEN',
      template: { CKA_VALUE_LEN: bits(size, [128, 192, 256], 256) / 8 },
    }),
  },
  generic: {
    summary:
      'a generic secret, for HMAC and derivation, --bits 128, 160, 224, 256, 384 or 512 (256)',
    making: (size) => ({
      mechanism: 'CKM_GENERIC_SECRET_KEY_GEN',
      template: { CKA_VALUE_LEN: bits(size, [128, 160, 224, 256, 384, 512], 256) / 8 },
    }),
  },
  rsa: {
    summary: 'an RSA key pair, --bits 2048, 3072 or 4096 (2048)',
    making: (size) => ({
      mechanism: 'CKM_RSA_PKCS_KEY_PAIR_GEN',
      publicTemplate: { CKA_MODULUS_BITS: bits(size, [2048, 3072, 4096], 2048) },
    }),
  },
  ec: {
    summary: `a key pair on a curve, --curve ${CURVE_NAMES.join(', ')} (P-256)`,
    making: ({ bits: given, curve }) => {
      if (given !== undefined) throw new UsageError('--bits is not for ec: --curve');
      const name = oneOf('--curve', CURVE_NAMES, curve ?? 'P-256');
      return {
        mechanism: 'CKM_EC_KEY_PAIR_GEN',
        publicTemplate: { CKA_EC_PARAMS: Buffer.from(CURVES[name], 'hex') },
      };
    },
  },
};
export const KEY_KIND_NAMES: readonly KeyKindName[] = Object.keys(KEY_KINDS) as KeyKindName[];
