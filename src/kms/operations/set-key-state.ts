/** What EnableKey and DisableKey share. */
import { kmsException } from '../../api/exceptions.ts';
import { StoreConflictError } from '../../store/metadata-store.ts';
import type { KeyRecord } from '../keys/key-record.ts';
import type { Ready } from '../pipeline.ts';

const attemptsMax = 5;

/** Puts the key into a state. A key that is in it already is left alone, which is no error. */
export async function setKeyState(
  request: Pick<Ready<'EnableKey', undefined>, 'key' | 'keys' | 'reread' | 'commit'>,
  keyState: KeyRecord['keyState'],
): Promise<undefined> {
  let { key } = request;
  for (let attempt = 1; key.keyState !== keyState; attempt += 1) {
    const current = key;
    try {
      await request.commit({ responseElements: { KeyId: current.arn } }, (audit) =>
        request.keys.update(current, { keyState }, audit),
      );
      return undefined;
    } catch (error) {
      if (!(error instanceof StoreConflictError)) throw error;
      if (attempt === attemptsMax)
        throw kmsException(
          'ThrottlingException',
          'You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.',
        );
    }
    key = await request.reread();
  }
  return undefined;
}
