/** What a user of strongroom/hsm does first, in plain JavaScript; node:crypto checks the signature. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { openDevice } from 'strongroom/hsm';

await using device = await openDevice({ flashDirectory: null, slotCount: 1, create: true });
const [slot] = await device.slots();
await slot.initToken('so pin', 'first');
await using session = await slot.openSession({ readWrite: true });
await session.login('so', 'so pin');
await session.initPin('user pin');
await session.logout();
await session.login('user', 'user pin');

const key = await session.generateKey('CKM_GENERIC_SECRET_KEY_GEN', {
  CKA_CLASS: 'CKO_SECRET_KEY',
  CKA_KEY_TYPE: 'CKK_GENERIC_SECRET',
  CKA_VALUE_LEN: 32,
  CKA_TOKEN: false,
  CKA_SIGN: true,
  CKA_SENSITIVE: false,
  CKA_EXTRACTABLE: true,
});
const message = new TextEncoder().encode('a message');
const signature = await session.sign('CKM_SHA256_HMAC', key, message);
const { CKA_VALUE } = await session.getAttributes(key, ['CKA_VALUE']);
const expected = createHmac('sha256', CKA_VALUE).update(message).digest();
console.log(
  JSON.stringify({
    signed: signature.length === 32,
    openssl: timingSafeEqual(signature, expected) ? 'verified' : 'differs',
  }),
);
