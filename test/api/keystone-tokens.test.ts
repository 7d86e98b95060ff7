/** What is remembered of Keystone's tokens, by a clock that stands still; who may call by them is in test/openstack. */
import t from 'tap';
import { createKeystoneAuthenticator, type TokenFacts } from '../../src/api/auth/keystone-tokens.ts';
import { TroupeError } from '../../src/errors/errors.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

const hour = 3_600_000;

function createScene() {
  const environment = createTestEnvironment();
  const asked: string[] = [];
  const facts: TokenFacts = {
    userId: 'u',
    userName: 'mia',
    project: { id: 'p1', name: 'blue' },
    roles: ['member'],
    expiresAt: environment.now() + hour,
  };
  /** What Keystone says next; an error is thrown. */
  const says = { answer: facts as TokenFacts | TroupeError | null };
  const authenticator = createKeystoneAuthenticator({
    environment,
    publicUrl: 'http://keystone/v3',
    recheckMs: 60_000,
    validator: {
      async validate(token) {
        asked.push(token);
        if (says.answer instanceof Error) throw says.answer;
        return says.answer;
      },
    },
  });
  return {
    environment,
    asked,
    facts,
    says,
    authenticate: (token: string) => authenticator.authenticate({ token }),
  };
}
const away = new TroupeError('CLOUD_UNAVAILABLE', 'Keystone is away');

t.test(
  'Keystone is asked once within the window, however many ask at once, and again after it',
  async (t) => {
    const { environment, asked, authenticate } = createScene();
    const found = await Promise.all(Array.from({ length: 20 }, () => authenticate('a')));
    t.ok(found.every((identity) => identity?.projectId === 'p1'));
    await environment.advance(59_999);
    await authenticate('a');
    t.same(asked, ['a']);
    await environment.advance(1);
    await authenticate('a');
    t.same(asked, ['a', 'a']);
  },
);

t.test('a token that was refused is not asked about again at once', async (t) => {
  const scene = createScene();
  scene.says.answer = null;
  t.equal(await scene.authenticate('a'), null);
  t.equal(await scene.authenticate('a'), null);
  t.same(scene.asked, ['a']);
});

t.test('a clock that is set ends no token, and keeps none alive', async (t) => {
  const scene = createScene();
  const { environment, authenticate } = scene;
  t.ok(await authenticate('a'));
  scene.says.answer = away;
  await environment.advance(120_000);
  environment.setWallClock(environment.now() + 2 * hour);
  t.ok(await authenticate('a'), 'an hour later by the wall, two minutes by the monotonic clock');
  environment.setWallClock(environment.now() - 24 * hour);
  await environment.advance(hour);
  await t.rejects(authenticate('a'), { code: 'CLOUD_UNAVAILABLE' });
});

t.test(
  'while Keystone is away a known token counts until it ends, an unknown one can’t be told',
  async (t) => {
    const scene = createScene();
    const { environment, authenticate } = scene;
    t.ok(await authenticate('a'));
    scene.says.answer = away;
    await t.rejects(authenticate('b'), { code: 'CLOUD_UNAVAILABLE' });
    await environment.advance(hour - 1);
    t.ok(await authenticate('a'));
    await environment.advance(1);
    await t.rejects(authenticate('a'), { code: 'CLOUD_UNAVAILABLE' });
  },
);

t.test('no more than ten thousand tokens are remembered', async (t) => {
  const { asked, authenticate } = createScene();
  for (let index = 0; index <= 10_000; index += 1) await authenticate(`token-${index}`);
  asked.length = 0;
  await authenticate('token-10000');
  t.same(asked, []);
  await authenticate('token-0');
  t.same(asked, ['token-0']);
});

t.test('what a watcher is told of its token’s validity', async (t) => {
  const scene = createScene();
  const { facts } = scene;
  const { validity } = (await scene.authenticate('a'))!;
  t.equal(validity?.dueMs(), 60_000);
  await scene.environment.advance(60_000);
  t.equal(validity?.dueMs(), 1_000, 'never at once');
  scene.says.answer = away;
  t.equal(await validity?.stillHolds(), true, 'it was good when last heard of');
  await scene.environment.advance(hour);
  t.equal(await validity?.stillHolds(), false, 'it has ended, whoever is away');

  scene.says.answer = { ...facts, expiresAt: scene.environment.now() + hour };
  const other = (await scene.authenticate('b'))!;
  await scene.environment.advance(60_000);
  scene.says.answer = null;
  t.equal(await other.validity?.stillHolds(), false, 'it was revoked');
});
