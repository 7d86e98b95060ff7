/** How the command line reaches the Troupe of this machine. */
import { existsSync, readFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import type { ClientTls } from '../cli/api-error.ts';
import type { Config } from '../config/schema.ts';
import { TroupeError } from '../errors/errors.ts';
import { paths } from './settings.ts';

const wildcards = new Set(['0.0.0.0', '::', '']);

export function localUrl({ api }: Config): string {
  const host = wildcards.has(api.host) ? '127.0.0.1' : api.host;
  const scheme = api.certFile === '' ? 'http' : 'https';
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${api.port}`;
}

/**
 * What proves that it is ours who answers at {@link localUrl}: the very
 * certificate of our configuration, whatever names it carries. Null without TLS.
 */
export function localTls({ api }: Config): ClientTls | null {
  if (api.certFile === '') return null;
  let pem: string;
  try {
    pem = readFileSync(api.certFile, 'utf8');
  } catch {
    // Not ours to read: the authorities of the system decide.
    return null;
  }
  const { fingerprint256 } = new X509Certificate(pem);
  return {
    ca: pem,
    allowPartialTrustChain: true,
    checkServerIdentity: (_, certificate) =>
      certificate.fingerprint256 === fingerprint256
        ? undefined
        : new Error(`who answers has another certificate than api.certFile, "${api.certFile}"`),
  };
}

/** The file to trust for clients that know nothing of pins; null when the system's authorities do. */
export function authorityFile({ api }: Config): string | null {
  if (api.certFile === '' || !existsSync(api.certFile)) return null;
  const certificate = new X509Certificate(readFileSync(api.certFile, 'utf8'));
  return certificate.checkIssued(certificate) ? api.certFile : null;
}

/** @throws TroupeError INVALID_CONFIG */
export function adminTokenOf(config: Config): string {
  const { adminToken } = paths(config);
  try {
    return readFileSync(adminToken, 'utf8').trim();
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new TroupeError(
      'INVALID_CONFIG',
      missing
        ? `There is no token in "${adminToken}"; start Troupe with "troupe up", or set TROUPE_URL and TROUPE_TOKEN`
        : `The token in "${adminToken}" is not for this user; ask as its owner, or set TROUPE_URL and TROUPE_TOKEN`,
    );
  }
}
