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
function basicFormat(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

/** @returns milliseconds since the epoch; NaN for a text that is no time */
function parseBasicFormat(text: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (parts === null) return Number.NaN;
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
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
