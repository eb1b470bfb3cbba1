/** No published file of what the token can do is left out. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { filesOf } from './wycheproof.ts';

/** Beginnings of the names of files that some test here reads. */
const families = ['aes_gcm_', 'aes_kwp_', 'aes_wrap_', 'ecdsa_', 'hmac_', 'rsa_'];

it('covers every published file of its families', () => {
  const directory = process.env.STRONGROOM_VECTORS;
  const own = join(import.meta.dirname, 'own');
  const published = directory && join(directory, 'wycheproof');
  const folder = !directory ? own : published && existsSync(published) ? published : directory;
  const files = readdirSync(folder).filter(
    (name) => name.endsWith('.json') && families.some((family) => name.startsWith(family)),
  );
  expect(files.sort()).toEqual(filesOf(...families).sort());
});
