/**
 * `strongroom hsm domain`: rotates the domain keys of a running service, and shows how far their key tokens have followed.
 */
import { resolve } from 'node:path';
import type { RegionDomainStatus } from '../../server/domain-care.ts';
import { soPinFileDefault } from '../../server/so-pin.ts';
import { askService } from '../admin-command.ts';
import { dataDirectoryPath, oneOf, parseCommandLine } from '../arguments.ts';
import { type CommandLine, EXIT_CODES_HELP } from '../command.ts';
import { print, printJson, table } from '../output.ts';

export type DomainAction = 'status' | 'rotate' | 'retire';

const KINDS = ['seal', 'mac', 'sign', 'decrypt', 'all'] as const;

const says: Readonly<Record<DomainAction, string>> = {
  status: 'the domain keys of a running service, and how far their key tokens are',
  rotate: 'make new domain keys active; key tokens follow in the background',
  retire: 'destroy retired domain keys that no key token is under any more',
};

const more: Readonly<Record<DomainAction, string>> = {
  status: '',
  rotate: `
The security officer's PIN is read by the service from its file, at this moment, and wiped; a wrong one is one of ten tries.
The old keys are retired: they unwrap and no longer wrap. Requests go on meanwhile.
`,
  retire: `
For good: a back-up from before the rotation has key tokens under these keys, and its KMS keys are lost with them.
`,
};

const PIN_HELP = `\
  --so-pin-file FILE  the security officer's PIN                 (DIR.so-pin)
`;

const KIND_HELP = `\
  --kind KIND         ${KINDS.join(', ')}            (all)
`;

export function domainCommandLine(action: DomainAction): CommandLine {
  return {
    help: `strongroom hsm domain ${action}: ${says[action]}

  --data-dir DIR      the service's data directory               (./strongroom-data)
  --region NAME       one Region                                 (all that are served)
${action === 'status' ? '' : KIND_HELP}${action === 'rotate' ? PIN_HELP : ''}\
  --json              JSON in place of a table
${more[action]}
${EXIT_CODES_HELP}`,
    async run(argv) {
      const { values } = parseCommandLine(argv, {
        options: {
          'data-dir': { type: 'string' },
          region: { type: 'string' },
          json: { type: 'boolean' },
          ...(action !== 'status' && { kind: { type: 'string' } }),
          ...(action === 'rotate' && { 'so-pin-file': { type: 'string' } }),
        },
      });
      const {
        region,
        kind,
        'so-pin-file': pinFile,
      } = values as Readonly<Partial<Record<'region' | 'kind' | 'so-pin-file', string>>>;
      const dataDirectory = dataDirectoryPath(values['data-dir']);
      const status = (await askService(dataDirectory, 'domain', {
        action,
        ...(region !== undefined && { region }),
        ...(kind !== undefined && { kind: oneOf('--kind', KINDS, kind) }),
        ...(action === 'rotate' && {
          soPinFile: resolve(pinFile ?? soPinFileDefault(dataDirectory)),
        }),
      })) as readonly RegionDomainStatus[];
      if (values.json) printJson(status);
      else print(statusText(status));
    },
  };
}

function statusText(regions: readonly RegionDomainStatus[]): string {
  const rows = regions.flatMap(({ region, keys }) =>
    keys.map(({ kind, id, state, retiredAt, emptyAt }) => [
      region,
      kind,
      state,
      retiredAt ?? '',
      emptyAt ?? '',
      id,
    ]),
  );
  const keys = table(['REGION', 'KIND', 'STATE', 'RETIRED', 'EMPTY SINCE', 'ID'], rows);
  return keys + regions.map(rewrapText).join('');
}

function rewrapText({ region, rewrap }: RegionDomainStatus): string {
  if (rewrap === undefined) return '';
  const { state, doneCount, totalCount, movedCount, failedCount, perSecond, lastError } = rewrap;
  const counts = `${doneCount} of ${totalCount} KMS keys, ${movedCount} moved, ${failedCount} failed`;
  const error = lastError === undefined ? '' : `; last error: ${lastError}`;
  return `${region}: rewrap ${state}: ${counts}, ${perSecond} a second${error}\n`;
}
