/**
 * AWS IAM, as far as tools that set up other things ask for it: users and roles of the declarative file, read only.
 * Source: AWS IAM API Reference. The file does not say when something was made: CreateDate is the epoch.
 */
import type { RoleEntry, UserEntry } from '../access/directory.ts';
import type { Action, QueryService } from './action.ts';
import { checkAllowed } from './authorize.ts';
import { invalid, QueryError, type XmlValue } from './query.ts';

const createDate = '1970-01-01T00:00:00Z';

const tagList = (tags: ReadonlyMap<string, string>): XmlValue =>
  tags.size === 0 ? undefined : [...tags].map(([Key, Value]) => ({ Key, Value }));

/** Permissions boundaries have the ARN of a managed policy. */
const boundaryOf = ({ boundary }: UserEntry | RoleEntry): XmlValue =>
  boundary && {
    PermissionsBoundaryType: 'Policy',
    PermissionsBoundaryArn: boundary.name,
  };

const noSuch = (kind: 'user' | 'role', name: string): QueryError =>
  new QueryError('NoSuchEntity', 404, `The ${kind} with name ${name} cannot be found.`);

const getUser: Action = {
  readOnly: true,
  audited: ['UserName'],
  run(call) {
    const { principal, directory, parameters } = call;
    const { accountId, arn } = principal;
    const own = principal.type === 'IAMUser' ? principal.userName : undefined;
    const name = parameters.get('UserName') ?? own;
    if (name === undefined) {
      if (principal.type !== 'Root')
        throw new QueryError(
          'ValidationError',
          400,
          'Must specify userName when calling with non-User credentials',
        );
      return { User: { UserId: accountId, Arn: arn, CreateDate: createDate } };
    }
    const user = directory?.user(accountId, name);
    checkAllowed(call, 'iam:GetUser', user?.arn ?? `arn:aws:iam::${accountId}:user/${name}`);
    if (user === undefined) throw noSuch('user', name);
    return {
      User: {
        Path: user.path,
        UserName: user.name,
        UserId: user.id,
        Arn: user.arn,
        CreateDate: createDate,
        PermissionsBoundary: boundaryOf(user),
        Tags: tagList(user.tags),
      },
    };
  },
};

const roleMembers = (role: RoleEntry): { readonly [name: string]: XmlValue } => ({
  Path: role.path,
  RoleName: role.name,
  RoleId: role.id,
  Arn: role.arn,
  CreateDate: createDate,
  AssumeRolePolicyDocument: encodeURIComponent(role.trustPolicy.text),
  Description: role.description,
  MaxSessionDuration: role.maxSessionDuration,
});

const getRole: Action = {
  readOnly: true,
  audited: ['RoleName'],
  run(call) {
    const { principal, directory, parameters } = call;
    const name = parameters.required('RoleName');
    const role = directory?.role(principal.accountId, name);
    const { accountId } = principal;
    checkAllowed(call, 'iam:GetRole', role?.arn ?? `arn:aws:iam::${accountId}:role/${name}`);
    if (role === undefined) throw noSuch('role', name);
    return {
      Role: {
        ...roleMembers(role),
        PermissionsBoundary: boundaryOf(role),
        Tags: tagList(role.tags),
      },
    };
  },
};

/** As in IAM: tags and boundaries are GetRole's. */
const listRoles: Action = {
  readOnly: true,
  audited: ['PathPrefix', 'MaxItems', 'Marker'],
  run(call) {
    const { principal, directory, parameters } = call;
    const { accountId } = principal;
    const prefix = parameters.get('PathPrefix') ?? '/';
    if (!prefix.startsWith('/'))
      throw invalid(
        prefix,
        'pathPrefix',
        'Member must satisfy regular expression pattern: \\u002F[\\u0021-\\u007F]*',
      );
    const count = parameters.integer('MaxItems', 1, 1000) ?? 100;
    checkAllowed(call, 'iam:ListRoles', `arn:aws:iam::${accountId}:role${prefix}`);
    const marker = parameters.get('Marker');
    const after = marker === undefined ? '' : Buffer.from(marker, 'base64url').toString('utf8');
    const left = (directory?.roles(accountId) ?? []).filter(
      ({ path, name }) => path.startsWith(prefix) && name > after,
    );
    const page = left.slice(0, count);
    const isTruncated = left.length > page.length;
    return {
      Roles: page.map(roleMembers),
      IsTruncated: isTruncated,
      Marker: isTruncated ? Buffer.from(page.at(-1)?.name ?? '').toString('base64url') : undefined,
    };
  },
};

export const iam: QueryService = {
  name: 'iam',
  version: '2010-05-08',
  namespace: 'https://iam.amazonaws.com/doc/2010-05-08/',
  actions: new Map([
    ['GetUser', getUser],
    ['GetRole', getRole],
    ['ListRoles', listRoles],
  ]),
};
