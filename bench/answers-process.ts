/** Connects to an address over and over: says `ready` when it answers first, then how long it once did not, in milliseconds, and ends. */
import { connect } from 'node:net';
import { pause } from './site.ts';

const [address = '', port = ''] = process.argv.slice(2);
const lookMs = 5;
const timeoutMs = 100;

const answers = (): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: address, port: Number(port), timeout: timeoutMs });
    const end = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });

while (!(await answers())) await pause(lookMs);
console.log('ready');
let last = performance.now();
for (let isSilent = false; ;) {
  const isOpen = await answers();
  if (isOpen && isSilent) break;
  if (isOpen) last = performance.now();
  isSilent ||= !isOpen;
  await pause(lookMs);
}
console.log(performance.now() - last);
process.exit(0);
