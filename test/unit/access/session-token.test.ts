import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { CredentialStore } from '../../../src/access/credential-store.ts';
import type { SessionFacts } from '../../../src/access/principal.ts';
import {
  type SessionPrincipal,
  SessionTokens,
  SessionTooLargeError,
} from '../../../src/access/session-token.ts';
import { sigV4Authenticator } from '../../../src/access/sigv4.ts';
import { refusalOf } from '../api/errors.ts';
import { accessKeyId, secretAccessKey, sign } from './sign.ts';

const now = Date.parse('2026-11-23T10:00:00Z');
const key = Buffer.alloc(32, 9);
const facts: SessionFacts = {
  issuedAtMs: now,
  expiresAtMs: now + 3_600_000,
  mfaAuthenticated: true,
  sourceIdentity: 'alice',
  tags: new Map([
    ['tags', 'a'],
    ['team', 'blue'],
  ]),
  policies: ['{"Statement":[]}'],
};
const principal: SessionPrincipal = {
  type: 'AssumedRole',
  accountId: '111122223333',
  arn: 'arn:aws:sts::111122223333:assumed-role/App/one',
  userId: 'AROAEXAMPLE:one',
  roleArn: 'arn:aws:iam::111122223333:role/team/App',
  roleName: 'App',
  sessionName: 'one',
  session: facts,
};

test('a token says to any thread, and after a restart, whose it is', () => {
  const issued = new SessionTokens(key).issue(principal);
  expect(issued.accessKeyId).toMatch(/^ASIA[A-Z2-7]{16}$/);
  expect(issued.secretAccessKey).toHaveLength(40);
  const other = new SessionTokens(key);
  const opened = other.open(issued.sessionToken);
  expect(opened?.principal).toEqual({ ...principal, accessKeyId: issued.accessKeyId });
  expect(opened?.expiresAtMs).toBe(facts.expiresAtMs);
  expect(other.open(issued.sessionToken)).toBe(opened);
});

test('another key, and each altered octet, opens nothing', () => {
  const sessions = new SessionTokens(key);
  const { sessionToken, secretAccessKey: secret } = sessions.issue(principal);
  expect(new SessionTokens(Buffer.alloc(32, 8)).open(sessionToken)).toBeUndefined();
  const octets = Buffer.from(sessionToken, 'base64');
  expect(octets.includes(secret)).toBe(false);
  for (let at = 0; at < octets.length; at++) {
    const altered = Buffer.from(octets);
    altered[at]! ^= 1;
    expect(sessions.open(altered.toString('base64')), `octet ${at}`).toBeUndefined();
  }
  for (const text of ['', 'AQ==', sessionToken.slice(4), `${sessionToken}=`, ` ${sessionToken}`])
    expect(sessions.open(text)).toBeUndefined();
});

test('what headers do not hold is refused with how much too much it is', () => {
  const policies = ['x'.repeat(8192)];
  const large = { ...principal, session: { ...facts, policies } };
  expect(() => new SessionTokens(key).issue(large)).toThrow(SessionTooLargeError);
});

test('inspection shows no secret', () => {
  const sessions = new SessionTokens(key);
  const { sessionToken, secretAccessKey: secret } = sessions.issue(principal);
  const shown = inspect([sessions, sessions.open(sessionToken)], { depth: 9, showHidden: true });
  expect(shown).not.toContain(secret);
});

test('requests: the token, its access key and its time have to agree', async () => {
  const sessions = new SessionTokens(key);
  const credentials = new CredentialStore();
  credentials.addRoot('111122223333', { accessKeyId, secretAccessKey });
  let nowMs = now;
  const authenticate = sigV4Authenticator({
    credentials,
    sessions,
    regions: new Set(['eu-west-1']),
    clock: { nowMs: () => nowMs },
  });
  const body = Buffer.from('{}');
  const [one, two] = [sessions.issue(principal), sessions.issue(principal)];
  const at = (time: number) => ({ date: new Date(time) });
  const signed = await sign({ body }, { ...one, ...at(now) });
  // Twice: the second is of a known signer.
  for (let again = 0; again < 2; again++)
    expect(authenticate(signed).principal.accessKeyId).toBe(one.accessKeyId);

  const invalid = 'The security token included in the request is invalid.';
  for (const options of [
    { ...one, sessionToken: two.sessionToken },
    { accessKeyId, secretAccessKey, sessionToken: one.sessionToken },
    { accessKeyId: one.accessKeyId, secretAccessKey: one.secretAccessKey },
    { ...one, sessionToken: 'none' },
  ]) {
    const request = await sign({ body }, { ...options, ...at(now) });
    expect(refusalOf(() => authenticate(request))).toMatchObject({
      name: 'UnrecognizedClientException',
      message: invalid,
    });
  }
  nowMs = facts.expiresAtMs;
  const late = await sign({ body }, { ...one, ...at(nowMs) });
  expect(refusalOf(() => authenticate(late))).toMatchObject({
    name: 'ExpiredTokenException',
    message: 'The security token included in the request is expired',
  });
});
