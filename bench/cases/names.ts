/** Names of variants that appear in several cases and in the goals. */
export const C_LOOP = 'C loop over EVP';
export const TOKEN = 'token, Cryptoki in C';
export const TOKEN_MESSAGE = 'token, Cryptoki in C, message';
export const SYNC = 'TypeScript, session.sync';
/** Into the caller's buffer, as C_Encrypt does. */
export const SYNC_INTO = 'TypeScript, session.sync, into';
export const AWAITED = 'TypeScript, awaited session';
export const NODE = 'node:crypto';
export const NODE_FIXED = 'node:crypto, r || s';
export const NODE_AWAITED = 'node:crypto, awaited';
export const NOBLE = 'noble';
