/** Real host agents in one process, each with an engine in memory. Answers `{report}` with its CPU so far, in milliseconds. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runAgent } from '../src/main/host-agent.ts';
import { createFakeDriver } from '../test/support/fake-driver.ts';
import { configOf, cpuMs, environment } from './site.ts';

export interface IdleStart {
  /** Of the link, without its path. */
  readonly url: string;
  readonly directory: string;
  readonly tokens: readonly string[];
}

async function start({ url, directory, tokens }: IdleStart): Promise<void> {
  for (const [index, joinToken] of tokens.entries()) {
    const own = join(directory, `agent-${index}`);
    mkdirSync(own);
    const driver = createFakeDriver(() => Date.now());
    driver.imageNames.add('busybox:latest');
    await runAgent(configOf({ 'state.directory': own }), environment, {
      controlUrl: url,
      joinToken: async () => joinToken,
      wrapDriver: () => driver,
    });
  }
}

process.on('message', (message: IdleStart | { report: true }) => {
  if ('report' in message) process.send!(cpuMs());
  else void start(message);
});
process.on('disconnect', () => process.exit(0));
