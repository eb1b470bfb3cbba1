/**
 * The time a request was signed at, and how far it may be from ours.
 */
import { type KmsException, kmsException } from '../api/exceptions.ts';
import type { ServiceRequest } from '../api/transport.ts';

const skewMinutesMax = 5;
const skewMsMax = skewMinutesMax * 60_000;

export interface SigningTime {
  /** The header it stands in; undefined: the query string. */
  readonly header: 'x-amz-date' | 'date' | undefined;
  /** `yyyymmddThhmmssZ`, as the string to sign has it. */
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly ms: number;
}

/** `yyyymmddThhmmssZ` */
export function basicFormat(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

const ZERO = 0x30;

/** @returns the number that the digits from `start` to `end` are; NaN when one is no digit */
function digits(text: string, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** @returns milliseconds since the epoch; NaN for a text that is no time */
export function parseBasicFormat(text: string): number {
  if (text.length !== 16 || text[8] !== 'T' || text[15] !== 'Z') return Number.NaN;
  const year = digits(text, 0, 4);
  const month = digits(text, 4, 6);
  const day = digits(text, 6, 8);
  const hour = digits(text, 9, 11);
  const minute = digits(text, 11, 13);
  const second = digits(text, 13, 15);
  const timeMs = Date.UTC(year, month - 1, day, hour, minute, second);
  // Date.UTC takes a 31 February for one of March's days; years below 100 for others.
  const isReal =
    month >= 1 && month <= 12 && hour < 24 && minute < 60 && second < 60 && year >= 1970;
  return isReal && day >= 1 && new Date(timeMs).getUTCDate() === day ? timeMs : Number.NaN;
}

/**
 * Reads X-Amz-Date or, where it is absent, Date.
 * @throws KmsException IncompleteSignatureException
 */
export function signingTime(request: ServiceRequest): SigningTime {
  const amzDate = request.headers['x-amz-date'];
  const header = amzDate === undefined ? 'date' : 'x-amz-date';
  const sent = amzDate ?? request.headers.date ?? '';
  const ms = parseBasicFormat(sent);
  if (!Number.isNaN(ms)) return { header, text: sent, ms };
  // A Date header may hold the form of HTTP instead.
  const httpMs = header === 'date' ? Date.parse(sent) : Number.NaN;
  if (!(httpMs >= 0)) {
    throw notBasicFormat();
  }
  return { header, text: basicFormat(httpMs), ms: httpMs };
}

export function notBasicFormat(): KmsException {
  return kmsException(
    'IncompleteSignatureException',
    "Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601",
  );
}

/**
 * @param validMs how long after its time a signature is good: what a presigned request says, five minutes for others
 * @throws KmsException InvalidSignatureException when it is older, or more than five minutes ahead of us
 */
export function checkSkew(
  { text, ms }: SigningTime,
  nowMs: number,
  validMs: number = skewMsMax,
): void {
  // Whole seconds, as in the texts.
  const now = Math.floor(nowMs / 1000) * 1000;
  if (ms < now - validMs) {
    const valid = validMs % 60_000 === 0 ? `${validMs / 60_000} min.` : `${validMs / 1000} sec.`;
    throw kmsException(
      'InvalidSignatureException',
      `Signature expired: ${text} is now earlier than ${basicFormat(now - validMs)} (${basicFormat(now)} - ${valid})`,
    );
  }
  if (ms > now + skewMsMax) {
    throw kmsException(
      'InvalidSignatureException',
      `Signature not yet current: ${text} is still later than ${basicFormat(now + skewMsMax)} (${basicFormat(now)} + ${skewMinutesMax} min.)`,
    );
  }
}
