/** Claims the path that it is given, says so, and lives until it is killed. */
import { claimProcess } from '../../src/main/process-file.ts';

claimProcess(process.argv[2]!, 'troupe up');
process.stdout.write('claimed\n');
setInterval(() => {}, 60_000);
