/**
 * A Node program with pkcs11js that stays: `node pkcs11js-watcher.mjs MODULE PIN`. It logs in, and for each line on standard
 * input answers a line of JSON: `list` the labels of all objects, `make LABEL`, `destroy LABEL`, `state` of its session.
 */
import { createInterface } from 'node:readline';
import pkcs11js from 'pkcs11js';

const [, , path, pin] = process.argv;
const module = new pkcs11js.PKCS11();
module.load(path);
module.C_Initialize();
const [slot] = module.C_GetSlotList(true);
const session = module.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
module.C_Login(session, pkcs11js.CKU_USER, pin);

const attribute = (type, value) => ({ type, value });
const label = (object) =>
  module.C_GetAttributeValue(session, object, [attribute(pkcs11js.CKA_LABEL)])[0].value.toString();

function find(template) {
  module.C_FindObjectsInit(session, template);
  const found = module.C_FindObjects(session, 100);
  module.C_FindObjectsFinal(session);
  return found;
}

const answers = {
  list: () => find([]).map(label).sort(),
  make: (name) => {
    module.C_GenerateKey(session, { mechanism: pkcs11js.CKM_AES_KEY_GEN }, [
      attribute(pkcs11js.CKA_TOKEN, true),
      attribute(pkcs11js.CKA_VALUE_LEN, 32),
      attribute(pkcs11js.CKA_LABEL, name),
    ]);
    return 'made';
  },
  destroy: (name) => {
    for (const object of find([attribute(pkcs11js.CKA_LABEL, name)]))
      module.C_DestroyObject(session, object);
    return 'destroyed';
  },
  state: () => module.C_GetSessionInfo(session).state,
};

console.log(JSON.stringify('ready'));
for await (const line of createInterface({ input: process.stdin })) {
  const [what, name] = line.split(' ');
  try {
    console.log(JSON.stringify(answers[what](name)));
  } catch (error) {
    console.log(JSON.stringify(String(error.message)));
  }
}
module.C_Finalize();
