/** 32 random bytes. Outputs cannot be equal; each proof shows that two in a row differ. */
import { randomBytes } from 'node:crypto';
import { randomBytes as nobleRandomBytes } from '@noble/hashes/utils.js';
import type { Case } from '../runner.ts';
import { awaited, call, loop, type Subjects } from '../subjects.ts';
import { AWAITED, C_LOOP, NOBLE, NODE, SYNC, SYNC_INTO, TOKEN } from './names.ts';

export function randomCases({ loops, session, sync }: Subjects): Case[] {
  const out = Buffer.alloc(32);
  return [
    {
      name: 'random 32 B',
      compare: 'length',
      variants: [
        loop(C_LOOP, out, (count) => loops.evpBufferedRandom(count, out), unlikeTheLast()),
        loop(`${C_LOOP}, unbuffered`, out, (count) => loops.evpRandom(count, out), unlikeTheLast()),
        loop(TOKEN, out, (count) => loops.tokenRandom(count, out), unlikeTheLast()),
        call(SYNC, () => sync.generateRandom(32), unlikeTheLast()),
        call(SYNC_INTO, () => sync.generateRandom(32, out), unlikeTheLast()),
        awaited(AWAITED, () => session.generateRandom(32), unlikeTheLast()),
        call(NODE, () => randomBytes(32), unlikeTheLast()),
        call(NOBLE, () => nobleRandomBytes(32), unlikeTheLast()),
      ],
    },
  ];
}

/** Refuses output that repeats, starting with all zeros; the runner proves every variant twice. */
function unlikeTheLast(): (output: Uint8Array) => Uint8Array {
  let last = Buffer.alloc(32);
  return (output) => {
    if (last.equals(output)) throw new Error('the same random bytes twice');
    last = Buffer.from(output);
    return output;
  };
}
