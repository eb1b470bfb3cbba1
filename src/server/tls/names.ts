/**
 * The names a TLS server goes by: what its certificate has to hold, and which of them its endpoint shows.
 */
import type { X509Certificate } from 'node:crypto';
import { isIP, isIPv6 } from 'node:net';

/** What every generated certificate is good for. */
const LOCAL_NAMES = ['localhost', '127.0.0.1', '::1'] as const;

/** Addresses that listen everywhere and lead nowhere, and what reaches them from this machine. */
const WILDCARD_HOSTS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** An IP address, a DNS name, or a DNS name whose first label is `*`. */
export function isTlsName(text: string): boolean {
  if (isIP(text) !== 0) return !text.includes('%');
  const labels = text
    .toLowerCase()
    .replace(/^\*\.(?=.)/, '')
    .split('.');
  return text.length <= 253 && labels.every((label) => LABEL.test(label));
}

/** @param host what the server listens on. @param further from the command line */
export function certificateNames(host: string, further: readonly string[]): string[] {
  const own = host in WILDCARD_HOSTS || !isTlsName(host) ? [] : [host];
  return [...new Set([...LOCAL_NAMES, ...own, ...further].map((name) => name.toLowerCase()))];
}

/** Whether a client that uses this name takes this certificate for it. */
export function isNamed(certificate: X509Certificate, name: string): boolean {
  if (isIP(name) !== 0) return certificate.checkIP(name) !== undefined;
  // A wildcard is asked for as one name that it stands for.
  return certificate.checkHost(name.replace(/^\*/, 'any'), { subject: 'never' }) !== undefined;
}

/**
 * The host of the endpoint: how clients on this machine reach the server.
 * @param certificate if given, one of its names where `host` is none of them
 */
export function endpointHost(host: string, certificate: X509Certificate | undefined): string {
  const reachable = WILDCARD_HOSTS[host] ?? host;
  if (certificate === undefined) return bracketed(host);
  const names = [reachable, ...LOCAL_NAMES, ...dnsNames(certificate)];
  return bracketed(names.find((name) => isNamed(certificate, name)) ?? reachable);
}

function dnsNames({ subjectAltName = '' }: X509Certificate): string[] {
  return [...subjectAltName.matchAll(/DNS:([^,"*]+)(?=,|$)/g)].map(([, name = '']) => name);
}

const bracketed = (host: string): string => (isIPv6(host) ? `[${host}]` : host);
