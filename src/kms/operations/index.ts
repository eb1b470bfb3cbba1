/**
 * The dispatch table: every operation that is built. One that is not is absent, and its callers get
 * UnknownOperationException.
 */
import type { OperationName } from '../../api/operations.ts';
import type { Operation } from '../operation.ts';
import { createKey } from './create-key.ts';
import { decrypt } from './decrypt.ts';
import { describeKey } from './describe-key.ts';
import { disableKey } from './disable-key.ts';
import { enableKey } from './enable-key.ts';
import { encrypt } from './encrypt.ts';
import { generateDataKey } from './generate-data-key.ts';
import { generateDataKeyWithoutPlaintext } from './generate-data-key-without-plaintext.ts';
import { generateRandom } from './generate-random.ts';
import { listKeys } from './list-keys.ts';

const table: { readonly [Name in OperationName]: Operation<Name> } = {
  CreateKey: createKey,
  Decrypt: decrypt,
  DescribeKey: describeKey,
  DisableKey: disableKey,
  EnableKey: enableKey,
  Encrypt: encrypt,
  GenerateDataKey: generateDataKey,
  GenerateDataKeyWithoutPlaintext: generateDataKeyWithoutPlaintext,
  GenerateRandom: generateRandom,
  ListKeys: listKeys,
};

export const operations: ReadonlyMap<string, Operation> = new Map(
  Object.entries(table as Readonly<Record<string, Operation>>),
);
