/**
 * One behavioural suite of PKCS#11 over our token through src/hsm, over libstrongroom-pkcs11.so, and over SoftHSM2. Ours
 * keep the standard in every case; where SoftHSM2 does not, the suite prints what it does and what the standard says.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { modulePath, whyNoModule } from '../support/pkcs11-module.ts';
import { describeUnless, toolReason } from '../support/tools.ts';
import { type Case, cases } from './cryptoki/cases.ts';
import { openDeviceToken } from './cryptoki/device.ts';
import { openModuleToken } from './cryptoki/module.ts';
import { ckr, type TokenUnderTest, USER_PIN } from './cryptoki/subject.ts';

const SOFTHSM = '/usr/lib/softhsm/libsofthsm2.so';
const directory = mkdtempSync(join(tmpdir(), 'sr-cryptoki-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function seen(token: TokenUnderTest, { as, run }: Case): Promise<string> {
  try {
    const session = await token.openSession({ readWrite: true });
    if (as !== 'public') await session.login('user', USER_PIN);
    let answer = '';
    // A refusal where the case has not expected one.
    const refusal = await ckr(
      run(session, token).then((text) => {
        answer = text;
      }),
    );
    return refusal === 'CKR_OK' ? answer : refusal;
  } finally {
    await token.closeAllSessions();
  }
}

/** Declares a suite that holds a token to every case. */
function keepsTheStandard(
  name: string,
  reason: string | undefined,
  open: () => Promise<TokenUnderTest>,
): void {
  describeUnless(reason, `${name} keeps the standard`, () => {
    let token: TokenUnderTest;
    beforeAll(async () => {
      token = await open();
    });
    afterAll(() => token[Symbol.asyncDispose]());

    it.each(cases.map((each) => [each.name, each] as const))('%s', async (_, each) => {
      if (each.nested && !token.nestedTemplates)
        process.stdout.write(`${name} is not asked about ${each.name}: no client here can\n`);
      else expect(each.standard).toContain(await seen(token, each));
    });
  });
}

keepsTheStandard('src/hsm', undefined, openDeviceToken);
keepsTheStandard('libstrongroom-pkcs11.so', whyNoModule(), () => {
  process.env.STRONGROOM_TOKEN_DIR = join(directory, 'token');
  return openModuleToken(modulePath);
});

describeUnless(toolReason(SOFTHSM, 'softhsm2'), 'SoftHSM2 beside it', () => {
  it('does the same or is listed', async () => {
    const configuration = join(directory, 'softhsm2.conf');
    writeFileSync(configuration, `directories.tokendir = ${directory}\nlog.level = ERROR\n`);
    process.env.SOFTHSM2_CONF = configuration;
    await using token = await openModuleToken(SOFTHSM);
    const differences: string[] = [];
    const asked = cases.filter(({ nested }) => !nested || token.nestedTemplates);
    for (const each of asked) {
      const answer = await seen(token, each);
      if (!each.standard.includes(answer))
        differences.push(
          `${each.name} (v3.2, ${each.clause})\n  SoftHSM2: ${answer}\n  standard: ${each.standard.join(', or ')}`,
        );
    }
    process.stdout.write(
      `SoftHSM2 differs from the standard in ${differences.length} of ${asked.length} cases:\n${differences.join('\n')}\n`,
    );
    // It is a peer and not a broken set-up: most of the suite means something to it.
    expect(differences.length).toBeLessThan(asked.length / 3);
  });
});
