/** Our token through src/hsm, over the in-process link. */
import { openDevice } from '../../../src/link/in-process.ts';
import { LABEL, SO_PIN, type TokenUnderTest, USER_PIN } from './subject.ts';

export async function openDeviceToken(): Promise<TokenUnderTest> {
  const device = await openDevice({
    flashDirectory: null,
    slotCount: 1,
    create: true,
    pinIterations: 1,
  });
  const [slot] = await device.slots();
  if (slot === undefined) throw new Error('the device has no slot');
  await slot.initToken(SO_PIN, LABEL);
  await using session = await slot.openSession({ readWrite: true });
  await session.login('so', SO_PIN);
  await session.initPin(USER_PIN);
  await session.logout();
  return {
    nestedTemplates: true,
    openSession: (options) => slot.openSession(options),
    closeAllSessions: () => slot.closeAllSessions(),
    initToken: (soPin, label) => slot.initToken(soPin, label),
    [Symbol.asyncDispose]: () => device.close(),
  };
}
