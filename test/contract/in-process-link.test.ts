/** The link contract over the in-process link: as the opener of a device, and as one who joined. */
import { attachDevice, attachLink, openDevice, openLink } from '../../src/link/in-process.ts';
import { linkContract } from './link.contract.ts';

const options = { flashDirectory: null, slotCount: 1, create: true, pinIterations: 1 } as const;

linkContract('a joined application', { sync: true }, async () => {
  const device = await openDevice(options);
  return {
    link: attachLink(device.attachId).link,
    sessionCount: async () => (await device.status()).sessionCount,
    [Symbol.asyncDispose]: () => device.close(),
  };
});

linkContract('an opened device', { sync: true }, async () => {
  const { link, attachId } = await openLink(options);
  // Keeps the application, but not the device: that closes with the link.
  const witness = await attachDevice(attachId);
  return {
    link,
    sessionCount: async () => {
      const status = await witness.status().catch(() => undefined);
      return status?.sessionCount ?? 0;
    },
    [Symbol.asyncDispose]: async () => {
      await link.close();
      await witness.close();
    },
  };
});
