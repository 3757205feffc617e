/** Which service a command talks to, and as whom: options first, then the environment, then `local.json`. */

import { CliError } from '../errors.ts';
import { readLocalFile } from './local-file.ts';

/** Variables that matter here; `process.env` is one. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A service and a key for it. */
export interface Access {
  readonly url: string;
  readonly key: string;
}

/**
 * The service and the API key to use. Credentials are only ever sent to the service they are for: those of
 * `local.json` to the local one, those of the environment to the one that was named.
 * @throws {CliError} that says what to give.
 */
export async function customerAccess(
  options: { readonly url?: string | undefined; readonly key?: string | undefined; readonly data: string },
  environment: Environment,
): Promise<Access> {
  const url = options.url ?? set(environment.FIRSTFRAME_URL);
  const key = options.key ?? (url === undefined ? undefined : set(environment.FIRSTFRAME_API_KEY));
  return access(url, key, 'api_key', options.data, 'Give its key with --key or FIRSTFRAME_API_KEY.');
}

/**
 * The service and the operator's token to use; credentials as in {@link customerAccess}.
 * @throws {CliError} that says what to give.
 */
export async function operatorAccess(
  options: { readonly url?: string | undefined; readonly data: string },
  environment: Environment,
): Promise<Access> {
  const url = options.url ?? set(environment.FIRSTFRAME_URL);
  const token = url === undefined ? undefined : set(environment.ADMIN_TOKEN);
  return access(url, token, 'admin_token', options.data, 'Give its token in ADMIN_TOKEN.');
}

/** A variable that is set to nothing is not set. */
function set(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

async function access(
  url: string | undefined,
  key: string | undefined,
  field: 'api_key' | 'admin_token',
  dataDir: string,
  missing: string,
): Promise<Access> {
  if (url !== undefined && !/^https?:\/\//i.test(url)) throw new CliError(`"${url}" is no http(s) URL.`);
  if (url !== undefined && key !== undefined) return { url, key };
  const local = await readLocalFile(dataDir);
  if (url !== undefined) {
    if (local && new URL(local.url).origin === new URL(url).origin) return { url, key: local[field] };
    throw new CliError(`No credentials for ${url}.`, { hint: missing });
  }
  if (!local) {
    throw new CliError(`There is no local service: ${dataDir}/local.json does not exist.`, {
      hint: 'Start one with "npm start", or name a service with --url.',
    });
  }
  return { url: local.url, key: key ?? local[field] };
}
