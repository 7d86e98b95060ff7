/** Credentials as clouds.yaml and the OS_* variables give them. */
import t from 'tap';
import { accessFromFile, accessFromVariables } from '../../src/openstack/access.ts';

const path = '/etc/openstack/clouds.yaml';
const read = (text: string, cloud = 'mine', secure: string | null = null) =>
  accessFromFile({ text, secure, path }, cloud);

const byPassword = `
clouds:
  mine:
    auth: {auth_url: 'https://cloud.example:5000', username: troupe, project_name: service, user_domain_name: Default, project_domain_id: d1}
    region_name: R1
    interface: internal
    cacert: /etc/ssl/cloud.pem
`;

t.test('a password may be in secure.yaml beside it', async (t) => {
  const secure = 'clouds: {mine: {auth: {password: secret}}}';
  t.strictSame(read(byPassword, 'mine', secure), {
    authUrl: 'https://cloud.example:5000/v3',
    auth: {
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: 'troupe', domain: { name: 'Default' }, password: 'secret' } },
        },
        scope: { project: { name: 'service', domain: { id: 'd1' } } },
      },
    },
    region: 'R1',
    interface: 'internal',
    caFile: '/etc/ssl/cloud.pem',
  });
});

t.test('an application credential needs no project', async (t) => {
  const { auth, interface: chosen } = accessFromVariables({
    OS_AUTH_TYPE: 'v3applicationcredential',
    OS_AUTH_URL: 'https://cloud.example/identity/v3/',
    OS_APPLICATION_CREDENTIAL_ID: 'id',
    OS_APPLICATION_CREDENTIAL_SECRET: 'secret',
    OS_ENDPOINT_TYPE: 'adminURL',
  });
  t.strictSame(auth, {
    auth: {
      identity: {
        methods: ['application_credential'],
        application_credential: { id: 'id', secret: 'secret' },
      },
    },
  });
  t.equal(chosen, 'admin');
});

t.test('what is missing or wrong is named, and no secret with it', async (t) => {
  const wrong = (run: () => unknown, message: RegExp): void =>
    void t.throws(run, { code: 'INVALID_CONFIG', message });
  wrong(() => read(byPassword), /^password of cloud "mine" in "\/etc\/openstack\/clouds\.yaml" is missing$/);
  wrong(() => read(byPassword, 'other'), /^There is no cloud "other" in ".*"; it has mine$/);
  wrong(() => read('clouds: [}: secret'), /^".*" can't be read: (?!.*secret)/);
  const variables = {
    OS_AUTH_URL: 'http://k:5000',
    OS_USERNAME: 'u',
    OS_PASSWORD: 'p',
    OS_PROJECT_NAME: 'x',
  };
  t.equal(accessFromVariables(variables).authUrl, 'http://k:5000/v3');
  wrong(() => accessFromVariables({ ...variables, OS_AUTH_URL: 'k:5000' }), /^OS_AUTH_URL must be a URL/);
  wrong(() => accessFromVariables({ ...variables, OS_AUTH_URL: 'http://k/v2.0' }), /must end in \/v3/);
  wrong(
    () => accessFromVariables({ ...variables, OS_INTERFACE: 'secret' }),
    /^OS_INTERFACE must be one of public/,
  );
  wrong(
    () => accessFromVariables({ ...variables, OS_AUTH_TYPE: 'admin_token' }),
    /^OS_AUTH_TYPE must be one of password/,
  );
});
