/** What engines of several versions say when a process can't be started, and what the user reads. */
import t from 'tap';
import { startFailure } from '../../src/drivers/runtime/start-failure.ts';

const chain =
  'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ';
const newChain =
  'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: ';
const oldChain = 'OCI runtime create failed: container_linux.go:380: starting container process caused: ';

for (const [said, told] of [
  [
    `${chain}exec: "nosuch": executable file not found in $PATH: unknown`,
    'command "nosuch" is not in the image',
  ],
  [
    `${newChain}exec: "/no": stat /no: no such file or directory: unknown`,
    'command "/no" is not in the image',
  ],
  [
    `${oldChain}exec: "nosuch": executable file not found in $PATH: unknown`,
    'command "nosuch" is not in the image',
  ],
  [`${newChain}exec: "/tmp": is a directory: unknown`, 'command "/tmp" is a directory'],
  [
    `${chain}exec: "/etc/passwd": permission denied: unknown`,
    'command "/etc/passwd" may not be executed: permission denied; make the file executable',
  ],
  [
    `${newChain}exec /app: exec format error`,
    'command "/app" is for another processor, or a script without a first line "#!"',
  ],
  [
    `${chain}chdir to cwd ("/etc/passwd") set in config.json failed: not a directory: unknown`,
    'working directory "/etc/passwd" can\'t be entered',
  ],
  ['cannot start a paused container, try unpause instead', 'it is paused; unpause it first'],
  ['unable to find user bob: no matching entries in passwd file', 'user "bob" is not in the image'],
  ['cannot join network of a non running container: 0123', 'its sandbox does not run'],
  [`${chain}something nobody has seen: unknown`, 'something nobody has seen'],
  ['driver failed programming external connectivity', 'driver failed programming external connectivity'],
] as const)
  t.match(
    startFailure(said),
    { code: 'START_FAILED', retryable: false, message: `The container could not be started: ${told}` },
    told,
  );

for (const said of [
  'id already in use',
  'failed to start shim: mkdir /var/lib/x/io.containerd.runtime.v2.task/moby/b6b0: file exists',
])
  t.match(startFailure(said), {
    code: 'START_FAILED',
    retryable: true,
    message: /has not cleared away yet what is left of a start that it was killed in/,
  });
t.match(startFailure('write /x: no space left on device'), { code: 'DISK_FULL' });
t.match(startFailure('error reading from server: EOF: unavailable'), {
  code: 'ENGINE_UNAVAILABLE',
  retryable: true,
});
t.end();
