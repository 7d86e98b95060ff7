/**
 * What labels are to a container, for sandboxes that are nothing but a
 * namespace: one small file each, in a folder that lives as long as namespaces
 * do (below /run).
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OwnerIdentity } from './operation-identity.ts';

export interface SandboxRecord extends OwnerIdentity {
  readonly sandboxId: string;
  readonly hostname: string | null;
}

export interface SandboxRecords {
  readonly folder: string;
  /** Null when there is none. */
  read(sandboxId: string): Promise<SandboxRecord | null>;
  write(record: SandboxRecord): Promise<void>;
  remove(sandboxId: string): Promise<void>;
  all(): Promise<readonly SandboxRecord[]>;
}

const suffix = '.json';

/** The sandbox whose record this file is; null for another file. */
export function sandboxOfFile(name: string): string | null {
  return name.endsWith(suffix) ? name.slice(0, -suffix.length) : null;
}

export function createSandboxRecords(folder: string): SandboxRecords {
  const pathOf = (sandboxId: string): string => join(folder, sandboxId + suffix);
  const read = async (sandboxId: string): Promise<SandboxRecord | null> => {
    try {
      return JSON.parse(await readFile(pathOf(sandboxId), 'utf8')) as SandboxRecord;
    } catch (error) {
      if (error instanceof SyntaxError || isAbsent(error)) return null;
      throw error;
    }
  };
  return {
    folder,
    read,
    async write(record) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const path = pathOf(record.sandboxId);
      // Whole or not at all, also when the agent dies meanwhile.
      await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
      await rename(`${path}.new`, path);
    },
    async remove(sandboxId) {
      for (const path of [`${pathOf(sandboxId)}.new`, pathOf(sandboxId)]) await rm(path, { force: true });
    },
    async all() {
      const names = await readdir(folder).catch((error: unknown) => {
        if (isAbsent(error)) return [];
        throw error;
      });
      const records = await Promise.all(
        names.map((name) => {
          const sandboxId = sandboxOfFile(name);
          return sandboxId === null ? null : read(sandboxId);
        }),
      );
      return records.filter((record) => record !== null);
    },
  };
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
