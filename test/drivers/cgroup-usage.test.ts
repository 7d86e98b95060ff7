/** What the kernel's files say, of both versions of control groups; a real one of either is in the drivers' conformance tests. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { cgroupUsage } from '../../src/drivers/runtime/cgroup-usage.ts';

const engineId = 'c0ffee'.padEnd(64, '0');

/** The kernel's files below a folder, and what is read of them. */
function kernel(t: Test, files: Readonly<Record<string, string>>) {
  const folder = t.testdir();
  const all = { 'proc/stat': 'cpu  10 1 20 1000 5 2 3 9 0 0\ncpu0 5 0 10 500 2 1 1 4 0 0\n', ...files };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return cgroupUsage(77, engineId, { proc: join(folder, 'proc'), cgroup: join(folder, 'cgroup') });
}

t.test('of the first version, each controller has a tree of its own', async (t) => {
  const used = await kernel(t, {
    'proc/77/cgroup': ['memory', 'cpu,cpuacct', 'blkio', 'name=systemd']
      .map((controllers, index) => `${index}:${controllers}:/docker/${engineId}`)
      .join('\n'),
    [`cgroup/cpuacct/docker/${engineId}/cpuacct.usage`]: '123456789\n',
    [`cgroup/memory/docker/${engineId}/memory.usage_in_bytes`]: '4096000\n',
    [`cgroup/memory/docker/${engineId}/memory.limit_in_bytes`]: '33554432\n',
    [`cgroup/blkio/docker/${engineId}/blkio.throttle.io_service_bytes`]:
      '8:0 Read 100\n8:0 Write 20\n8:0 Total 120\n8:16 Read 1\n8:16 Write 2\nTotal 123\n',
  });
  t.match(used, {
    cpuNanos: 123_456_789,
    systemCpuNanos: 1_041 * 1e7,
    memoryBytes: 4_096_000,
    memoryLimitBytes: 33_554_432,
    blockReadBytes: 101,
    blockWriteBytes: 22,
  });
});

t.test('of the second, there is one; a container may have groups of its own below its own', async (t) => {
  const group = `system.slice/docker-${engineId}.scope`;
  const used = await kernel(t, {
    'proc/77/cgroup': `0::/${group}/init.scope\n`,
    [`cgroup/${group}/cpu.stat`]: 'usage_usec 2500\nuser_usec 2000\nsystem_usec 500\n',
    [`cgroup/${group}/memory.current`]: '8192\n',
    [`cgroup/${group}/memory.max`]: 'max\n',
    [`cgroup/${group}/io.stat`]:
      '8:0 rbytes=100 wbytes=20 rios=1 wios=1\n8:16 rbytes=1 wbytes=2 rios=1 wios=1\n',
  });
  t.match(used, {
    cpuNanos: 2_500_000,
    memoryBytes: 8_192,
    memoryLimitBytes: totalmem(),
    blockReadBytes: 101,
    blockWriteBytes: 22,
  });
});

t.test('nothing is told of a process that is not in a group of that container', async (t) => {
  t.equal(await kernel(t, { 'proc/77/cgroup': '0::/system.slice/docker-other.scope\n' }), null);
  t.equal(await kernel(t, {}), null, 'nor of one that is not there');
});
