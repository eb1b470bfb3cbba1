/**
 * Writes FILE.hmac beside a linked FILE: the HMAC-SHA-256 that the module compares with its own bytes before it does
 * any cryptography (native/token/self_test/integrity.h). Run after every link; a module without it refuses to work.
 *
 *   node scripts/write-integrity.mjs FILE...
 */

import { createHmac } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Public and fixed; the same text stands in native/token/self_test/integrity.cc. */
const integrityKey = 'Strongroom module integrity, version 1';

/** One line: 64 lower-case hexadecimal digits. */
export function writeIntegrity(file) {
  const digest = createHmac('sha256', integrityKey).update(readFileSync(file)).digest('hex');
  const unfinished = `${file}.hmac.${process.pid}`;
  writeFileSync(unfinished, `${digest}\n`);
  renameSync(unfinished, `${file}.hmac`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href)
  process.argv.slice(2).forEach(writeIntegrity);
