/**
 * What lies where in a data directory. docs/operations.md shows the same table.
 */
import { join } from 'node:path';

export interface DataDirectory {
  readonly root: string;
  readonly hsm: string;
  /** First boot builds the device here and renames it to `hsm`, so that a half-made one is never opened. */
  readonly hsmPartial: string;
  /** During a first boot: which file it handed the SO PIN over in. */
  readonly soPinMark: string;
  readonly credentials: string;
  /** Access keys that a declarative file asked for: src/server/identities.ts. */
  readonly accessKeys: string;
  /** Seals session tokens: src/server/session-key.ts. */
  readonly sessionKey: string;
  /** How the domain clock stands to the wall, once it was moved: src/server/domain-clock.ts. */
  readonly clock: string;
  /** With TLS by a local authority: src/server/tls/local.ts. */
  readonly tls: string;
}

export interface HsmDirectory {
  readonly flash: string;
  readonly root: string;
  readonly userPin: string;
}

export const dataDirectory = (root: string): DataDirectory => ({
  root,
  hsm: join(root, 'hsm'),
  hsmPartial: join(root, 'hsm.partial'),
  soPinMark: join(root, 'so-pin.partial'),
  credentials: join(root, 'credentials'),
  accessKeys: join(root, 'access-keys'),
  sessionKey: join(root, 'session-key'),
  clock: join(root, 'clock.json'),
  tls: join(root, 'tls'),
});

export const hsmDirectory = (root: string): HsmDirectory => ({
  flash: join(root, 'flash'),
  root: join(root, 'root'),
  userPin: join(root, 'user-pin'),
});
