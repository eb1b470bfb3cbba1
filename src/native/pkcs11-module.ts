/**
 * Where libstrongroom-pkcs11.so is: the PKCS#11 module for other programs. This process does not load it.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { prebuildFile } from './load.ts';

const NAME = 'libstrongroom-pkcs11.so';
const root = join(import.meta.dirname, '..', '..');

/** Where the package keeps it for this platform, there or not. */
export function prebuiltModuleFile(): string {
  return join(dirname(prebuildFile()), NAME);
}

/** The one that was built here, or else the one that came with the package. @returns what to do when there is none */
export function moduleFile(): { readonly file: string } | { readonly missing: string } {
  const built = join(root, 'build-pkcs11', NAME);
  const prebuilt = prebuiltModuleFile();
  const file = [built, prebuilt].find((each) => existsSync(each));
  if (file === undefined) {
    return {
      missing: `${prebuilt} did not come with this package; docs/pkcs11.md says how to build it from the sources`,
    };
  }
  // Without its digest it answers CKR_FIPS_SELF_TEST_FAILED to everything.
  if (!existsSync(`${file}.hmac`)) return { missing: `${file} lacks its digest, ${file}.hmac` };
  return { file };
}
