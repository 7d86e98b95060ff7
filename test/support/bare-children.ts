/**
 * Loaded before each test file: tap counts what processes load, those that a test starts included, for coverage that is not
 * asked for; `troupe` takes more than twice as long to start then, and is not what a user starts.
 */
import processOnSpawn from 'process-on-spawn';

processOnSpawn.removeAllListeners();
delete process.env['NODE_OPTIONS'];
