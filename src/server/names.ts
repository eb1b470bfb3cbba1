/**
 * Names a service is told at its start.
 */

/** Account of a root credential nobody chose one for, and of everybody with `--dev`. */
export const DEFAULT_ACCOUNT_ID = '000000000000';

export const DEFAULT_REGION = 'us-east-1';

/** Any name of AWS's form: a service is not limited to the Regions there are. */
export function isRegionName(text: string): boolean {
  return /^[a-z]{2,}(-[a-z]+)+-\d{1,2}$/.test(text);
}
