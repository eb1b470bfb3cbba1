/** What a test expects of a thrown KmsException. */
import { KmsException } from '../../../src/api/exceptions.ts';

export function refusalOf(action: () => unknown): KmsException {
  try {
    action();
  } catch (error) {
    if (error instanceof KmsException) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
