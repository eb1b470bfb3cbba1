/**
 * The time a request was signed at, and how far it may be from ours.
 */
import { kmsException } from '../api/exceptions.ts';
import type { ServiceRequest } from '../api/transport.ts';

const skewMinutesMax = 5;
const skewMsMax = skewMinutesMax * 60_000;

export interface SigningTime {
  /** The header it stands in. */
  readonly header: 'x-amz-date' | 'date';
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
function parseBasicFormat(text: string): number {
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
    throw kmsException(
      'IncompleteSignatureException',
      "Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601",
    );
  }
  return { header, text: basicFormat(httpMs), ms: httpMs };
}

/** @throws KmsException InvalidSignatureException when the clocks are more than five minutes apart */
export function checkSkew({ text, ms }: SigningTime, nowMs: number): void {
  // Whole seconds, as in the texts.
  const now = Math.floor(nowMs / 1000) * 1000;
  if (ms < now - skewMsMax) {
    throw kmsException(
      'InvalidSignatureException',
      `Signature expired: ${text} is now earlier than ${basicFormat(now - skewMsMax)} (${basicFormat(now)} - ${skewMinutesMax} min.)`,
    );
  }
  if (ms > now + skewMsMax) {
    throw kmsException(
      'InvalidSignatureException',
      `Signature not yet current: ${text} is still later than ${basicFormat(now + skewMsMax)} (${basicFormat(now)} + ${skewMinutesMax} min.)`,
    );
  }
}
