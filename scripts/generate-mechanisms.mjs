/**
 * Writes the table of mechanisms in docs/pkcs11.md from what the token answers: C_GetMechanismList and
 * C_GetMechanismInfo of a device in memory, by the addon. With --check it only compares and exits 1 on a difference.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, MECHANISM_CLAUSES } from '../native/cryptoki/table.mjs';
import { openDevice } from '../src/link/in-process.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const path = join(root, 'docs/pkcs11.md');
const begin = '<!-- mechanisms: written by scripts/generate-mechanisms.mjs -->';
const end = '<!-- end of mechanisms -->';

/** The flags of CK_MECHANISM_INFO that say what a mechanism does, as columns say it. */
const FUNCTIONS = {
  CKF_ENCRYPT: 'encrypt',
  CKF_DECRYPT: 'decrypt',
  CKF_MESSAGE_ENCRYPT: 'message encrypt',
  CKF_MESSAGE_DECRYPT: 'message decrypt',
  CKF_DIGEST: 'digest',
  CKF_SIGN: 'sign',
  CKF_SIGN_RECOVER: 'sign recover',
  CKF_VERIFY: 'verify',
  CKF_VERIFY_RECOVER: 'verify recover',
  CKF_MESSAGE_SIGN: 'message sign',
  CKF_MESSAGE_VERIFY: 'message verify',
  CKF_GENERATE: 'generate',
  CKF_GENERATE_KEY_PAIR: 'generate key pair',
  CKF_WRAP: 'wrap',
  CKF_UNWRAP: 'unwrap',
  CKF_DERIVE: 'derive',
  CKF_ENCAPSULATE: 'encapsulate',
  CKF_DECAPSULATE: 'decapsulate',
};

async function mechanisms() {
  const device = await openDevice({
    flashDirectory: null,
    slotCount: 1,
    create: true,
    pinIterations: 1,
  });
  try {
    const [slot] = await device.slots();
    await slot.initToken('so pin of the table', 'table');
    const listed = [];
    for (const name of await slot.mechanisms())
      listed.push({ name, ...(await slot.mechanismInfo(name)) });
    return listed;
  } finally {
    await device.close();
  }
}

function row({ name, minKeySize, maxKeySize, flags }) {
  const clause = MECHANISM_CLAUSES.find(([pattern]) => pattern.test(name))?.[1];
  if (clause === undefined) throw new Error(`${name} has no clause in native/cryptoki/table.mjs`);
  const does = Object.entries(FUNCTIONS)
    .filter(([flag]) => flags & (constants.CKF[flag] ?? 0))
    .map(([, word]) => word);
  const sizes =
    maxKeySize === 0
      ? ''
      : minKeySize === maxKeySize
        ? minKeySize
        : `${minKeySize} to ${maxKeySize}`;
  return `| ${name} | ${does.join(', ')} | ${sizes} | ${clause} |`;
}

const text = readFileSync(path, 'utf8');
const before = text.slice(0, text.indexOf(begin));
const after = text.slice(text.indexOf(end));
if (!text.includes(begin) || !text.includes(end))
  throw new Error(`${path} has no place for the table`);
const lines = [
  begin,
  '',
  '| mechanism | functions | key sizes | clause |',
  '|---|---|---|---|',
  ...(await mechanisms()).map(row),
  '',
];
const wanted = `${before}${lines.join('\n')}\n${after}`;
if (!process.argv.includes('--check')) writeFileSync(path, wanted);
else if (wanted !== text) {
  console.error('docs/pkcs11.md is not what scripts/generate-mechanisms.mjs would write');
  process.exitCode = 1;
}
