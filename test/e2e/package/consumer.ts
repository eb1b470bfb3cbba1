/** A strict program with types of every entry, in a folder where strongroom alone is installed. */
import { createInProcessKms, type InProcessKms, version } from 'strongroom';
import { type Device, openDevice, type Session } from 'strongroom/hsm';
import { DomainClock, type InProcessClientConfig } from 'strongroom/in-process';
import { type StartedServer, startServer } from 'strongroom/testing';

const text: string = version;

export async function sign(device: Device, message: Uint8Array): Promise<Uint8Array> {
  const [slot] = await device.slots();
  if (slot === undefined) throw new Error(text);
  await using session: Session = await slot.openSession({ readWrite: true });
  const key = await session.generateKey('CKM_GENERIC_SECRET_KEY_GEN', {
    CKA_CLASS: 'CKO_SECRET_KEY',
    CKA_SIGN: true,
  });
  return session.sign('CKM_SHA256_HMAC', key, message);
}

export const device: Device = await openDevice({
  flashDirectory: null,
  slotCount: 1,
  create: true,
});

export async function use(): Promise<string> {
  await using kms: InProcessKms = await createInProcessKms({
    ephemeral: true,
    domainClock: new DomainClock(),
  });
  const config: InProcessClientConfig = kms.clientConfig;
  await using server: StartedServer = await startServer({ regions: ['eu-west-1'] });
  return config.region + server.credentials.accessKeyId;
}
