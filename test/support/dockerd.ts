/** A Docker engine of a test's own: its own containerd, data, socket and bridge, no firewall rules; nothing is left behind. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { program } from './run-program.ts';
import { docker as machines, testImage, until } from './troupe.ts';

export interface TestDockerd {
  readonly socket: string;
  readonly docker: Docker;
  /** Ends the engine with -9; containers live on, as `live-restore` has it. */
  kill(): Promise<void>;
  /** Starts it again over what is there; resolves when it answers. */
  start(): Promise<void>;
  /** Ends everything of it. */
  stop(): Promise<void>;
}

/** Addresses for benchmarks, RFC 2544: no network of the machine has them. */
const unrouted = '198.19.';

export interface DockerdOptions {
  /** Containers outlive it. Default true; Swarm wants none of it. */
  readonly liveRestore?: boolean;
}

/** Started, with the test image, which is taken from the machine's engine. */
export async function startDockerd({ liveRestore = true }: DockerdOptions = {}): Promise<TestDockerd> {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-dockerd-'));
  // One that is told to have no bridge removes the machine's own.
  const bridge = `trd-${randomBytes(4).toString('hex')}`;
  await program('ip', 'link', 'add', bridge, 'type', 'bridge');
  await program('ip', 'address', 'add', `${unrouted}${randomInt(256)}.1/24`, 'dev', bridge);
  await program('ip', 'link', 'set', bridge, 'up');
  const at = (name: string): string => join(folder, name);
  const docker = new Docker({ socketPath: at('docker.sock') });
  const begin = (name: string, args: readonly string[]): ChildProcess =>
    spawn(name, args, { stdio: ['ignore', 'ignore', openSync(at(`${name}.log`), 'w')] });
  const end = async (child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  };
  writeFileSync(at('containerd.toml'), 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n');
  // Apart from its engine, as Debian's services have it.
  const containerd = begin('containerd', [
    '--config', at('containerd.toml'), '--address', at('containerd.sock'), '--root', at('containerd'), '--state', at('containerd-state'),
  ]); // prettier-ignore
  let engine: ChildProcess;

  const dockerd: TestDockerd = {
    socket: at('docker.sock'),
    docker,
    async start() {
      // Of a process that was killed; its number may be another's by now.
      rmSync(at('docker.pid'), { force: true });
      engine = begin('dockerd', [
        '--host', `unix://${at('docker.sock')}`, '--containerd', at('containerd.sock'), '--data-root', at('data'), '--exec-root', at('exec'),
        '--pidfile', at('docker.pid'), '--bridge', bridge, '--iptables=false', '--ip6tables=false', ...(liveRestore ? ['--live-restore'] : []),
      ]); // prettier-ignore
      const answered = await until(
        'the engine to answer',
        () =>
          docker.ping().then(
            () => 'it answers',
            () => (engine.exitCode === null ? null : 'it has ended'),
          ),
        (answer) => answer !== null,
      );
      if (answered === 'it has ended') throw new Error(readFileSync(at('dockerd.log'), 'utf8').slice(-2_000));
    },
    kill: () => end(engine, 'SIGKILL'),
    async stop() {
      if (engine.exitCode !== null || engine.signalCode !== null) await dockerd.start();
      const left = await docker.listContainers({ all: true });
      await Promise.all(left.map(({ Id }) => docker.getContainer(Id).remove({ force: true, v: true })));
      await end(engine, 'SIGTERM');
      await end(containerd, 'SIGTERM');
      endShims(folder);
      // Its data, which it mounts upon itself so that nothing of it is shared.
      const mounts = (await program('findmnt', '--noheadings', '--raw', '--output', 'TARGET')).split('\n');
      for (const mount of mounts.filter((each) => each.startsWith(folder)).reverse())
        await program('umount', mount);
      rmSync(folder, { recursive: true, force: true });
      await program('ip', 'link', 'delete', bridge);
    },
  };
  await dockerd.start();
  const image = at('image.tar');
  const chunks: Buffer[] = [];
  for await (const chunk of await machines.getImage(testImage).get()) chunks.push(chunk as Buffer);
  writeFileSync(image, Buffer.concat(chunks));
  const loading = await docker.loadImage(image);
  await new Promise((resolve, reject) =>
    docker.modem.followProgress(loading, (error) => (error ? reject(error) : resolve(null))),
  );
  rmSync(image);
  return dockerd;
}

/** Of starts that the engine was killed in: nobody knows of them any more. */
function endShims(folder: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (command.includes('containerd-shim') && command.includes(folder))
        process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}
