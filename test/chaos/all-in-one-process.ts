/** Control plane and agent in one process, as `troupe up` runs them, with crash points at the store and at the engine. */
import { createEnvironment } from '../../src/main/environment.ts';
import { runAllInOne } from '../../src/main/all-in-one.ts';
import { storeOf } from '../../src/main/stores.ts';
import { crashingDriver, crashingStore, passed } from './crash-points.ts';
import { config, log } from './process-settings.ts';

const environment = createEnvironment(log);
const store = crashingStore(storeOf(config, environment));
await runAllInOne(config, environment, store, log, { wrapDriver: crashingDriver });
process.on('message', (message) => {
  if (message === 'passed') process.send!({ passed: passed() });
});
process.send!({ ready: true });
