/** A container in each state that people can find it in, and what its verbs answer there. */
import { TroupeError } from '../../src/errors/errors.ts';
import type { ApiSite, Host } from './site.ts';
import { until } from './until.ts';

export interface Stage {
  readonly site: ApiSite;
  readonly host: Host;
}

export type Arrange = (stage: Stage) => Promise<string>;

export const running: Arrange = async ({ site }) => {
  const { uuid } = await site.create({}, { run: true });
  await site.reach(uuid, 'Running');
  return uuid;
};
export const created: Arrange = async ({ site }) => {
  const { uuid } = await site.create();
  await site.reach(uuid, 'Created');
  return uuid;
};
export const inPath = async ({ site }: Stage, uuid: string, path: string): Promise<string> => {
  await until(() => site.controlPlane.container(null, uuid).statePaths.some((each) => each.startsWith(path)));
  return uuid;
};

/** Each state by how it is reached: Zun's status, and what is answered there. `+` = taken, `~` = queued, `-` = refused. */
export const states: readonly {
  readonly path: string;
  readonly status: string;
  readonly arrange: Arrange;
  /** start, stop, reboot, pause, unpause, kill, rebuild, delete, delete?stop, delete?force */
  readonly answers: string;
}[] = [
  {
    path: 'placing',
    status: 'Creating',
    answers: '~~------++',
    arrange: async (stage) => {
      const { host, site } = stage;
      host.driver.up = false;
      host.driver.tell({ kind: 'gap' });
      await until(() => !site.controlPlane.hosts()[0]!.engineUp);
      const { uuid } = await site.create();
      return inPath(stage, uuid, 'placing');
    },
  },
  {
    path: 'acquiring.image.pulling',
    status: 'Creating',
    answers: '~~------++',
    arrange: async (stage) => {
      stage.host.driver.hold('pullImage');
      const { uuid } = await stage.site.create({ image: 'other:1' });
      return inPath(stage, uuid, 'acquiring.image.pulling');
    },
  },
  {
    path: 'creating',
    status: 'Creating',
    answers: '~~------++',
    arrange: async (stage) => {
      stage.host.driver.hold('createContainer');
      const { uuid } = await stage.site.create();
      return inPath(stage, uuid, 'creating');
    },
  },
  { path: 'created', status: 'Created', answers: '+-+---++++', arrange: created },
  {
    path: 'starting',
    status: 'Created',
    answers: '~+------++',
    arrange: async (stage) => {
      const uuid = await created(stage);
      stage.host.driver.hold('startContainer');
      await stage.site.call('POST', `/v1/containers/${uuid}/start`);
      return inPath(stage, uuid, 'starting');
    },
  },
  { path: 'running', status: 'Running', answers: '-+++-++-++', arrange: running },
  {
    path: 'stopping',
    status: 'Running',
    answers: '~~------++',
    arrange: async (stage) => {
      const uuid = await running(stage);
      stage.host.driver.hold('stopContainer');
      await stage.site.call('POST', `/v1/containers/${uuid}/stop`);
      return inPath(stage, uuid, 'stopping');
    },
  },
  {
    path: 'stopped',
    status: 'Stopped',
    answers: '+-+---++++',
    arrange: async (stage) => {
      const uuid = await running(stage);
      stage.host.driver.exit(uuid, 1);
      return inPath(stage, uuid, 'stopped');
    },
  },
  {
    path: 'paused',
    status: 'Paused',
    answers: '----+---++',
    arrange: async (stage) => {
      const uuid = await running(stage);
      await stage.site.call('POST', `/v1/containers/${uuid}/pause`);
      return inPath(stage, uuid, 'paused');
    },
  },
  {
    path: 'pausing',
    status: 'Running',
    answers: '-+------++',
    arrange: async (stage) => {
      const uuid = await running(stage);
      stage.host.driver.hold('pause');
      await stage.site.call('POST', `/v1/containers/${uuid}/pause`);
      return inPath(stage, uuid, 'pausing');
    },
  },
  {
    path: 'rebooting',
    status: 'Restarting',
    answers: '~+~-----++',
    arrange: async (stage) => {
      const uuid = await running(stage);
      stage.host.driver.hold('stopContainer');
      await stage.site.call('POST', `/v1/containers/${uuid}/reboot`);
      return inPath(stage, uuid, 'rebooting');
    },
  },
  {
    path: 'rebuilding',
    status: 'Rebuilding',
    answers: '~~------++',
    arrange: async (stage) => {
      const uuid = await running(stage);
      stage.host.driver.hold('stopContainer');
      await stage.site.call('POST', `/v1/containers/${uuid}/rebuild`);
      return inPath(stage, uuid, 'rebuilding');
    },
  },
  {
    path: 'resizing',
    status: 'Running',
    answers: '--------++',
    arrange: async (stage) => {
      const uuid = await running(stage);
      stage.host.driver.hold('update');
      await stage.site.call('PATCH', `/v1/containers/${uuid}`, { body: { memory: 256 } });
      return inPath(stage, uuid, 'resizing');
    },
  },
  {
    path: 'backingOff',
    status: 'Restarting',
    answers: '++------++',
    arrange: async (stage) => {
      const { uuid } = await stage.site.create({ restart_policy: { Name: 'always' } }, { run: true });
      await stage.site.reach(uuid, 'Running');
      stage.host.driver.exit(uuid, 1);
      return inPath(stage, uuid, 'backingOff');
    },
  },
  {
    path: 'error',
    status: 'Error',
    answers: '+-+---++++',
    arrange: async (stage) => {
      stage.host.driver.failNext('createContainer', new TroupeError('INVALID_SPEC', 'It makes no sense'));
      const { uuid } = await stage.site.create();
      return inPath(stage, uuid, 'error');
    },
  },
  {
    path: 'lost',
    status: 'Unknown',
    answers: '~~------++',
    arrange: async (stage) => {
      const uuid = await running(stage);
      stage.host.wire.links = null;
      stage.host.wire.cut();
      await until(async () => {
        await stage.site.clock.advance(500);
        return stage.site.controlPlane.container(null, uuid).status === 'Unknown';
      });
      return uuid;
    },
  },
  {
    path: 'removing',
    status: 'Deleting',
    answers: '-------~~~',
    arrange: async (stage) => {
      const uuid = await created(stage);
      stage.host.driver.hold('removeContainer');
      await stage.site.call('DELETE', `/v1/containers/${uuid}`);
      return inPath(stage, uuid, 'removing');
    },
  },
];
