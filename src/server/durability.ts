/**
 * What an acknowledged request survives, whichever is chosen: the end of the process, however it comes, and for changes
 * (keys, aliases, policies …) a power cut. `power-loss`: the audit records of cryptographic operations survive a power cut,
 * too, and each of them waits for the disk. `process-crash`: of those, a power cut may take the last moments.
 */
export const DURABILITIES = ['process-crash', 'power-loss'] as const;
export type Durability = (typeof DURABILITIES)[number];
