/** What operations share that change records: another change may come first. */
import { StoreConflictError } from '../../store/metadata-store.ts';
import type { KmsKey } from '../keys/key-record.ts';
import type { KeyChange, KeyRepository } from '../keys/key-repository.ts';
import type { Success } from '../pipeline.ts';
import { throttled } from '../refusal.ts';

/** Of every round one change wins, so as many changes of one record at a time all come through. */
const attemptsMax = 32;

/**
 * Runs a change, again with the records as they are then when another change came first.
 * @param request a ready one
 * @throws ThrottlingException when others keep coming first, and what the checks of the request say anew
 */
export async function retried<R extends { again(): Promise<R> }, T>(
  request: R,
  change: (request: R) => Promise<T>,
): Promise<T> {
  let current = request;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await change(current);
    } catch (error) {
      if (!(error instanceof StoreConflictError)) throw error;
      if (attempt === attemptsMax) throw throttled();
    }
    current = await current.again();
  }
}

interface KeyChanger<R> {
  readonly key: KmsKey;
  readonly keys: KeyRepository;
  commit<T>(success: Success, change: (auditEvent: string) => Promise<T>): Promise<T>;
  again(): Promise<R>;
}

/**
 * Changes the request's key, for operations that answer nothing.
 * @param change undefined: the key is as it should be and is left alone
 */
export function changeKey<R extends KeyChanger<R>>(
  request: R,
  change: (key: KmsKey) => KeyChange | undefined,
): Promise<undefined> {
  return retried(request, async ({ key, keys, commit }) => {
    const wanted = change(key);
    if (wanted === undefined) return undefined;
    const success = { responseElements: { KeyId: key.arn } };
    await commit(success, (audit) => keys.update(key, wanted, audit));
    return undefined;
  });
}
