/** Services that `dev/openstack/up` started: killed, and started again by it. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { projectFolder } from '../../support/project.ts';
import { leaderOf } from '../cloud.ts';

/** As `dev/openstack/up` is told of them. */
export type Service = 'keystone' | 'glance' | 'neutron' | 'cinder';

export interface Services {
  /** Ends all that a process of dev/openstack is, with -9. */
  kill(process: string): void;
  /** Resolves once it answers. */
  start(service: Service): Promise<void>;
}

const run = promisify(execFile);

/** What was killed is up again when the test ends. */
export function createServices(t: Pick<Test, 'teardown'>): Services {
  let isWhole = true;
  const up = (...services: readonly Service[]) =>
    run(join(projectFolder(), 'dev', 'openstack', 'up'), services, { maxBuffer: 16 * 1024 * 1024 });
  t.teardown(async () => {
    if (!isWhole) await up();
  });
  return {
    kill(name) {
      isWhole = false;
      process.kill(-leaderOf(name), 'SIGKILL');
    },
    async start(service) {
      await up(service);
    },
  };
}
