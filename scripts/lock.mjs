/**
 * One build at a time in one tree: two `make` runs over the same folder would spoil each other's files.
 * The lock is a symbolic link naming its owner's process id, so it is made in one step and a dead owner is noticed.
 */

import { readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function ownerOf(path) {
  try {
    return Number(readlinkSync(path));
  } catch {
    return undefined; // released between our attempt and this look
  }
}

/** Runs `work` while holding the lock at `path`; waits for as long as its owner lives. */
export async function withLock(path, work) {
  for (let told = false; ; ) {
    try {
      symlinkSync(String(process.pid), path);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = ownerOf(path);
    if (owner !== undefined && !isAlive(owner)) rmSync(path, { force: true });
    else {
      if (!told) console.error(`Waiting for the build of process ${owner}`);
      told = true;
      await sleep(200);
    }
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}
