/**
 * One short life of a Node program with pkcs11js: `node pkcs11js-program.mjs MODULE PIN MODE`.
 *
 *   whole    synchronous work, then asynchronous work on several sessions at once, then C_Finalize
 *   abrupt   leaves while asynchronous calls are inside
 */
import assert from 'node:assert/strict';
import pkcs11js from 'pkcs11js';

const [, , path, pin, mode] = process.argv;
const lanes = 8;
const module = new pkcs11js.PKCS11();
module.load(path);
// Without CKF_OS_LOCKING_OK, though libuv's threads call: what many programs forget.
module.C_Initialize();
const [slot] = module.C_GetSlotList(true);
const flags = pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION;
const session = module.C_OpenSession(slot, flags);
module.C_Login(session, pkcs11js.CKU_USER, pin);

const attribute = (type, value) => ({ type, value });
const key = module.C_GenerateKey(session, { mechanism: pkcs11js.CKM_AES_KEY_GEN }, [
  attribute(pkcs11js.CKA_TOKEN, false),
  attribute(pkcs11js.CKA_ENCRYPT, true),
  attribute(pkcs11js.CKA_DECRYPT, true),
  attribute(pkcs11js.CKA_VALUE_LEN, 32),
]);
const text = Buffer.from('what is encrypted');
const gcm = (iv) => ({
  mechanism: pkcs11js.CKM_AES_GCM,
  parameter: {
    type: pkcs11js.CK_PARAMS_AES_GCM_v240,
    iv,
    ivBits: 96,
    aad: Buffer.from('additional data'),
    tagBits: 128,
  },
});

const iv = module.C_GenerateRandom(session, Buffer.alloc(12));
module.C_EncryptInit(session, gcm(iv), key);
const sealed = module.C_Encrypt(session, text, Buffer.alloc(64));
assert.equal(sealed.length, text.length + 16);

async function lane() {
  const own = module.C_OpenSession(slot, flags);
  for (let i = 0; i < 4; ++i) {
    module.C_DecryptInit(own, gcm(iv), key);
    assert.deepEqual(await module.C_DecryptAsync(own, sealed, Buffer.alloc(64)), text);
    const pair = await module.C_GenerateKeyPairAsync(
      own,
      { mechanism: pkcs11js.CKM_EC_KEY_PAIR_GEN },
      [
        attribute(pkcs11js.CKA_TOKEN, false),
        attribute(pkcs11js.CKA_VERIFY, true),
        attribute(pkcs11js.CKA_EC_PARAMS, Buffer.from('06082a8648ce3d030107', 'hex')),
      ],
      [attribute(pkcs11js.CKA_TOKEN, false), attribute(pkcs11js.CKA_SIGN, true)],
    );
    const [privateKey, publicKey] = [pair.privateKey, pair.publicKey];
    module.C_SignInit(own, { mechanism: pkcs11js.CKM_ECDSA_SHA256 }, privateKey);
    const signature = await module.C_SignAsync(own, text, Buffer.alloc(64));
    module.C_VerifyInit(own, { mechanism: pkcs11js.CKM_ECDSA_SHA256 }, publicKey);
    assert.equal(await module.C_VerifyAsync(own, text, signature), true);
  }
  module.C_CloseSession(own);
}

const working = Array.from({ length: lanes }, lane);
if (mode === 'abrupt') process.exit(0);
await Promise.all(working);
module.C_Logout(session);
module.C_Finalize();
