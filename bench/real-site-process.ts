/** The process of a whole Troupe, with the settings of its argument. Tells its parent when its host is online. */
import { runAllInOne } from '../src/main/all-in-one.ts';
import { storeOf } from '../src/main/stores.ts';
import { allOnline, configOf, environment, silent } from './site.ts';

const config = configOf(JSON.parse(process.argv[2]!) as Record<string, string>);
const site = await runAllInOne(config, environment, storeOf(config, environment), silent);
await allOnline(site.process.controlPlane, 1);
process.send!('online');
process.once('SIGTERM', () => void site.stop().then(() => process.exit(0)));
